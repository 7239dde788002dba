/* A command as the kernel would execute it, and whether the library can be loaded into it. */
#ifndef GF_CLI_TARGET_H
#define GF_CLI_TARGET_H

#include <limits.h>
#include <stdbool.h>

#include "image.h"

struct gf_target {
    char file[PATH_MAX];    /* what the command's name leads to */
    char program[PATH_MAX]; /* the ELF file that is executed: the interpreter of a script */
    struct gf_image elf;    /* of the program */
    bool secure; /* setuid, setgid or with capabilities: ld.so takes no paths from outside */
};

/* Finds `name` as execvp(3) does, and follows the first lines of scripts ("#!/usr/bin/env python3"
 * too). Returns 0; or GF_EXIT_NOT_FOUND or GF_EXIT_CANNOT_RUN after an error. */
int gf_target_find(const char *name, struct gf_target *ret);

/* Why the library cannot be loaded into it, as a sentence; NULL if it can. Asks the program's own
 * dynamic linker, which lists what it would load and executes nothing. Static storage. */
const char *gf_target_obstacle(const struct gf_target *target, const char *library);

#endif
