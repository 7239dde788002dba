#include "copied.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Words of /proc/PID/pagemap, one a page; Documentation/admin-guide/mm/pagemap.rst of Linux 4.2 and
 * later. Whoever may read maps sees these bits; what is hidden without privileges is where a page
 * is. */
#define PRESENT   (UINT64_C(1) << 63)
#define SWAPPED   (UINT64_C(1) << 62)
#define NO_ANON   (UINT64_C(1) << 61) /* a file's page, or of shared memory */
#define EXCLUSIVE (UINT64_C(1) << 56) /* mapped once */

enum { CHUNK = 1 << 14 };                              /* words: 64 MiB where a page has 4 KiB */
static const uint64_t most_bytes = UINT64_C(64) << 30; /* of addresses: 16 million words */

struct comparison {
    int child, parent; /* their pagemaps */
    const struct gf_snapshots *inherited;
    uint64_t page_size, bytes;
    uint64_t copied; /* pages */
};

/* False with errno. */
static bool read_words(int pagemap, uint64_t first, size_t count, uint64_t *ret) {
    size_t done = 0;
    while (done < count * sizeof *ret) {
        ssize_t got = pread(pagemap, (char *)ret + done, count * sizeof *ret - done,
                            (off_t)(first * sizeof *ret + done));
        if (got <= 0) {
            errno = got < 0 ? errno : ESRCH; /* it has ended */
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

static bool is_own(uint64_t word) {
    return (word & (PRESENT | EXCLUSIVE | NO_ANON)) == (PRESENT | EXCLUSIVE);
}

/* Pages of a copy of arenas were all the parent's; elsewhere, its own page must be there. */
static bool compare_chunk(struct comparison *comparison, uint64_t first, size_t count,
                          bool all_inherited) {
    static uint64_t words[CHUNK], parents[CHUNK];
    size_t begin = count, end = 0;
    if (!read_words(comparison->child, first, count, words))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!is_own(words[i]))
            continue;
        begin = begin < i ? begin : i;
        end = i + 1;
        comparison->copied += all_inherited;
    }
    if (all_inherited || end == 0)
        return true;
    if (!read_words(comparison->parent, first + begin, end - begin, parents))
        return false;
    for (size_t i = begin; i < end; i++) {
        uint64_t theirs = parents[i - begin];
        comparison->copied +=
            is_own(words[i]) && (theirs & (PRESENT | SWAPPED)) && !(theirs & NO_ANON);
    }
    return true;
}

static bool take_mapping(const char *line, void *context) {
    struct comparison *comparison = context;
    struct gf_mapping mapping;
    /* what cannot be written to was not copied; huge pages of hugetlbfs are in no other figure */
    if (!gf_maps_parse(line, &mapping) || mapping.access[1] != 'w' || mapping.access[3] != 'p' ||
        mapping.end <= mapping.start || strncmp(mapping.path, "/anon_hugepage", 14) == 0)
        return true;
    comparison->bytes += mapping.end - mapping.start;
    if (comparison->bytes > most_bytes) {
        errno = EFBIG;
        return false;
    }
    bool all_inherited =
        gf_maps_is_snapshot(&mapping) && gf_snapshots_have(comparison->inherited, mapping.inode);
    uint64_t page = mapping.start / comparison->page_size;
    for (uint64_t left = mapping.end / comparison->page_size - page; left > 0;) {
        size_t count = left < CHUNK ? (size_t)left : CHUNK;
        if (!compare_chunk(comparison, page, count, all_inherited))
            return false;
        page += count;
        left -= count;
    }
    return true;
}

static int open_pagemap(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

bool gf_copied_read(pid_t pid, pid_t parent, const struct gf_snapshots *inherited, long *ret_kib) {
    struct comparison comparison = {.inherited = inherited,
                                    .page_size = (uint64_t)sysconf(_SC_PAGESIZE)};
    comparison.child = open_pagemap(pid);
    comparison.parent = comparison.child < 0 ? -1 : open_pagemap(parent);
    bool good = comparison.parent >= 0 && gf_maps_each(pid, take_mapping, &comparison);
    int error = good ? ESRCH : errno; /* without a mapping, it has ended */
    good = good && comparison.bytes > 0;
    if (comparison.child >= 0)
        close(comparison.child);
    if (comparison.parent >= 0)
        close(comparison.parent);
    errno = error;
    if (good)
        *ret_kib = (long)(comparison.copied * (comparison.page_size / 1024));
    return good;
}
