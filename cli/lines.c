#include "lines.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>

void gf_lines_add(struct gf_lines *lines, enum gf_colour style, const char *format, ...) {
    if (lines->count == lines->room) {
        size_t room = lines->room ? lines->room * 2 : 64;
        struct gf_line *list = realloc(lines->list, room * sizeof *list);
        if (!list)
            return;
        lines->list = list;
        lines->room = room;
    }
    struct gf_line *line = &lines->list[lines->count];
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&line->text, format, arguments) >= 0) {
        line->style = style;
        lines->count++;
    }
    va_end(arguments);
}

void gf_line_print(const struct gf_line *line, int width, FILE *stream) {
    bool styled = line->style != GF_PLAIN;
    fprintf(stream, "%s%.*s%s", gf_say_start(stream, line->style), width, line->text,
            styled ? gf_say_end(stream) : "");
}

void gf_lines_print(const struct gf_lines *lines, FILE *stream) {
    for (size_t i = 0; i < lines->count; i++) {
        gf_line_print(&lines->list[i], INT_MAX, stream);
        fputc('\n', stream);
    }
}

void gf_lines_release(struct gf_lines *lines) {
    for (size_t i = 0; i < lines->count; i++)
        free(lines->list[i].text);
    free(lines->list);
    *lines = (struct gf_lines){0};
}
