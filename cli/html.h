/* Pages that need nothing but themselves: one style sheet, no script, light and dark, wide and
 * narrow. */
#ifndef GF_CLI_HTML_H
#define GF_CLI_HTML_H

#include <stdio.h>

/* Up to and with the heading. */
void gf_html_begin(FILE *stream, const char *title);
void gf_html_end(FILE *stream);

/* Text that means itself: in elements and in quoted attributes. Bytes that are no UTF-8 become
 * U+FFFD, control characters spaces. */
void gf_html_text(FILE *stream, const char *text);

/* The same through printf. */
void gf_html_print(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* <h2>, and a line below it that says how to read what follows (may be NULL). */
void gf_html_section(FILE *stream, const char *title, const char *explanation);

#endif
