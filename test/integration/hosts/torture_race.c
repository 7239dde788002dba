/* Preloaded ahead of the library: a thread that writes at the worst moments. Right before and right
 * after memory is moved away beside threads, a byte of it is written, and a signal comes; a signal
 * that comes when the first thread has just blocked it, or let it in again; and code that waits in
 * poll although Python's modules did not ask for it.
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

char *race_before, *race_after; /* the bytes to write, in one page */
int race_moves;
int race_signal; /* to send to the process at the next move */

int race_gap;   /* to send when the first thread blocks it; below 0: when it lets it in again */
int *race_sent; /* counts these, where another process sees it */

void *mremap(void *old, size_t old_size, size_t size, int flags, ...);
int sigprocmask(int how, const sigset_t *mask, sigset_t *before);
int race_poll(int timeout_ms);

void *mremap(void *old, size_t old_size, size_t size, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    void *place = flags & MREMAP_FIXED ? va_arg(arguments, void *) : NULL;
    va_end(arguments);
    bool moves = (flags & MREMAP_DONTUNMAP) != 0;
    bool meets = moves && race_before >= (char *)old && race_before < (char *)old + old_size;
    race_moves += moves;
    if (moves && race_signal != 0) {
        kill(getpid(), race_signal);
        race_signal = 0;
    }
    if (meets)
        *race_before = '1';
    void *result = (void *)syscall(SYS_mremap, old, old_size, size, flags, place);
    if (meets)
        *race_after = '2';
    return result;
}

int sigprocmask(int how, const sigset_t *mask, sigset_t *before) {
    static int (*real)(int, const sigset_t *, sigset_t *);
    if (!real) {
        void *address = dlsym(RTLD_NEXT, "sigprocmask");
        memcpy(&real, &address, sizeof real);
    }
    sigset_t old, now;
    real(SIG_SETMASK, NULL, &old);
    int result = real(how, mask, before);
    real(SIG_SETMASK, NULL, &now);
    int number = abs(race_gap);
    if (number != 0 && sigismember(&old, number) == (race_gap < 0) &&
        sigismember(&now, number) == (race_gap > 0) && syscall(SYS_gettid) == getpid()) {
        race_gap = 0;
        ++*race_sent;
        kill(getpid(), number);
    }
    return result;
}

int race_poll(int timeout_ms) {
    return poll(NULL, 0, timeout_ms);
}
