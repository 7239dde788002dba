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
enum { IS_FILE = 1 << 2, IS_PRESENT = 1 << 3 };

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

/* The first copy; `end` if there is none. False with *ret_error: this kernel does not say. */
static bool scan(int descriptor, char *from, char *end, char **ret, int *ret_error) {
    struct page_region region = {(uintptr_t)end, 0, 0};
    struct pm_scan_arg arg = {
        .size = sizeof arg,
        .start = (uintptr_t)from,
        .end = (uintptr_t)end,
        .vec = (uintptr_t)&region,
        .vec_len = 1,
        .max_pages = 1,
        .category_inverted = IS_FILE,
        .category_mask = IS_FILE | IS_PRESENT,
        .return_mask = IS_PRESENT,
    };
    if (syscall(SYS_ioctl, descriptor, GF_PAGEMAP_SCAN, &arg) < 0) {
        *ret_error = errno;
        return false;
    }
    *ret = (char *)(uintptr_t)region.start;
    return true;
}

/* From the first copy on. Size 0: none is one. */
static struct gf_run run_of(char *from, const uint64_t *words, size_t pages) {
    size_t first = 0, size = 0;
    uint64_t copies = 0;
    while (first < pages && (words[first] & (MAP_PRESENT | MAP_FILE)) != MAP_PRESENT)
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
        long got = syscall(SYS_pread64, descriptor, words, pages * sizeof *words,
                           (uintptr_t)from / gf_page_size() * sizeof *words);
        if (got != (long)(pages * sizeof *words)) {
            *ret_error = got < 0 ? errno : EIO;
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
