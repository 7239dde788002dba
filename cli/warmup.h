/* The words of GCFREEZE_WARMUP, as far as they can be judged without the application. */
#ifndef GF_CLI_WARMUP_H
#define GF_CLI_WARMUP_H

#include <stddef.h>

struct gf_warmup {
    size_t pages, functions; /* those of files, too */
    size_t bad;              /* the library leaves them out */
};

/* Reads the words, and the files that they name. `tell` gets a line for each bad one: what is wrong
 * with it. */
struct gf_warmup gf_warmup_read(const char *words, void (*tell)(const char *line));

#endif
