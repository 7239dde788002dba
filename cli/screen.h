/* The terminal as a screen of our own: keys arrive one by one, and what was there comes back at the
 * end, whichever way out that is. */
#ifndef GF_CLI_SCREEN_H
#define GF_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "lines.h"

/* What happened while waiting: a character that was typed, or one of these. */
enum gf_event {
    GF_EVENT_TIMEOUT = 0,
    GF_EVENT_UP = 0x100,
    GF_EVENT_DOWN,
    GF_EVENT_PAGE_UP,
    GF_EVENT_PAGE_DOWN,
    GF_EVENT_HOME,
    GF_EVENT_END,
    GF_EVENT_REDRAW, /* another size, or back from the background */
    GF_EVENT_OTHER,  /* a key that is none of these */
    GF_EVENT_CLOSED  /* the terminal is gone, or a signal asks us to end */
};

/* Are stdin and stdout a terminal that can do this? */
bool gf_screen_possible(void);

/* False with errno. */
bool gf_screen_open(void);

/* Gives everything back. If a signal asked us to end, it ends us now. */
void gf_screen_close(void);

void gf_screen_size(int *ret_rows, int *ret_columns);

/* Shows `head`, the lines of `body` from `first` on that fit, and in the last row `foot`. */
void gf_screen_show(const struct gf_lines *head, const struct gf_lines *body, size_t first,
                    const struct gf_line *foot);

int gf_screen_wait(int milliseconds);

#endif
