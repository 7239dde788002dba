#include "say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static enum { AUTO, ALWAYS, NEVER } colours;

bool gf_say_colours(const char *when) {
    static const char *const words[] = {"auto", "always", "never"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(when, words[i]) == 0) {
            colours = i;
            return true;
        }
    }
    gf_say_error("--color=%s is not allowed; allowed: auto, always, never", when);
    return false;
}

bool gf_say_coloured(FILE *stream) {
    const char *none = getenv("NO_COLOR"); /* no-color.org: any value but the empty one */
    if (colours != AUTO)
        return colours == ALWAYS;
    return !(none && *none) && isatty(fileno(stream));
}

const char *gf_say_start(FILE *stream, enum gf_colour colour) {
    static const char *const codes[] = {"",         "\033[32m", "\033[33m",
                                        "\033[31m", "\033[1m",  "\033[2m"};
    return gf_say_coloured(stream) ? codes[colour] : "";
}

const char *gf_say_end(FILE *stream) {
    return gf_say_coloured(stream) ? "\033[0m" : "";
}

static void say(const char *kind, const char *format, va_list arguments) {
    fflush(stdout);
    fprintf(stderr, "gcfreeze: %s", kind);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void gf_say_error(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say("", format, arguments);
    va_end(arguments);
}

void gf_say_warning(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say("warning: ", format, arguments);
    va_end(arguments);
}

void gf_say_quoted(FILE *stream, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:=,@%+";
    if (*word && word[strspn(word, plain)] == '\0') {
        fputs(word, stream);
        return;
    }
    fputc('\'', stream);
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", stream);
        else
            fputc(*word, stream);
    }
    fputc('\'', stream);
}

void gf_say_json(FILE *stream, const char *text) {
    size_t size = strlen(text) * 6 + 3; /* the longest escape has six characters */
    char *buffer = malloc(size);
    struct gf_text json;
    if (!buffer) {
        fputs("null", stream);
        return;
    }
    gf_text_init(&json, buffer, size);
    gf_text_add_json(&json, text);
    fputs(buffer, stream);
    free(buffer);
}

bool gf_say_flushed(void) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    gf_say_error("cannot write the answer: %s", strerror(errno));
    return false;
}
