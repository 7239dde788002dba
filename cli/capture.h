/* Starts a program and keeps what it prints. */
#ifndef GF_CLI_CAPTURE_H
#define GF_CLI_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>

struct gf_capture {
    const char *program;
    char *const *arguments, *const *environment;
    bool errors;     /* what goes to stderr, too */
    bool first_line; /* no more than that, without its end */
};

/* The exit code, or -1 with errno: it could not be started (else errno is 0: a signal ended it).
 * What it printed is in `text`, cut to `size` and terminated. */
int gf_capture(const struct gf_capture *capture, char *text, size_t size);

#endif
