#include "maps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where an inode is or belongs in the sorted list. */
static size_t place_of(const struct gf_snapshots *snapshots, uint64_t inode) {
    size_t low = 0, high = snapshots->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (snapshots->list[middle].inode < inode)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool gf_snapshots_have(const struct gf_snapshots *snapshots, uint64_t inode) {
    size_t place = place_of(snapshots, inode);
    return place < snapshots->count && snapshots->list[place].inode == inode;
}

/* A process may have mapped a part of it alone: the longest that anybody has counts. */
static bool add_one(struct gf_snapshots *snapshots, uint64_t inode, long kib) {
    size_t place = place_of(snapshots, inode);
    if (gf_snapshots_have(snapshots, inode)) {
        if (snapshots->list[place].kib < kib)
            snapshots->list[place].kib = kib;
        return true;
    }
    if (snapshots->count == snapshots->room) {
        size_t room = snapshots->room ? snapshots->room * 2 : 64;
        struct gf_snapshot *list = realloc(snapshots->list, room * sizeof *list);
        if (!list)
            return false;
        snapshots->list = list;
        snapshots->room = room;
    }
    memmove(&snapshots->list[place + 1], &snapshots->list[place],
            (snapshots->count - place) * sizeof *snapshots->list);
    snapshots->list[place] = (struct gf_snapshot){inode, kib};
    snapshots->count++;
    return true;
}

bool gf_snapshots_add(struct gf_snapshots *snapshots, const struct gf_snapshots *more) {
    bool good = true;
    for (size_t i = 0; good && i < more->count; i++)
        good = add_one(snapshots, more->list[i].inode, more->list[i].kib);
    return good;
}

long gf_snapshots_kib(const struct gf_snapshots *snapshots) {
    long kib = 0;
    for (size_t i = 0; i < snapshots->count; i++)
        kib += snapshots->list[i].kib;
    return kib;
}

void gf_snapshots_release(struct gf_snapshots *snapshots) {
    free(snapshots->list);
    *snapshots = (struct gf_snapshots){0};
}

bool gf_maps_parse(const char *line, struct gf_mapping *ret) {
    struct gf_mapping mapping = {0};
    int path = 0;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %" SCNu64 " %n", &mapping.start,
               &mapping.end, mapping.access, &mapping.offset, &mapping.inode, &path) != 5)
        return false;
    mapping.path = line + path;
    *ret = mapping;
    return true;
}

bool gf_maps_is_snapshot(const struct gf_mapping *mapping) {
    return strncmp(mapping->path, GF_MAPS_SNAPSHOT, sizeof GF_MAPS_SNAPSHOT - 1) == 0;
}

static bool take_line(const char *line, void *context) {
    struct gf_maps *maps = context;
    struct gf_mapping mapping;
    if (!strchr(line, '/') || !gf_maps_parse(line, &mapping))
        return true;
    if (gf_maps_is_snapshot(&mapping)) {
        uint64_t kib = (mapping.offset + mapping.end - mapping.start) / 1024;
        return add_one(&maps->snapshots, mapping.inode,
                       kib < GF_MAPS_MOST_KIB ? (long)kib : GF_MAPS_MOST_KIB);
    }
    const char *file = strrchr(mapping.path, '/');
    if (maps->library == 0 && file && strstr(file, "/libgcfreeze.so"))
        maps->library = mapping.start; /* they are sorted by address */
    return true;
}

bool gf_maps_each(pid_t pid, bool (*take)(const char *line, void *context), void *context) {
    char name[64], *line = NULL; /* of any length: a path's own line feed must not look like one */
    size_t size = 0;
    snprintf(name, sizeof name, "/proc/%d/maps", (int)pid);
    FILE *file = fopen(name, "re");
    if (!file)
        return false;
    bool good = true;
    while (good && getline(&line, &size, file) > 0)
        good = take(line, context);
    good = good && !ferror(file);
    int error = errno;
    fclose(file);
    free(line);
    errno = error;
    return good;
}

bool gf_maps_read(pid_t pid, struct gf_maps *ret) {
    struct gf_maps maps = {0};
    if (gf_maps_each(pid, take_line, &maps)) {
        *ret = maps;
        return true;
    }
    int error = errno; /* ENOMEM if a copy found no place */
    gf_snapshots_release(&maps.snapshots);
    errno = error;
    return false;
}
