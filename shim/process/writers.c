#include "process/writers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

struct search {
    int folder;
    bool found;
};

/* True: go on. */
static bool is_no_ring(void *context, const char *name) {
    static const char ring[] = "anon_inode:[io_uring]";
    struct search *search = context;
    char link[sizeof ring];
    if (*name == '.')
        return true;
    long length = syscall(SYS_readlinkat, search->folder, name, link, sizeof link);
    search->found = length == sizeof ring - 1 && memcmp(link, ring, sizeof ring - 1) == 0;
    return length >= 0 && !search->found;
}

int gf_writers_ring(void) {
    struct search search = {.folder = gf_file_open("/proc/self/fd", O_DIRECTORY)};
    if (search.folder < 0)
        return -1;
    bool none = gf_file_entries(search.folder, is_no_ring, &search);
    int error = errno;
    gf_file_close(search.folder);
    errno = error;
    if (none)
        return 0;
    return search.found ? 1 : -1;
}

int gf_writers_pinned(void) {
    uint64_t kilobytes;
    return gf_file_row("/proc/self/status", "\nVmPin:", &kilobytes) ? kilobytes > 0 : -1;
}
