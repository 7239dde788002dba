#include "pages/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "pages/arenas.h"
#include "pages/obstacle.h"
#include "pages/room.h"
#include "process/threads.h"
#include "process/writers.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS   1033
#define F_SEAL_SEAL   1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW   4
#define F_SEAL_WRITE  8
#endif

/* Neighbours whose addresses start in the same mebibyte share a copy, as four arenas of 256 KiB may
 * do: each copy needs two mappings, which cost a fork half a microsecond each. */
static const uintptr_t together = 1 << 20;

/* That a copy adds at most: its own two, and what is left of a mapping out of whose middle the
 * arena is taken. */
enum { MAPPINGS = 3 };

/* How much is copied between two looks at what room there is. */
enum { STRETCH = 8 << 20 };

static int create(void) {
    /* Linux 6.3 complains in its log about a memfd that may be executed; older ones do not know the
     * flag */
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int file = memfd_create(GF_SNAPSHOT_NAME, flags | MFD_NOEXEC_SEAL);
    return file < 0 && errno == EINVAL ? memfd_create(GF_SNAPSHOT_NAME, flags) : file;
}

static bool write_all(int file, const char *data, size_t size) {
    while (size > 0) {
        ssize_t written = write(file, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

/* The descriptor of a sealed copy, or -1. */
static int copy(const char *address, size_t size, enum gcfreeze_reason *ret) {
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    int file = create();
    if (file < 0) {
        *ret = gf_file_none_left(errno) ? GCFREEZE_REASON_NO_DESCRIPTOR : GCFREEZE_REASON_NO_MEMFD;
        return -1;
    }
    if (!write_all(file, address, size))
        *ret = GCFREEZE_REASON_NO_ROOM;
    else if (fcntl(file, F_ADD_SEALS, seals) != 0)
        *ret = GCFREEZE_REASON_NO_MEMFD;
    else
        return file;
    close(file);
    return -1;
}

/* Puts `private` in the arena's place. mmap(MAP_FIXED) would take the arena away before it knows
 * whether the kernel grants the new mapping; moving one that exists needs nothing but its place. */
static bool replace(char *address, size_t size, char *private, const char *original) {
    if (mremap(private, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, address) == address)
        return true;
    munmap(private, size);
    /* Should a kernel have taken the arena away by then: its content is in the copy. */
    if (msync(address, size, MS_ASYNC) != 0 && errno == ENOMEM) {
        void *again = mmap(address, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (again == address)
            memcpy(again, original, size);
    }
    return false;
}

/* Arenas side by side that have no copy yet. */
struct run {
    char *address;
    size_t size;
};

/* Does an arena like this one start at `address`, in the same window, without a copy? */
static bool belongs(const char *address, const struct gf_arena *to) {
    const struct gf_arena *arena = gf_arenas_find(address);
    return arena && !arena->original && gf_arena_size(arena) == gf_arena_size(to) &&
           (uintptr_t)address / together == (uintptr_t)gf_arena_address(to) / together;
}

static struct run run_around(const struct gf_arena *arena) {
    const size_t size = gf_arena_size(arena);
    struct run run = {gf_arena_address(arena), size};
    while (belongs(run.address - size, arena))
        run.address -= size, run.size += size;
    while (belongs(run.address + run.size, arena))
        run.size += size;
    return run;
}

static void note_copy(const struct run *run, const char *original) {
    for (size_t offset = 0; offset < run->size;) {
        struct gf_arena *arena = gf_arenas_find(run->address + offset);
        arena->original = original + offset;
        offset += gf_arena_size(arena);
    }
}

static enum gcfreeze_reason take_one(const struct run *run) {
    enum gcfreeze_reason reason = GCFREEZE_REASON_NONE;
    const size_t size = run->size;
    int file = copy(run->address, size, &reason);
    if (file < 0)
        return reason;
    char *private = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    char *original = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (private != MAP_FAILED && original != MAP_FAILED &&
        replace(run->address, size, private, original)) {
        note_copy(run, original);
        return GCFREEZE_REASON_NONE;
    }
    if (private != MAP_FAILED && original == MAP_FAILED)
        munmap(private, size);
    if (original != MAP_FAILED)
        munmap(original, size);
    return GCFREEZE_REASON_NO_ROOM;
}

/* A signal handler of the host may write to an arena: it runs before or after, not in between. */
static enum gcfreeze_reason take_undisturbed(const struct run *run) {
    sigset_t all, before;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, &before) != 0)
        return GCFREEZE_REASON_NO_MEMFD;
    enum gcfreeze_reason reason = take_one(run);
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

static enum gcfreeze_reason obstacle(void) {
    enum gcfreeze_reason reason;
    struct gf_arena *arena;
    size_t position = 0, uncopied = 0;
    if (gf_arenas_count() == 0)
        return GCFREEZE_REASON_NO_ARENAS;
    int threads = gf_threads_left();
    if (threads != 1)
        return threads < 0 ? GCFREEZE_REASON_NO_PROC : GCFREEZE_REASON_THREADS;
    reason = other_writers();
    if (reason != GCFREEZE_REASON_NONE)
        return reason;
    while ((arena = gf_arenas_next(&position)) != NULL)
        uncopied += arena->original ? 0 : gf_arena_size(arena);
    return gf_room_for_mappings(uncopied);
}

/* Most copies add two mappings and not three: they are counted anew where they might be used up. */
struct mappings {
    long left;
    size_t most;
};

static enum gcfreeze_reason use_mappings(struct mappings *mappings) {
    if (mappings->left < MAPPINGS)
        mappings->left = gf_room_of_mappings("/memfd:" GF_SNAPSHOT_NAME, &mappings->most);
    if (mappings->left < 0)
        return gf_obstacle_proc();
    if (mappings->left < MAPPINGS)
        return GCFREEZE_REASON_TOO_MANY_ARENAS;
    mappings->left -= MAPPINGS;
    return GCFREEZE_REASON_NONE;
}

enum gcfreeze_reason gf_snapshot_take(size_t *ret_bytes) {
    struct gf_arena *arena;
    size_t position = 0, unseen = STRETCH;
    struct mappings mappings = {0, 0};
    enum gcfreeze_reason reason = obstacle();
    while (reason == GCFREEZE_REASON_NONE && (arena = gf_arenas_next(&position)) != NULL) {
        if (arena->original)
            continue;
        const struct run run = run_around(arena);
        if (unseen >= STRETCH) {
            reason = gf_room_for(run.size, STRETCH);
            unseen = 0;
        }
        if (reason == GCFREEZE_REASON_NONE)
            reason = use_mappings(&mappings);
        if (reason == GCFREEZE_REASON_NONE)
            reason = take_undisturbed(&run);
        if (reason == GCFREEZE_REASON_NONE) {
            unseen += run.size;
            *ret_bytes += run.size;
        }
    }
    return reason;
}
