/* What `gcfreeze doctor` looks at. A check says what it found as one or more findings. */
#ifndef GF_CLI_CHECKS_H
#define GF_CLI_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tree.h"

/* In the order of how bad it is: the worst one is the program's exit code. */
enum gf_mark { GF_GOOD, GF_WARN, GF_BAD };

/* Reports a finding: `topic` is a word, `advice` what to do about it, or NULL. */
void gf_found(enum gf_mark mark, const char *topic, const char *advice, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The library itself: there, loadable, and what it needs. NULL if it is not to be found. */
const char *gf_check_library(void);

/* A command that is to be started, with its arguments. */
void gf_check_command(char **command, const char *library);

/* The interpreter that executes a command. */
struct gf_interpreter {
    bool known;         /* it works with the library; then the others are set */
    char version[64];   /* "3.13.0" */
    bool immortal;      /* it can make objects immortal */
    char obstacle[128]; /* why it cannot: "needs CPython 3.12" */
};

/* Does the server load the application before it forks workers? */
void gf_check_preloading(char *const *command, const struct gf_interpreter *interpreter);

/* A Python program of whose workers nothing is known: which of them share what they are handed?
 * `forks`: it says itself that it forks them. */
void gf_check_start_methods(const struct gf_interpreter *interpreter, bool forks);

/* The same for workers that are there. */
void gf_check_workers(const struct gf_tree *tree);

/* Settings, libunwind, other preloaded libraries, the kernel. */
void gf_check_surroundings(void);

/* A server that runs: what the library did in it and its workers. */
void gf_check_process(pid_t pid);

/* GCFREEZE_RESHARE in a master and its workers: what was copied, what passes do, and why not. */
void gf_check_passes(const struct gf_tree *tree, const struct gf_member *master);

/* A master's workers' own memory: is most of it new since the fork, where sharing cannot help? */
void gf_check_private(const struct gf_tree *tree, const struct gf_member *master);

#endif
