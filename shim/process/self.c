#include "process/self.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/load.h"
#include "process/loader.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

static struct gf_self names GF_AT_LOAD;
static pid_t known_pid GF_AT_LOAD;

/* One page that the kernel hands to every forked child empty (MADV_WIPEONFORK, Linux 4.14). A child
 * with another pid that still finds the mark shares its parent's memory. Without the page every
 * unknown child counts as such a one, and is left alone.
 *
 * It is made when the loading process asks for the first time, which most never do. Until then a
 * child may have borrowed memory as long as that process is its parent; later it is a copy, as a
 * daemon is. */
static volatile int *mark;
static bool asked;

static void make_mark(void) {
    const size_t any = 1; /* the kernel takes it for a page */
    int saved_errno = errno;
    asked = true;
    void *page = mmap(NULL, any, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED && madvise(page, any, MADV_WIPEONFORK) == 0) {
        mark = page;
        *mark = 1;
    } else if (page != MAP_FAILED) {
        munmap(page, any);
    }
    errno = saved_errno;
}

void gf_self_init(int argc, char **argv) {
    known_pid = getpid();
    gf_names_read(argc, argv, &names);
}

const struct gf_self *gf_self_names(void) {
    return &names;
}

const char *gf_self_title(void) {
    return gf_names_title(&names);
}

enum gf_kin gf_self_kin(void) {
    if (getpid() == known_pid) {
        if (!asked)
            make_mark();
        return GF_KIN_SAME;
    }
    bool copy = asked ? mark && *mark == 0 : getppid() != known_pid;
    return copy || gf_loader_saw_fork() ? GF_KIN_COPY : GF_KIN_BORROWER;
}

pid_t gf_self_pid(void) {
    return known_pid;
}

void gf_self_child(void) {
    known_pid = getpid();
    if (mark)
        *mark = 1;
}

/* "libx.so", "libx.so.0" or "libx.so.0.1.0" for "libx.so" */
static bool is_version_of(const char *file, const char *name) {
    size_t length = strlen(name);
    return strncmp(file, name, length) == 0 && (file[length] == '\0' || file[length] == '.');
}

bool gf_self_strip_preload(const char *name) {
    char *value = getenv("LD_PRELOAD");
    if (!value)
        return false;
    /* ld.so splits at spaces and colons */
    static const char separators[] = " :";
    char *write = value; /* behind the last entry that stays; all before it is as it was */
    bool found = false;
    for (char *entry = value; *entry;) {
        size_t length = strcspn(entry, separators);
        char *next = entry + length;
        char kept = *next;
        *next = '\0';
        bool ours = is_version_of(gf_names_last_part(entry), name);
        *next = kept;
        found = found || ours;
        if (!ours && length > 0) {
            if (found && write != value)
                *write++ = ':';
            if (!found)
                write = entry;
            memmove(write, entry, length);
            write += length;
        }
        entry = kept ? next + 1 : next;
    }
    if (found && write == value)
        unsetenv("LD_PRELOAD");
    else if (found)
        *write = '\0';
    return found;
}
