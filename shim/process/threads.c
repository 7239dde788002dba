#include "process/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifndef STATX_NLINK /* older releases of musl */
#include <linux/stat.h>
#endif

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

enum { MOST_US = 10000 };

/* Of /proc/self/task/N/stat (proc(5)): its third, ninth and 32nd field; of the second of these a
 * bit that is PF_EXITING in the kernel's include/linux/sched.h (it tells only what is worth waiting
 * for), and of the third all bits that can be set, from signal 1 on (fs/proc/array.c). */
enum { STATE = 3, FLAGS = 9, EXITING = 4, BLOCKED = 32 };
#define ALL_BLOCKED (UINT64_C(0x7fffffff) & ~(UINT64_C(1) << (SIGKILL - 1) | 1 << (SIGSTOP - 1)))

/* syscall(2), because libc's stat is bound to another version of glibc, and older releases of musl
 * have no statx. Linux before 4.11 has none either. -1 on failure. */
static int links_of(const char *path) {
    struct statx status;
    struct stat older;
    if (syscall(SYS_statx, AT_FDCWD, path, 0, STATX_NLINK, &status) == 0)
        return (int)status.stx_nlink;
    if (errno == ENOSYS && syscall(SYS_newfstatat, AT_FDCWD, path, &older, 0) == 0)
        return (int)older.st_nlink;
    return -1;
}

/* The folder has a link for itself, one for its parent, and one for each thread
 * (fs/proc/base.c, proc_task_getattr). */
int gf_threads_count(void) {
    int links = links_of("/proc/self/task");
    return links < 3 ? -1 : links - 2;
}

bool gf_thread_is_first(void) {
    long thread = syscall(SYS_gettid);
    return thread < 0 || thread == getpid();
}

static bool is_another(int thread) {
    return thread != 0 && thread != (int)syscall(SYS_gettid); /* 0: "." and ".." */
}

static bool read_file(int thread, const char *name, char *buffer, size_t size) {
    char path[64];
    struct gf_text text;
    gf_text_init(&text, path, sizeof path);
    gf_text_add(&text, "/proc/self/task/");
    gf_text_add_long(&text, thread);
    gf_text_add(&text, name);
    return gf_file_read(path, buffer, size);
}

/* The third number of schedstat (Documentation/scheduler/sched-stats.rst), which the kernel counts
 * up when the thread gets a processor; 0 if it does not count. */
static uint64_t runs_of(int thread) {
    char line[128];
    if (!read_file(thread, "/schedstat", line, sizeof line))
        return 0;
    const char *last = strrchr(line, ' ');
    return last ? gf_text_number(last) : 0;
}

/* What follows the name, which may hold anything: " S 1 2 ...". NULL if there is none. */
static const char *read_state(int thread, char *line, size_t size) {
    const char *name_end = read_file(thread, "/stat", line, size) ? strrchr(line, ')') : NULL;
    return name_end ? name_end + 1 : NULL;
}

/* One of those that follow, with the blank before it. */
static const char *read_field(int thread, int number, char *line, size_t size) {
    const char *field = read_state(thread, line, size);
    for (int i = STATE; field && i < number; i++)
        field = strchr(field + 1, ' ');
    return field;
}

/* Asleep until an event. */
static bool sleeps(int thread) {
    char line[512];
    const char *state = read_state(thread, line, sizeof line);
    return state && strncmp(state, " S ", 3) == 0;
}

/* One that is gone by now is, too. The first thread is counted as long as the process lives. */
static bool is_ending(void *unused, const char *name) {
    char line[512];
    (void)unused;
    int thread = (int)gf_text_number(name);
    if (!is_another(thread))
        return true;
    const char *field = read_field(thread, FLAGS, line, sizeof line);
    return thread != getpid() && (!field || gf_text_number(field) & EXITING);
}

static bool others_are_ending(void) {
    int folder = gf_file_open("/proc/self/task", O_DIRECTORY);
    if (folder < 0)
        return false;
    bool all = gf_file_entries(folder, is_ending, NULL);
    gf_file_close(folder);
    return all;
}

int gf_threads_left(void) {
    const int64_t end = gf_clock_us() + MOST_US;
    int count;
    while ((count = gf_threads_count()) > 1 && others_are_ending() && gf_clock_us() < end)
        sched_yield();
    return count;
}

/* First how often it has run, then its state: whatever it does after that shows. */
static bool add(void *context, const char *name) {
    struct gf_others *others = context;
    int thread = (int)gf_text_number(name);
    if (!is_another(thread))
        return true;
    uint64_t runs = runs_of(thread);
    if (runs == 0 || !sleeps(thread) ||
        others->count == sizeof others->other / sizeof *others->other)
        return false;
    others->other[others->count++] = (struct gf_other){thread, runs};
    return true;
}

bool gf_others_sleep(struct gf_others *ret) {
    ret->count = 0;
    int folder = gf_file_open("/proc/self/task", O_DIRECTORY);
    if (folder < 0)
        return false;
    bool all = gf_file_entries(folder, add, ret);
    gf_file_close(folder);
    return all && gf_threads_count() == ret->count + 1;
}

static bool blocks_signals(int thread) {
    char line[512];
    const char *field = read_field(thread, BLOCKED, line, sizeof line);
    return field && (gf_text_number(field) & ALL_BLOCKED) == ALL_BLOCKED;
}

static bool takes_no_signals(void *unused, const char *name) {
    int thread = (int)gf_text_number(name);
    (void)unused;
    return !is_another(thread) || blocks_signals(thread);
}

bool gf_thread_blocks_signals(void) {
    return blocks_signals((int)syscall(SYS_gettid));
}

bool gf_others_block_signals(void) {
    int folder = gf_file_open("/proc/self/task", O_DIRECTORY);
    if (folder < 0)
        return false;
    bool all = gf_file_entries(folder, takes_no_signals, NULL);
    gf_file_close(folder);
    return all;
}

bool gf_others_still_sleep(const struct gf_others *others) {
    for (int i = 0; i < others->count; i++) {
        if (runs_of(others->other[i].thread) != others->other[i].runs)
            return false;
    }
    return true;
}
