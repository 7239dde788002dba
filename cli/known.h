/* Processes that are looked at again and again: what seldom changes is remembered, so that a look
 * at 200 of them stays cheap. */
#ifndef GF_CLI_KNOWN_H
#define GF_CLI_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "maps.h"
#include "memory.h"
#include "page.h"
#include "process.h"

struct gf_known {
    struct gf_process process; /* as of the last gf_known_update */

    int looks;       /* how often the mappings were read */
    bool closed;     /* they are not ours to read, or were gone */
    uint64_t mapped; /* the process's size when they were */
    struct gf_maps maps;
    uint64_t page; /* address of the status page; 0: none was found */

    bool read; /* use is set, from what gf_known_measure last read */
    struct gf_memory_use use;
    long copied;     /* KiB of use.own that its parent has, too; -1: not known */
    int64_t read_us; /* CLOCK_MONOTONIC; 0: never */
};

/* Starts as zeros. */
struct gf_known_list {
    struct gf_known *list; /* sorted by pid */
    size_t count;
};

/* All processes of this moment, with what is known of those that were there before: the same
 * process in the same program. False with errno. */
bool gf_known_update(struct gf_known_list *known);
void gf_known_release(struct gf_known_list *known);

struct gf_known *gf_known_find(const struct gf_known_list *known, pid_t pid);

/* Is the library in there? Reads the mappings of a process that was not looked at before, and once
 * more if it was just about to load it. */
bool gf_known_loaded(struct gf_known *process);

/* Reads its mappings, if they have changed since. False: it is closed to us, or gone. */
bool gf_known_map(struct gf_known *process);

enum gf_page_answer gf_known_page(struct gf_known *process, struct gcfreeze_page *ret);

/* Has `process` been forked by `parent`, and goes on in its program? False where the kernel does
 * not say so. */
bool gf_known_forked(const struct gf_process *process, const struct gf_process *parent);

/* Reads its memory figures: the one thing that costs (0.1 ms and more; each page is looked at).
 * `forker` has forked it; NULL: nobody that is known. False with errno. */
bool gf_known_measure(struct gf_known *process, struct gf_known *forker);

#endif
