/* Lines of text that are kept before they are shown: printed, or a part of them on a screen. */
#ifndef GF_CLI_LINES_H
#define GF_CLI_LINES_H

#include <stddef.h>

#include "say.h"

struct gf_line {
    enum gf_colour style;
    char *text; /* without its end of line; only what can be printed, one column a byte */
};

/* Starts as zeros. Without memory lines are left out. */
struct gf_lines {
    struct gf_line *list;
    size_t count, room;
};

void gf_lines_add(struct gf_lines *lines, enum gf_colour style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Each with an end of line. */
void gf_lines_print(const struct gf_lines *lines, FILE *stream);

/* One line without its end, cut to `width`. */
void gf_line_print(const struct gf_line *line, int width, FILE *stream);

void gf_lines_release(struct gf_lines *lines);

#endif
