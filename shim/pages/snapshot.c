#include "pages/snapshot.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "pages/arenas.h"
#include "pages/copy.h"
#include "pages/obstacle.h"
#include "pages/pagemap.h"
#include "pages/room.h"
#include "process/threads.h"
#include "process/writers.h"

/* Neighbours whose addresses start in the same window share a copy. A copy goes back to the system
 * when the last of its arenas has been freed by everybody, so windows are small; and it needs two
 * mappings, so that there may not be too many: a window has at least a thousandth of all arenas. */
enum { WINDOW = GF_COPY_HUGE, MOST_WINDOW = 1 << 30, WINDOWS = 1024 };

/* That a copy adds at most: its own two, and what is left of a mapping out of whose middle the
 * arena is taken. */
enum { MAPPINGS = 3 };

/* How much is copied between two looks at what room there is. */
enum { STRETCH = 8 << 20 };

/* A copy is replaced when so large a part of it is of no use to its process any more. */
enum { PARTS = 8 };

/* A look for copies to replace, and what it does, may take one part in so many of the time. */
enum { REST = 50 };

/* Most copies add two mappings and not three: they are counted anew where they might be used up. */
struct mappings {
    long left;
    size_t most;
};

struct taking {
    size_t window;
    size_t unseen; /* bytes copied since the last look at what room there is */
    struct mappings mappings;
    size_t *bytes;
};

/* Arenas side by side. */
struct run {
    char *address;
    size_t size;
    size_t arena; /* the size of each */
};

/* When copies may be looked at again, by whom. */
static struct {
    pid_t taker;
    int64_t next_us;
} replacing;

/* Does an arena like this one start at `address`, in the same window, without a copy? */
static bool belongs(const char *address, const struct gf_arena *to, size_t window) {
    const struct gf_arena *arena = gf_arenas_find(address);
    return arena && !arena->original && gf_arena_size(arena) == gf_arena_size(to) &&
           (uintptr_t)address / window == (uintptr_t)gf_arena_address(to) / window;
}

static struct run run_around(const struct gf_arena *arena, size_t window) {
    const size_t size = gf_arena_size(arena);
    struct run run = {gf_arena_address(arena), size, size};
    while (belongs(run.address - size, arena, window))
        run.address -= size, run.size += size;
    while (belongs(run.address + run.size, arena, window))
        run.size += size;
    return run;
}

/* All of the run had no copy, or all of it had the same. */
static void note_copy(const struct run *run, const char *original) {
    const char *before = gf_arenas_find(run->address)->original;
    for (size_t offset = 0; offset < run->size; offset += run->arena) {
        struct gf_arena *arena = gf_arenas_find(run->address + offset);
        arena->original = original + offset;
        arena->taker = replacing.taker;
        arena->before = (uint16_t)(offset / GF_ARENA_UNIT);
        arena->whole = (uint16_t)(run->size / GF_ARENA_UNIT);
    }
    if (before)
        munmap((void *)before, run->size);
}

/* A signal handler of the host may write to an arena, or wait, so that a slice of a pass begins: it
 * runs before or after, not in between. */
static enum gcfreeze_reason take_undisturbed(const struct run *run) {
    sigset_t all, before;
    const char *original;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, &before) != 0)
        return GCFREEZE_REASON_NO_MEMFD;
    enum gcfreeze_reason reason = gf_copy_take(run->address, run->size, &original);
    if (reason == GCFREEZE_REASON_NONE)
        note_copy(run, original);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return reason;
}

/* The old memory is gone when the copy takes its place, and with it what came in between. */
static enum gcfreeze_reason other_writers(void) {
    enum gcfreeze_reason pinned = gf_obstacle_pinned();
    if (pinned != GCFREEZE_REASON_NONE)
        return pinned;
    int ring = gf_writers_ring();
    if (ring < 0)
        return gf_obstacle_proc();
    return ring ? GCFREEZE_REASON_IO_URING : GCFREEZE_REASON_NONE;
}

static enum gcfreeze_reason obstacle(size_t uncopied) {
    if (gf_arenas_count() == 0)
        return GCFREEZE_REASON_NO_ARENAS;
    int threads = gf_threads_left();
    if (threads != 1)
        return threads < 0 ? GCFREEZE_REASON_NO_PROC : GCFREEZE_REASON_THREADS;
    enum gcfreeze_reason reason = other_writers();
    return reason == GCFREEZE_REASON_NONE ? gf_room_for_mappings(uncopied) : reason;
}

static enum gcfreeze_reason use_mappings(struct mappings *mappings) {
    if (mappings->left < MAPPINGS)
        mappings->left = gf_room_of_mappings("/memfd:" GF_COPY_NAME, &mappings->most);
    if (mappings->left < 0)
        return gf_obstacle_proc();
    if (mappings->left < MAPPINGS)
        return GCFREEZE_REASON_TOO_MANY_ARENAS;
    mappings->left -= MAPPINGS;
    return GCFREEZE_REASON_NONE;
}

static enum gcfreeze_reason take(struct taking *taking, const struct run *run) {
    enum gcfreeze_reason reason = GCFREEZE_REASON_NONE;
    if (taking->unseen + run->size > STRETCH) {
        reason = gf_room_for(run->size, run->size > STRETCH ? run->size : STRETCH);
        taking->unseen = 0;
    }
    if (reason == GCFREEZE_REASON_NONE)
        reason = use_mappings(&taking->mappings);
    if (reason == GCFREEZE_REASON_NONE)
        reason = take_undisturbed(run);
    if (reason == GCFREEZE_REASON_NONE) {
        taking->unseen += run->size;
        *taking->bytes += run->size;
    }
    return reason;
}

static enum gcfreeze_reason take_new(struct taking *taking) {
    enum gcfreeze_reason reason = GCFREEZE_REASON_NONE;
    struct gf_arena *arena;
    size_t position = 0;
    while (reason == GCFREEZE_REASON_NONE && (arena = gf_arenas_next(&position)) != NULL) {
        if (arena->original)
            continue;
        const struct run run = run_around(arena, taking->window);
        reason = take(taking, &run);
    }
    return reason;
}

/* ---- copies that are replaced ---- */

/* A copy as it was taken. */
struct copy {
    char *address;
    const char *original;
    size_t size, arena;
};

static struct copy copy_of(const struct gf_arena *arena) {
    const size_t before = (size_t)arena->before * GF_ARENA_UNIT;
    return (struct copy){gf_arena_address(arena) - before, arena->original - before,
                         (size_t)arena->whole * GF_ARENA_UNIT, gf_arena_size(arena)};
}

static bool has_arena_at(const struct copy *copy, size_t offset) {
    const struct gf_arena *arena = gf_arenas_find(copy->address + offset);
    return offset < copy->size && arena && arena->original == copy->original + offset;
}

/* The next arenas of it that are side by side; false if there are no more. */
static bool next_run(const struct copy *copy, size_t *offset, struct run *ret) {
    while (*offset < copy->size && !has_arena_at(copy, *offset))
        *offset += copy->arena;
    *ret = (struct run){copy->address + *offset, 0, copy->arena};
    for (; has_arena_at(copy, *offset); *offset += copy->arena)
        ret->size += copy->arena;
    return ret->size > 0;
}

/* What a copy has of arenas that were freed, or pages that were written to, serves nobody. */
static bool is_outdated(const struct copy *copy, int pagemap) {
    size_t offset = 0, useless = copy->size;
    struct run run;
    while (next_run(copy, &offset, &run))
        useless -= run.size - gf_pagemap_copies(pagemap, run.address, run.address + run.size);
    return useless >= copy->size / PARTS;
}

static enum gcfreeze_reason replace(struct taking *taking, const struct copy *copy) {
    enum gcfreeze_reason reason = GCFREEZE_REASON_NONE;
    size_t offset = 0;
    struct run run;
    while (reason == GCFREEZE_REASON_NONE && next_run(copy, &offset, &run))
        reason = take(taking, &run);
    return reason;
}

/* What goes wrong here leaves copies that are as good as before. A process that may not see which
 * pages are its own replaces none. */
static void replace_outdated(struct taking *taking) {
    struct gf_arena *arena;
    size_t position = 0;
    int pagemap = gf_pagemap_open();
    while (pagemap >= 0 && (arena = gf_arenas_next(&position)) != NULL) {
        if (!arena->original || arena->taker != replacing.taker)
            continue;
        const struct copy copy = copy_of(arena);
        size_t first = 0;
        while (!has_arena_at(&copy, first))
            first += copy.arena;
        if (copy.address + first == gf_arena_address(arena) && is_outdated(&copy, pagemap) &&
            replace(taking, &copy) != GCFREEZE_REASON_NONE)
            break;
    }
    gf_pagemap_close(pagemap);
}

/* Whoever has inherited copies does not know who else has them. A grandchild whose parent is gone
 * may have them, too: then they are kept for it. */
static bool has_children(void) {
    const int options = WEXITED | WNOHANG | WNOWAIT;
    /* libc's function is a cancellation point */
    return syscall(SYS_waitid, P_ALL, 0, NULL, options, NULL) == 0 || errno != ECHILD;
}

bool gf_snapshot_may_be_replaced(void) {
    return replacing.taker != 0 && gf_clock_us() > replacing.next_us &&
           replacing.taker == getpid() && !has_children();
}

static size_t window_for(size_t bytes) {
    size_t window = WINDOW;
    while (window < bytes / WINDOWS && window < MOST_WINDOW)
        window *= 2;
    return window;
}

enum gcfreeze_reason gf_snapshot_take(size_t *ret_bytes) {
    const int64_t start = gf_clock_us();
    const bool replaced = gf_snapshot_may_be_replaced();
    const size_t before = *ret_bytes;
    struct gf_arena *arena;
    size_t position = 0, known = 0, uncopied = 0;
    while ((arena = gf_arenas_next(&position)) != NULL) {
        known += gf_arena_size(arena);
        uncopied += arena->original ? 0 : gf_arena_size(arena);
    }
    struct taking taking = {window_for(known), STRETCH, {0, 0}, ret_bytes};
    enum gcfreeze_reason reason = obstacle(uncopied);
    if (reason == GCFREEZE_REASON_NONE) {
        replacing.taker = getpid();
        reason = take_new(&taking);
    }
    if (reason == GCFREEZE_REASON_NONE && replaced)
        replace_outdated(&taking);
    if (replaced || *ret_bytes > before)
        replacing.next_us = gf_clock_us() + REST * (gf_clock_us() - start);
    return reason;
}
