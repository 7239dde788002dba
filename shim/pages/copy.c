#include "pages/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

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
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static int create(void) {
    /* Linux 6.3 complains in its log about a memfd that may be executed; older ones do not know the
     * flag */
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int file = memfd_create(GF_COPY_NAME, flags | MFD_NOEXEC_SEAL);
    return file < 0 && errno == EINVAL ? memfd_create(GF_COPY_NAME, flags) : file;
}

/* Where a mapping of so many bytes may begin: `beyond` a multiple of a huge page; or NULL. Nobody
 * else maps anything meanwhile. */
static char *place_for(size_t size, size_t beyond) {
    const size_t more = size + beyond + GF_COPY_HUGE;
    char *found = mmap(NULL, more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED)
        return NULL;
    munmap(found, more);
    return found + (-(uintptr_t)found & (GF_COPY_HUGE - 1)) + beyond;
}

/* Each page has something in it, which is what it takes to be given one. */
static bool collapse(int file, size_t size) {
    char *place = mmap(place_for(size, 0), size, PROT_READ, MAP_PRIVATE, file, 0);
    if (place == MAP_FAILED)
        return false;
    const bool collapsed = madvise(place, size, MADV_COLLAPSE) == 0;
    munmap(place, size);
    return collapsed;
}

/* A memfd has small pages, and most of the time that a copy takes goes into getting each of them. A
 * huge page costs a third of that, if the kernel has one at hand (Linux 6.1; whatever the settings
 * in /sys/kernel/mm/transparent_hugepage say, which are about huge pages that nobody asked for).
 * Where it must make room for them first, or wait for processors that others use, that takes
 * longer: what is lost by it is bounded, and nobody asks again. */
static void ask_for_huge_pages(int file, const char *data, size_t size) {
    static const int64_t loss_us = 3000, worth_us = 300; /* the latter for each */
    static int64_t lost_us;
    const size_t huge = size - size % GF_COPY_HUGE;
    if (huge == 0 || lost_us > loss_us)
        return;
    for (size_t end = GF_COPY_HUGE; end <= huge; end += GF_COPY_HUGE) {
        if (pwrite(file, data + end - 1, 1, (off_t)end - 1) != 1)
            return;
    }
    const int64_t start = gf_clock_us();
    const int64_t gained_us =
        collapse(file, huge) ? (int64_t)(huge / GF_COPY_HUGE) * worth_us : -loss_us;
    lost_us += gf_clock_us() - start - gained_us;
    if (lost_us < 0)
        lost_us = 0;
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

/* Puts `private` in the stretch's place. mmap(MAP_FIXED) would take the stretch away before it
 * knows whether the kernel grants the new mapping; moving one that exists needs nothing but its
 * place. */
static bool replace(char *address, size_t size, char *private, const char *original) {
    if (mremap(private, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, address) == address)
        return true;
    munmap(private, size);
    /* Should a kernel have taken the memory away by then: its content is in the copy. */
    if (msync(address, size, MS_ASYNC) != 0 && errno == ENOMEM) {
        void *again = mmap(address, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (again == address)
            memcpy(again, original, size);
    }
    return false;
}

static enum gcfreeze_reason fill(int file, const char *data, size_t size) {
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    ask_for_huge_pages(file, data, size);
    if (!write_all(file, data, size))
        return GCFREEZE_REASON_NO_ROOM;
    return fcntl(file, F_ADD_SEALS, seals) == 0 ? GCFREEZE_REASON_NONE : GCFREEZE_REASON_NO_MEMFD;
}

/* Whoever looks at a page maps those around it, and at a place that a huge page fits all of it.
 * Looking at one arena shall map nothing of its neighbours: they would stay. */
static char *map_original(int file, size_t size) {
    const size_t around = 1 << 16; /* fault_around_bytes */
    return mmap(place_for(size, around), size, PROT_READ, MAP_PRIVATE, file, 0);
}

enum gcfreeze_reason gf_copy_take(char *address, size_t size, const char **ret) {
    int file = create();
    if (file < 0)
        return gf_file_none_left(errno) ? GCFREEZE_REASON_NO_DESCRIPTOR : GCFREEZE_REASON_NO_MEMFD;
    enum gcfreeze_reason reason = fill(file, address, size);
    char *private = MAP_FAILED, *original = MAP_FAILED;
    if (reason == GCFREEZE_REASON_NONE) {
        private = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
        original = map_original(file, size);
    }
    close(file);
    if (reason != GCFREEZE_REASON_NONE)
        return reason;
    if (private != MAP_FAILED && original != MAP_FAILED &&
        replace(address, size, private, original)) {
        *ret = original;
        return GCFREEZE_REASON_NONE;
    }
    if (private != MAP_FAILED && original == MAP_FAILED)
        munmap(private, size);
    if (original != MAP_FAILED)
        munmap(original, size);
    return GCFREEZE_REASON_NO_ROOM;
}
