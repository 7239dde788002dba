#include "pages/room.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/text.h"
#include "pages/obstacle.h"

enum { PATH_SIZE = 1024, FILE_SIZE = 4096 };

enum { DEFAULT_MAP_COUNT = 65530 }; /* include/linux/mm.h */

/* One control group's memory, in both versions of the kernel's interface
 * (Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst). */
static const struct interface {
    const char *member; /* what stands before the group's path in /proc/self/cgroup */
    const char *root, *limit, *used;
} interfaces[] = {
    {"0::", "/sys/fs/cgroup", "/memory.max", "/memory.current"},
    {":memory:", "/sys/fs/cgroup/memory", "/memory.limit_in_bytes", "/memory.usage_in_bytes"},
};

static bool read_number(const char *folder, const char *name, uint64_t *ret) {
    char path[PATH_SIZE], content[64];
    struct gf_text text;
    gf_text_init(&text, path, sizeof path);
    gf_text_add(&text, folder);
    gf_text_add(&text, name);
    if (text.truncated || !gf_file_read(path, content, sizeof content) || content[0] < '0' ||
        content[0] > '9')
        return false; /* "max" is no number: there is no limit */
    *ret = gf_text_number(content);
    return true;
}

/* What the kernel drops first when a group reaches its limit: cached files. */
static uint64_t reclaimable(const char *folder) {
    static const char *const rows[] = {"\ninactive_file ", "\nactive_file "};
    char path[PATH_SIZE], content[FILE_SIZE];
    struct gf_text text;
    uint64_t bytes = 0;
    gf_text_init(&text, path, sizeof path);
    gf_text_add(&text, folder);
    gf_text_add(&text, "/memory.stat");
    if (text.truncated || !gf_file_read(path, content, sizeof content))
        return 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *row = strstr(content, rows[i]);
        if (row)
            bytes += gf_text_number(row + strlen(rows[i]));
    }
    return bytes;
}

static bool group_has_room(const struct interface *interface, const char *folder, size_t memory) {
    uint64_t limit = 0, used = 0;
    if (!read_number(folder, interface->limit, &limit) ||
        !read_number(folder, interface->used, &used))
        return true;
    if (used + memory <= limit)
        return true;
    return used + memory <= limit + reclaimable(folder);
}

/* This group and all above it. A container sees its own group as the root, or a path that does not
 * exist in there: folders that are missing limit nothing. */
static bool groups_have_room(size_t memory) {
    char groups[FILE_SIZE], folder[PATH_SIZE];
    if (!gf_file_read("/proc/self/cgroup", groups, sizeof groups))
        return true;
    for (size_t i = 0; i < sizeof interfaces / sizeof *interfaces; i++) {
        const struct interface *interface = &interfaces[i];
        const char *path = strstr(groups, interface->member);
        if (!path)
            continue;
        path += strlen(interface->member);
        struct gf_text text;
        gf_text_init(&text, folder, sizeof folder);
        gf_text_add(&text, interface->root);
        gf_text_add_bytes(&text, path, strcspn(path, "\n"));
        for (char *end = folder + text.length; end; end = strrchr(folder, '/')) {
            *end = '\0';
            if (strlen(folder) < strlen(interface->root))
                break;
            if (!group_has_room(interface, folder, memory))
                return false;
        }
    }
    return true;
}

enum gcfreeze_reason gf_room_for(size_t file, size_t memory) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < file)
        return GCFREEZE_REASON_FILE_SIZE_LIMIT;
    return groups_have_room(memory) ? GCFREEZE_REASON_NONE : GCFREEZE_REASON_NO_ROOM;
}

/* A row of /proc/self/status in kB, as bytes; 0 if there is none. False with errno. */
static bool status_row(const char *row, uint64_t *ret) {
    uint64_t kilobytes = 0;
    if (!gf_file_row("/proc/self/status", row, &kilobytes) && errno != ENODATA)
        return false;
    *ret = kilobytes * 1024;
    return true;
}

enum gcfreeze_reason gf_room_for_mappings(size_t size) {
    uint64_t locked, used;
    struct rlimit limit;
    if (!status_row("\nVmLck:", &locked))
        return gf_obstacle_proc();
    if (locked > 0)
        return GCFREEZE_REASON_LOCKED_MEMORY;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return GCFREEZE_REASON_NONE;
    if (!status_row("\nVmSize:", &used))
        return gf_obstacle_proc();
    return used + 2 * (uint64_t)size > limit.rlim_cur ? GCFREEZE_REASON_NO_ROOM
                                                      : GCFREEZE_REASON_NONE;
}

long gf_room_of_mappings(const char *name, size_t *most) {
    uint64_t limit = DEFAULT_MAP_COUNT;
    size_t all, copies;
    if (!gf_file_lines("/proc/self/maps", name, &all, &copies))
        return -1;
    if (*most == 0) {
        read_number("/proc/sys/vm", "/max_map_count", &limit);
        const size_t others = all - copies;
        *most = others + (others < limit ? ((size_t)limit - others) / 2 : 0);
    }
    return all < *most ? (long)(*most - all) : 0;
}
