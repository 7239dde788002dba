#include "recorder.h"

#include <dlfcn.h>
#include <errno.h>
#include <pty.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LINES = 4096, LINE_SIZE = 128 };

static struct record {
    pid_t home;
    atomic_int count;
    char lines[LINES][LINE_SIZE];
} *record;

struct recorder_edge recorder_edge;

__attribute__((constructor)) static void open_record(void) {
    record = mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (record == MAP_FAILED)
        abort();
    record->home = getpid();
}

void recorder_move_home(void) {
    record->home = getpid();
}

void recorder_note(const char *format, ...) {
    int saved_errno = errno;
    int index = atomic_fetch_add(&record->count, 1);
    if (index >= LINES)
        abort();
    char *line = record->lines[index];
    size_t prefix = 0;
    if (getpid() != record->home) {
        memcpy(line, "child ", 6);
        prefix = 6;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + prefix, LINE_SIZE - prefix, format, arguments);
    va_end(arguments);
    errno = saved_errno;
}

void recorder_print(void) {
    for (int i = 0; i < record->count; i++)
        puts(record->lines[i]);
    fflush(stdout);
}

void recorder_await(atomic_int *counter, int least) {
    static const struct timespec tick = {0, 1000000};
    for (int ticks = 0; *counter < least; ticks++) {
        if (ticks == 30000) {
            fputs("recorder: waited in vain\n", stderr);
            abort();
        }
        nanosleep(&tick, NULL);
    }
}

static bool refused(const char *what) {
    char state[64] = "";
    if (recorder_edge.describe)
        recorder_edge.describe(state, sizeof state);
    recorder_note("real %s errno=%d %s", what, errno, state);
    recorder_edge.inside++;
    recorder_await(&recorder_edge.inside, recorder_edge.hold);
    if (recorder_edge.failures == 0)
        return false;
    recorder_edge.failures--;
    errno = EAGAIN;
    return true;
}

__attribute__((visibility("default"))) pid_t fork(void) {
    pid_t (*real)(void);
    *(void **)&real = dlsym(RTLD_NEXT, "fork");
    if (refused("fork"))
        return -1;
    pid_t pid = real();
    errno = RECORDER_ERRNO_AFTER;
    return pid;
}

__attribute__((visibility("default"))) int
forkpty(int *master, char *name, const struct termios *termios, const struct winsize *size) {
    int (*real)(int *, char *, const struct termios *, const struct winsize *);
    *(void **)&real = dlsym(RTLD_NEXT, "forkpty");
    if (refused("forkpty"))
        return -1;
    int pid = real(master, name, termios, size);
    errno = RECORDER_ERRNO_AFTER;
    return pid;
}

/* A system without libunwind, if MOCK_UNWIND is "off". */
__attribute__((visibility("default"))) void *dlopen(const char *file, int mode) {
    void *(*real)(const char *, int);
    const char *unwind = getenv("MOCK_UNWIND");
    *(void **)&real = dlsym(RTLD_NEXT, "dlopen");
    bool refuse = file && unwind && strcmp(unwind, "off") == 0 && strstr(file, "libunwind");
    return refuse ? NULL : real(file, mode);
}
