#include "pages/giveback.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "pages/arenas.h"
#include "pages/obstacle.h"
#include "pages/page.h"
#include "pages/pagemap.h"
#include "process/threads.h"
#include "process/writers.h"

#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* Drops pages that are equal to the copy. False with *ret set: it ends here. */
typedef bool (*drop_function)(struct gf_pass *pass, const struct gf_run *run, const char *original,
                              enum gcfreeze_reason *ret);

/* One pass is made at a time. The threads of one beside threads: */
static struct gf_others others;

/* Has this slice found that the process has no io_uring? Asked where memory cannot be moved. */
static bool no_ring;

static uint64_t copies_of(const struct gf_run *run) {
    return (uint64_t)__builtin_popcountll(run->copies);
}

/* Of pages `from` to `to` of a run: from the first copy to the last one. Size 0: none is one. */
static struct gf_run part_of(const struct gf_run *run, size_t from, size_t to) {
    const size_t page = gf_page_size();
    uint64_t copies = run->copies >> from;
    if (to - from < GF_RUN_PAGES)
        copies &= (UINT64_C(1) << (to - from)) - 1;
    if (copies == 0)
        return (struct gf_run){0};
    size_t first = (size_t)__builtin_ctzll(copies);
    copies >>= first;
    size_t pages = 64 - (size_t)__builtin_clzll(copies);
    return (struct gf_run){run->start + (from + first) * page, pages * page, copies};
}

/* Somebody wrote between the comparison and the move: those bytes are in `moved` alone. They go
 * back to where they were, unless that byte was written again since. */
static void put_back(char *start, const char *original, const char *moved, size_t size) {
    for (size_t i = 0; i < size; i++) {
        char expected = original[i];
        if (moved[i] != expected)
            __atomic_compare_exchange_n(&start[i], &expected, moved[i], false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED);
    }
}

/* Who has been waiting for the interpreter, or is in a system call, sleeps before long: the others
 * are given so much time for that. */
static const int64_t settle_us = 1000;

static bool others_settle(int64_t until_us) {
    const int64_t latest_us = gf_clock_us() + settle_us;
    until_us = until_us < latest_us ? until_us : latest_us;
    while (!gf_others_sleep(&others)) {
        if (gf_clock_us() >= until_us)
            return false;
        sched_yield();
    }
    return true;
}

/* The run is equal, and none of the threads that slept before it was compared has run since. One
 * that wakes now and then (for the interpreter: every 5 ms) is asked once more. */
static bool undisturbed(const char *start, const char *original, size_t size, bool *ret_equal,
                        enum gcfreeze_reason *ret) {
    *ret_equal = true;
    for (int attempt = 0; attempt < 3; attempt++) {
        if (gf_others_still_sleep(&others))
            return true;
        if (!gf_others_sleep(&others))
            break;
        *ret_equal = memcmp(start, original, size) == 0;
    }
    *ret = GCFREEZE_REASON_BUSY_THREADS;
    return false;
}

/* Moving takes the lock off the memory that stays behind (mm/mremap.c), and nobody says so. An
 * advice that changes nothing for a page that goes anyway is refused for locked memory; whoever
 * refuses it for another reason (a sandbox, Linux before 5.4) does not tell. */
static bool may_be_locked(char *start) {
    return madvise(start, gf_page_size(), MADV_COLD) != 0;
}

/* In one step: the place shows the copy from then on. NULL with *ret: all is as before. */
static char *move_away(char *start, size_t size, enum gcfreeze_reason *ret) {
    char *moved = mremap(start, size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    if (moved != MAP_FAILED)
        return moved;
    *ret = errno == EINVAL ? GCFREEZE_REASON_OLD_KERNEL : GCFREEZE_REASON_NO_ROOM;
    return NULL;
}

/* False: somebody wrote before the move, and those bytes were put back. */
static bool drop_moved(struct gf_pass *pass, const struct gf_run *run, const char *original,
                       char *moved) {
    bool equal = memcmp(moved, original, run->size) == 0;
    if (equal)
        pass->given += copies_of(run);
    else
        put_back(run->start, original, moved, run->size);
    munmap(moved, run->size);
    return equal;
}

static bool drop_in_place(struct gf_pass *pass, const struct gf_run *run,
                          enum gcfreeze_reason *ret) {
    if (madvise(run->start, run->size, MADV_DONTNEED) != 0) {
        *ret = GCFREEZE_REASON_LOCKED_MEMORY;
        return false;
    }
    pass->given += copies_of(run);
    return true;
}

/* No thread can write between the comparison and the drop, but the requests of an io_uring can:
 * they are finished by this very thread when an interrupt returns. Where memory cannot be moved (an
 * older kernel, a limit), it is dropped in place if there is no ring. */
static bool drop_alone(struct gf_pass *pass, const struct gf_run *run, const char *original,
                       enum gcfreeze_reason *ret) {
    enum gcfreeze_reason obstacle = GCFREEZE_REASON_LOCKED_MEMORY;
    char *moved = may_be_locked(run->start) ? NULL : move_away(run->start, run->size, &obstacle);
    if (!moved) {
        no_ring = no_ring || gf_writers_ring() == 0;
        if (no_ring)
            return drop_in_place(pass, run, ret);
        *ret = obstacle;
        return false;
    }
    if (!drop_moved(pass, run, original, moved))
        pass->kept += copies_of(run);
    return true;
}

static bool drop_shared(struct gf_pass *pass, const struct gf_run *run, const char *original,
                        enum gcfreeze_reason *ret) {
    bool equal;
    if (may_be_locked(run->start)) {
        *ret = GCFREEZE_REASON_LOCKED_MEMORY;
        return false;
    }
    if (!undisturbed(run->start, original, run->size, &equal, ret))
        return false;
    if (!equal) {
        pass->kept += copies_of(run);
        return true;
    }
    char *moved = move_away(run->start, run->size, ret);
    if (!moved)
        return false;
    equal = drop_moved(pass, run, original, moved);
    if (!equal)
        *ret = GCFREEZE_REASON_RACED;
    return equal;
}

/* The parts of one run that are equal to the copy, page by page. There may be 32, and beside many
 * threads each takes longer than a whole run alone: the clock is asked between them. */
static bool give_run(struct gf_pass *pass, const struct gf_run *run, int64_t until_us,
                     drop_function drop, enum gcfreeze_reason *ret) {
    const size_t page = gf_page_size();
    const size_t offset = (size_t)(run->start - gf_arena_address(pass->arena));
    const char *original = pass->arena->original + offset;
    const size_t pages = run->size / page;
    for (size_t from = 0, to; from < pages; from = to) {
        to = from;
        while (to < pages && memcmp(run->start + to * page, original + to * page, page) == 0)
            to++;
        struct gf_run part = part_of(run, from, to);
        if (part.size > 0 && !drop(pass, &part, original + (part.start - run->start), ret))
            return false;
        if (to < pages) {
            pass->kept++;
            to++;
        }
        pass->offset = offset + to * page;
        if (part.size > 0 && to < pages && gf_clock_us() >= until_us)
            break;
    }
    return true;
}

/* The pages of the copy that were looked at count as this process's memory while they are mapped
 * here a second time. */
static void unmap_original(const struct gf_arena *arena) {
    if (arena)
        madvise((void *)arena->original, gf_arena_size(arena), MADV_DONTNEED);
}

static bool enter_next_arena(struct gf_pass *pass) {
    do
        pass->arena = gf_arenas_next(&pass->position);
    while (pass->arena && !pass->arena->original);
    pass->offset = 0;
    return pass->arena != NULL;
}

/* Between two slices arenas may have been freed, and others come to their slots. */
static bool arena_is_there(const struct gf_pass *pass) {
    return pass->arena && pass->arena->original && pass->offset < gf_arena_size(pass->arena);
}

static bool walk(struct gf_pass *pass, int descriptor, int64_t until_us, drop_function drop,
                 enum gcfreeze_reason *ret) {
    *ret = GCFREEZE_REASON_NONE;
    const struct gf_arena *compared = NULL;
    bool over = false, stopped = false;
    do {
        struct gf_run run;
        int error = 0;
        if (!arena_is_there(pass)) {
            unmap_original(compared);
            compared = NULL;
            if (!enter_next_arena(pass)) {
                over = true;
                break;
            }
        }
        char *start = gf_arena_address(pass->arena);
        size_t size = gf_arena_size(pass->arena);
        if (gf_pagemap_next(descriptor, start + pass->offset, start + size, &run, &error)) {
            compared = pass->arena;
            stopped = !give_run(pass, &run, until_us, drop, ret);
            over = stopped && *ret != GCFREEZE_REASON_BUSY_THREADS;
        } else {
            pass->offset = size;
            over = error != 0;
            if (over)
                *ret = GCFREEZE_REASON_NO_PROC;
        }
    } while (!over && !stopped && gf_clock_us() < until_us);
    unmap_original(compared);
    gf_pagemap_close(descriptor);
    return over;
}

/* Where the kernel does not tell which pages are copies, all that are equal are dropped: for those
 * that are the file's nothing changes. How many were regained shows in what the process has. */
static bool walk_blindly(struct gf_pass *pass, int descriptor, int64_t until_us,
                         enum gcfreeze_reason *ret) {
    const uint64_t given = pass->given;
    long before = gf_pagemap_own_pages();
    bool over = walk(pass, descriptor, until_us, drop_alone, ret);
    const long after = gf_pagemap_own_pages();
    pass->given = given + (after >= 0 && before > after ? (uint64_t)(before - after) : 0);
    return over;
}

static bool begin(int *ret_descriptor, enum gcfreeze_reason *ret) {
    no_ring = false;
    *ret = gf_obstacle_pinned();
    if (*ret != GCFREEZE_REASON_NONE)
        return false;
    *ret_descriptor = gf_pagemap_open();
    if (*ret_descriptor != -1)
        return true;
    *ret = gf_obstacle_proc();
    return false;
}

bool gf_giveback_alone(struct gf_pass *pass, int64_t until_us, enum gcfreeze_reason *ret) {
    int descriptor;
    if (!begin(&descriptor, ret))
        return true;
    if (descriptor == GF_PAGEMAP_CLOSED)
        return walk_blindly(pass, descriptor, until_us, ret);
    return walk(pass, descriptor, until_us, drop_alone, ret);
}

bool gf_giveback_shared(struct gf_pass *pass, int64_t until_us, enum gcfreeze_reason *ret) {
    int descriptor;
    *ret = GCFREEZE_REASON_BUSY_THREADS;
    if (!others_settle(until_us))
        return false;
    if (!begin(&descriptor, ret))
        return true;
    /* moving pages that are nobody's copies would be waste */
    if (descriptor == GF_PAGEMAP_CLOSED) {
        *ret = GCFREEZE_REASON_NO_PROC;
        return true;
    }
    return walk(pass, descriptor, until_us, drop_shared, ret);
}
