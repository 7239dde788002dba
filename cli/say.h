/* Talking to people: errors, marks and colours. Text on a pipe has no escape codes. */
#ifndef GF_CLI_SAY_H
#define GF_CLI_SAY_H

#include <stdbool.h>
#include <stdio.h>

enum gf_colour { GF_PLAIN, GF_GREEN, GF_YELLOW, GF_RED, GF_BOLD, GF_DIM };

/* --color=auto, always or never; "auto" is the start: a terminal, and no NO_COLOR. False for any
 * other word, after an error. */
bool gf_say_colours(const char *when);

/* Whether this stream gets escape codes. */
bool gf_say_coloured(FILE *stream);

/* What to print before and after coloured text: empty strings where there is no colour. */
const char *gf_say_start(FILE *stream, enum gf_colour colour);
const char *gf_say_end(FILE *stream);

/* "gcfreeze: <message>" on stderr: what was wrong, with which value, and what to do. */
void gf_say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void gf_say_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A word as a POSIX shell reads it: quoted where that is needed. */
void gf_say_quoted(FILE *stream, const char *word);

/* A JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void gf_say_json(FILE *stream, const char *text);

/* Everything arrived at stdout? Else an error was printed. */
bool gf_say_flushed(void);

#endif
