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

/* How the path of a mapping of a copy begins. */
#define GF_MAPS_SNAPSHOT "/memfd:gcfreeze"

/* One line of maps or the first of one in smaps. `path` points into the line, and may be empty. */
struct gf_mapping {
    uint64_t start, end, offset, inode;
    char access[5]; /* "rw-p" */
    const char *path;
};

/* False: it is no such line. */
bool gf_maps_parse(const char *line, struct gf_mapping *ret);

/* Is it a copy of arenas? */
bool gf_maps_is_snapshot(const struct gf_mapping *mapping);

/* Calls `take` for each line of /proc/PID/maps until it answers false. False with errno: EACCES
 * where another user's process is closed, ENOENT or ESRCH if it is gone; or as `take` left it. */
bool gf_maps_each(pid_t pid, bool (*take)(const char *line, void *context), void *context);

/* False with errno: EACCES where another user's process is closed, ENOENT or ESRCH if it is gone,
 * ENOMEM. */
bool gf_maps_read(pid_t pid, struct gf_maps *ret);

/* Is the copy with this inode among them? */
bool gf_snapshots_have(const struct gf_snapshots *snapshots, uint64_t inode);

/* Adds all of `more`. False without memory. */
bool gf_snapshots_add(struct gf_snapshots *snapshots, const struct gf_snapshots *more);
long gf_snapshots_kib(const struct gf_snapshots *snapshots);
void gf_snapshots_release(struct gf_snapshots *snapshots);

#endif
