/* What the mappings of a process say about the library, in one reading of /proc/PID/maps. */
#ifndef GF_CLI_MAPS_H
#define GF_CLI_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The copies of arenas (GCFREEZE_RESHARE) of a set of processes, each memfd once. Starts as zeros.
 */
struct gf_snapshots {
    struct gf_snapshot {
        uint64_t inode;
        long kib; /* memfds are written in full, so that their length is what they occupy */
    } *list;      /* sorted by inode */
    size_t count, room;
};

/* No machine has more memory: physical addresses of x86-64 have 52 bits at the most. Who says so
 * lies, and sums of it must not overflow. */
#define GF_MAPS_MOST_KIB (1L << 42)

struct gf_maps {
    uint64_t library; /* where libgcfreeze.so starts; 0: it is not loaded */
    struct gf_snapshots snapshots;
};

/* The text that tells a mapping of a copy in maps and smaps. */
#define GF_MAPS_SNAPSHOT "/memfd:gcfreeze"

/* Calls `take` for each line of /proc/PID/maps until it answers false. False with errno: EACCES
 * where another user's process is closed, ENOENT or ESRCH if it is gone; or as `take` left it. */
bool gf_maps_each(pid_t pid, bool (*take)(const char *line, void *context), void *context);

/* False with errno: EACCES where another user's process is closed, ENOENT or ESRCH if it is gone,
 * ENOMEM. */
bool gf_maps_read(pid_t pid, struct gf_maps *ret);

/* Adds all of `more`. False without memory. */
bool gf_snapshots_add(struct gf_snapshots *snapshots, const struct gf_snapshots *more);
long gf_snapshots_kib(const struct gf_snapshots *snapshots);
void gf_snapshots_release(struct gf_snapshots *snapshots);

#endif
