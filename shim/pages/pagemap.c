#include "pages/pagemap.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "pages/page.h"

/* linux/fs.h of Linux 6.7, which older systems' headers do not have. */
struct page_region {
    uint64_t start, end, categories;
};
struct pm_scan_arg {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define GF_PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
enum { IS_FILE = 1 << 2, IS_PRESENT = 1 << 3, REGIONS = 64 };

/* Pages of the file between two copies of a run: to drop them costs a page fault of the next
 * reader, who maps 16 with it (fault_around_bytes). */
static const size_t most_between = 4;

/* A word of /proc/self/pagemap. */
#define MAP_PRESENT (UINT64_C(1) << 63)
#define MAP_FILE    (UINT64_C(1) << 61)

int gf_pagemap_open(void) {
    int descriptor = gf_file_open("/proc/self/pagemap", 0);
    return descriptor < 0 && errno == EACCES ? GF_PAGEMAP_CLOSED : descriptor;
}

void gf_pagemap_close(int descriptor) {
    if (descriptor >= 0)
        gf_file_close(descriptor);
}

/* statm: "size resident shared ...", in pages. */
long gf_pagemap_own_pages(void) {
    char content[128];
    if (!gf_file_read("/proc/self/statm", content, sizeof content))
        return -1;
    const char *resident = content + strcspn(content, " ");
    const char *shared = resident + (*resident != '\0');
    shared += strcspn(shared, " ");
    return (long)(gf_text_number(resident) - gf_text_number(shared));
}

static size_t pages_between(const char *from, const char *end) {
    size_t pages = (size_t)(end - from) / gf_page_size();
    return pages < GF_RUN_PAGES ? pages : GF_RUN_PAGES;
}

static bool any_pages(char *from, char *end, struct gf_run *ret) {
    size_t pages = pages_between(from, end);
    *ret = (struct gf_run){from, pages * gf_page_size(), UINT64_MAX};
    return pages > 0;
}

static struct pm_scan_arg scan_of(const char *from, const char *end, struct page_region *regions,
                                  size_t count) {
    return (struct pm_scan_arg){
        .size = sizeof(struct pm_scan_arg),
        .start = (uintptr_t)from,
        .end = (uintptr_t)end,
        .vec = (uintptr_t)regions,
        .vec_len = count,
        .category_inverted = IS_FILE,
        .category_mask = IS_FILE | IS_PRESENT,
        .return_mask = IS_PRESENT,
    };
}

/* The first copy; `end` if there is none. False with *ret_error: this kernel does not say. */
static bool scan(int descriptor, char *from, char *end, char **ret, int *ret_error) {
    struct page_region region = {(uintptr_t)end, 0, 0};
    struct pm_scan_arg arg = scan_of(from, end, &region, 1);
    arg.max_pages = 1;
    if (syscall(SYS_ioctl, descriptor, GF_PAGEMAP_SCAN, &arg) < 0) {
        *ret_error = errno;
        return false;
    }
    *ret = (char *)(uintptr_t)region.start;
    return true;
}

/* False: this kernel does not say. */
static bool count_regions(int descriptor, const char *from, const char *end, size_t *ret) {
    struct page_region regions[REGIONS];
    uintptr_t at = (uintptr_t)from;
    *ret = 0;
    while (at < (uintptr_t)end) {
        struct pm_scan_arg arg = scan_of((const char *)at, end, regions, REGIONS);
        long found = syscall(SYS_ioctl, descriptor, GF_PAGEMAP_SCAN, &arg);
        if (found < 0 || arg.walk_end <= at)
            return false;
        for (long i = 0; i < found; i++)
            *ret += regions[i].end - regions[i].start;
        at = arg.walk_end;
    }
    return true;
}

static bool get_words(int descriptor, const char *from, size_t pages, uint64_t *words) {
    const size_t size = pages * sizeof *words;
    const uintptr_t offset = (uintptr_t)from / gf_page_size() * sizeof *words;
    const long got = syscall(SYS_pread64, descriptor, words, size, offset);
    if (got >= 0 && got != (long)size)
        errno = EIO;
    return got == (long)size;
}

static bool is_copy(uint64_t word) {
    return (word & (MAP_PRESENT | MAP_FILE)) == MAP_PRESENT;
}

/* From the first copy on. Size 0: none is one. */
static struct gf_run run_of(char *from, const uint64_t *words, size_t pages) {
    size_t first = 0, size = 0;
    uint64_t copies = 0;
    while (first < pages && !is_copy(words[first]))
        first++;
    for (size_t i = 0; first + i < pages && i <= size + most_between; i++) {
        uint64_t word = words[first + i];
        if (!(word & MAP_PRESENT))
            break;
        if (!(word & MAP_FILE)) {
            copies |= UINT64_C(1) << i;
            size = i + 1;
        }
    }
    return (struct gf_run){from + first * gf_page_size(), size * gf_page_size(), copies};
}

static bool read_words(int descriptor, char *from, char *end, struct gf_run *ret, int *ret_error) {
    uint64_t words[GF_RUN_PAGES];
    while (from < end) {
        size_t pages = pages_between(from, end);
        if (!get_words(descriptor, from, pages, words)) {
            *ret_error = errno;
            return false;
        }
        struct gf_run run = run_of(from, words, pages);
        if (run.size > 0) {
            *ret = run;
            return true;
        }
        from += pages * gf_page_size();
    }
    return false;
}

bool gf_pagemap_next(int descriptor, char *from, char *end, struct gf_run *ret, int *ret_error) {
    static bool no_scan; /* Linux before 6.7 */
    *ret_error = 0;
    if (descriptor == GF_PAGEMAP_CLOSED)
        return any_pages(from, end, ret);
    /* which skips what is not copied faster than its words are read */
    if (!no_scan && !scan(descriptor, from, end, &from, ret_error)) {
        no_scan = true;
        *ret_error = 0;
    }
    return read_words(descriptor, from, end, ret, ret_error);
}

size_t gf_pagemap_copies(int descriptor, const char *from, const char *end) {
    uint64_t words[GF_RUN_PAGES];
    size_t bytes = 0;
    if (descriptor < 0 || count_regions(descriptor, from, end, &bytes))
        return bytes;
    for (bytes = 0; from < end;) {
        const size_t pages = pages_between(from, end);
        if (!get_words(descriptor, from, pages, words))
            return 0;
        for (size_t i = 0; i < pages; i++)
            bytes += is_copy(words[i]) ? gf_page_size() : 0;
        from += pages * gf_page_size();
    }
    return bytes;
}
