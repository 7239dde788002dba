#include "hook/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/clock.h"
#include "core/engine.h"
#include "core/reshare.h"
#include "hook/real.h"

/* One wait, whatever is waited for: calls the real function once, for `us` microseconds at most
 * (-1: for ever) and with `mask` as the signal mask while it waits. Returns what that returned; 0
 * means that the time is up. */
struct wait {
    int (*call)(const struct wait *wait, int64_t us, const sigset_t *mask);
    void *what;
    const void *more;
    long count;
};

static struct timespec timespec_of(int64_t us) {
    return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

/* Milliseconds that are not shorter. */
static int milliseconds_of(int64_t us) {
    int64_t ms = us < 0 ? -1 : (us + 999) / 1000;
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* Until `end` of the monotonic clock: 0 if that has been; -1 if there is none. */
static int64_t us_left(int64_t end_us) {
    if (end_us == INT64_MAX)
        return -1;
    int64_t left = end_us - gf_clock_us();
    return left < 0 ? 0 : left;
}

/* A child that borrows this memory (vfork) has nothing to give back. */
static enum gf_sliced slice(int64_t left_us, const sigset_t *signals, const void *code) {
    return gf_engine_is_ours() ? gf_reshare_slice(left_us, signals, code) : GF_LEFT_ALONE;
}

/* Signals are blocked but for the waits themselves: one that arrives during a slice, or between it
 * and the wait, ends the wait with EINTR, as it would have without us. Beside other threads
 * each slice ends the wait (core/reshare.h). `first_us` is how long until the first slice, as
 * gf_reshare_plan said; `mask` is the caller's own mask for the wait, or NULL. */
static int cut(const struct wait *wait, int64_t timeout_us, int64_t first_us, const sigset_t *mask,
               const void *code) {
    sigset_t all, before;
    int64_t end = timeout_us < 0 ? INT64_MAX : gf_clock_us() + timeout_us;
    int64_t next = first_us;
    int before_errno = errno;
    int result = 0;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    for (;;) {
        int64_t left = us_left(end);
        bool last = next < 0 || (left >= 0 && left <= next);
        result = wait->call(wait, last ? left : next, mask ? mask : &before);
        if (result != 0 || last)
            break;
        enum gf_sliced sliced = slice(us_left(end), &before, code);
        if (sliced == GF_INTERRUPTED) {
            result = -1;
            errno = EINTR;
            break;
        }
        next = sliced == GF_SLICED ? gf_reshare_plan(us_left(end), false) : -1;
    }
    int error = result < 0 ? errno : before_errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return result;
}

/* The thread whose last wait for files found one ready. What it accepts next is there already, and
 * looking at the socket would be in vain. */
static _Atomic pthread_t ready;

static int note_ready(int result) {
    if (result > 0)
        ready = pthread_self();
    return result;
}

static int64_t us_of_ms(int timeout_ms) {
    return timeout_ms < 0 ? -1 : timeout_ms * INT64_C(1000);
}

static int call_poll(const struct wait *wait, int64_t us, const sigset_t *mask) {
    const struct timespec timeout = timespec_of(us);
    return gf_real.ppoll(wait->what, (nfds_t)wait->count, us < 0 ? NULL : &timeout, mask);
}

int gf_wait_poll(struct pollfd *files, nfds_t count, int timeout_ms, const void *code) {
    const struct wait wait = {.call = call_poll, .what = files, .count = (long)count};
    int64_t first = gf_reshare_plan(us_of_ms(timeout_ms), true);
    if (first < 0)
        return note_ready(gf_real.poll(files, count, timeout_ms));
    return note_ready(cut(&wait, us_of_ms(timeout_ms), first, NULL, code));
}

/* -2: not a time that the kernel would take. */
static int64_t us_of_timespec(const struct timespec *timeout) {
    if (!timeout)
        return -1;
    if (timeout->tv_sec < 0 || timeout->tv_sec > INT32_MAX || timeout->tv_nsec < 0 ||
        timeout->tv_nsec > 999999999)
        return -2;
    return timeout->tv_sec * INT64_C(1000000) + (timeout->tv_nsec + 999) / 1000;
}

int gf_wait_ppoll(struct pollfd *files, nfds_t count, const struct timespec *timeout,
                  const sigset_t *mask, const void *code) {
    const struct wait wait = {.call = call_poll, .what = files, .count = (long)count};
    int64_t us = us_of_timespec(timeout);
    int64_t first = us == -2 ? -1 : gf_reshare_plan(us, true);
    if (first < 0)
        return note_ready(gf_real.ppoll(files, count, timeout, mask));
    return note_ready(cut(&wait, us, first, mask, code));
}

static int call_epoll(const struct wait *wait, int64_t us, const sigset_t *mask) {
    return gf_real.epoll_pwait(*(const int *)wait->more, wait->what, (int)wait->count,
                               milliseconds_of(us), mask);
}

int gf_wait_epoll(int epoll, struct epoll_event *events, int most, int timeout_ms,
                  const sigset_t *mask, const void *code) {
    const struct wait wait = {.call = call_epoll, .what = events, .more = &epoll, .count = most};
    int64_t first = gf_reshare_plan(us_of_ms(timeout_ms), true);
    if (first < 0)
        return note_ready(gf_real.epoll_pwait(epoll, events, most, timeout_ms, mask));
    return note_ready(cut(&wait, us_of_ms(timeout_ms), first, mask, code));
}

/* The sets as the caller gave them: a wait whose time is up empties them. A caller's set may be
 * shorter than an fd_set; only the words that `count` reaches are there for certain. */
struct sets {
    fd_set *set[3];
    fd_set given[3];
    size_t size;
};

static void give_back_sets(const struct sets *sets) {
    for (int i = 0; i < 3; i++) {
        if (sets->set[i])
            memcpy(sets->set[i], &sets->given[i], sets->size);
    }
}

static int call_select(const struct wait *wait, int64_t us, const sigset_t *mask) {
    const struct timespec timeout = timespec_of(us);
    const struct sets *sets = wait->what;
    give_back_sets(sets);
    return gf_real.pselect((int)wait->count, sets->set[0], sets->set[1], sets->set[2],
                           us < 0 ? NULL : &timeout, mask);
}

static int64_t us_of_timeval(const struct timeval *timeout) {
    if (!timeout)
        return -1;
    if (timeout->tv_usec < 0 || timeout->tv_usec > 999999)
        return -2;
    const struct timespec time = {timeout->tv_sec, timeout->tv_usec * 1000};
    return us_of_timespec(&time);
}

int gf_wait_select(int count, fd_set *readable, fd_set *writable, fd_set *other,
                   struct timeval *timeout, const void *code) {
    int64_t us = us_of_timeval(timeout);
    bool ordinary = us != -2 && count >= 0 && count <= FD_SETSIZE;
    int64_t first = ordinary ? gf_reshare_plan(us, true) : -1;
    if (first < 0)
        return note_ready(gf_real.select(count, readable, writable, other, timeout));

    const size_t word = sizeof(fd_mask);
    struct sets sets = {.set = {readable, writable, other},
                        .size = ((size_t)count + NFDBITS - 1) / NFDBITS * word};
    for (int i = 0; i < 3; i++) {
        if (sets.set[i])
            memcpy(&sets.given[i], sets.set[i], sets.size);
    }
    const struct wait wait = {.call = call_select, .what = &sets, .count = count};
    int64_t start = gf_clock_us();
    int result = cut(&wait, us, first, NULL, code);
    if (result < 0) /* the kernel leaves them as they are; Python waits again with the same ones */
        give_back_sets(&sets);
    if (timeout) { /* Linux says how much is left */
        int64_t left = us - (gf_clock_us() - start);
        left = left < 0 || result == 0 ? 0 : left;
        *timeout = (struct timeval){.tv_sec = left / 1000000, .tv_usec = left % 1000000};
    }
    return note_ready(result);
}

/* read, accept and sem_wait have no mask for the wait. If no handler asks for calls to be
 * restarted, EINTR is what such a call answers to any signal, and waiting for its file with ppoll
 * first comes to the same. Else only the kernel knows, and the call is left alone. */
static bool signals_interrupt(void) {
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction action;
        if (gf_real.sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
            action.sa_handler != SIG_IGN && (action.sa_flags & SA_RESTART))
            return false;
    }
    return true;
}

/* Does a read (or an accept) of this file wait for as long as ppoll does? Pipes and sockets that
 * block and have no time limit of their own; not what answers at once and never becomes readable:
 * the writing end of a pipe, a socket that is the other kind's, a FIFO before its first writer. */
static bool blocks(int file, bool accepts) {
    struct statfs system;
    struct timeval limit = {0, 0};
    socklen_t limit_size = sizeof limit, listens_size = sizeof(int);
    int listens = 0, flags = fcntl(file, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK) || fstatfs(file, &system) != 0)
        return false;
    if (system.f_type == PIPEFS_MAGIC)
        return !accepts && (flags & O_ACCMODE) != O_WRONLY;
    return system.f_type == SOCKFS_MAGIC &&
           getsockopt(file, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) == 0 &&
           (listens != 0) == accepts &&
           getsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, &limit_size) == 0 &&
           limit.tv_sec == 0 && limit.tv_usec == 0;
}

static bool wait_readable(int file, bool accepts, const void *code) {
    struct pollfd files = {.fd = file, .events = POLLIN};
    const struct wait wait = {.call = call_poll, .what = &files, .count = 1};
    int error = errno;
    int64_t first = gf_reshare_plan(-1, true);
    int result = 1;
    if (first >= 0 && blocks(file, accepts) && gf_real.poll(&files, 1, 0) == 0 &&
        signals_interrupt())
        result = cut(&wait, -1, first, NULL, code);
    if (result < 0 && errno == EINTR)
        return false;
    errno = error;
    return true;
}

bool gf_wait_read(int file, size_t size, const void *code) {
    return size == 0 || wait_readable(file, false, code);
}

bool gf_wait_accept(int file, int flags, const void *code) {
    if (ready == pthread_self()) {
        ready = (pthread_t)0;
        return true;
    }
    return (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0 || wait_readable(file, true, code);
}

/* Will one of these interrupt a wait, when signals are let in again? */
static bool any_interrupts(const sigset_t *pending, const sigset_t *blocked) {
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction action;
        if (sigismember(pending, number) == 1 && sigismember(blocked, number) == 0 &&
            gf_real.sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
            action.sa_handler != SIG_IGN && !(action.sa_flags & SA_RESTART))
            return true;
    }
    return false;
}

/* As us_of_timespec. Its clock may be set: what is left is asked for anew each time. */
static int64_t us_until(const struct timespec *deadline) {
    const int64_t farthest = INT64_C(1) << 40;
    struct timespec now = {0, 0};
    if (!deadline)
        return -1;
    if (deadline->tv_nsec < 0 || deadline->tv_nsec > 999999999 || deadline->tv_sec < 0 ||
        deadline->tv_sec > farthest)
        return -2;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t us = (deadline->tv_sec - now.tv_sec) * INT64_C(1000000) +
                 (deadline->tv_nsec - now.tv_nsec) / 1000;
    return us < 0 ? 0 : us;
}

static struct timespec realtime_in(int64_t us) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    us += time.tv_nsec / 1000;
    time.tv_sec += us / 1000000;
    time.tv_nsec = us % 1000000 * 1000;
    return time;
}

/* Lets signals in again. Returns whether one that arrived meanwhile is to interrupt the caller's
 * wait. */
static bool let_in(const sigset_t *before) {
    sigset_t pending;
    sigemptyset(&pending);
    sigpending(&pending);
    bool interrupted = any_interrupts(&pending, before);
    sigprocmask(SIG_SETMASK, before, NULL);
    return interrupted;
}

/* A semaphore's wait cannot be given a mask. Signals are blocked but for waits that take time, and
 * are looked for right before these: what is left are the few instructions from there into the
 * kernel, as ahead of any call of sem_wait. Returns 0, or -1 with errno; 1 and signals blocked if
 * the rest of the wait is to be left alone. */
static int cut_semaphore(sem_t *semaphore, const struct timespec *deadline, int64_t next,
                         const sigset_t *before, const void *code) {
    const struct gf_real *real = gf_real_semaphores();
    sigset_t all;
    sigfillset(&all);
    while (next >= 0) {
        const struct timespec until = realtime_in(next);
        bool sleeps = next > 0;
        if (sleeps && let_in(before)) {
            errno = EINTR;
            return -1;
        }
        int result = real->sem_timedwait(semaphore, &until);
        int error = errno;
        if (sleeps)
            sigprocmask(SIG_SETMASK, &all, NULL);
        if (result == 0 || error != ETIMEDOUT) {
            sigprocmask(SIG_SETMASK, before, NULL);
            errno = error;
            return result;
        }
        enum gf_sliced sliced = slice(us_until(deadline), before, code);
        if (sliced == GF_INTERRUPTED) {
            sigprocmask(SIG_SETMASK, before, NULL);
            errno = EINTR;
            return -1;
        }
        next = sliced == GF_SLICED ? gf_reshare_plan(us_until(deadline), false) : -1;
    }
    return 1;
}

int gf_wait_semaphore(sem_t *semaphore, const struct timespec *deadline, const void *code) {
    const struct gf_real *real = gf_real_semaphores();
    sigset_t all, before;
    int error = errno;
    int64_t left = us_until(deadline);
    int64_t next = left == -2 ? -1 : gf_reshare_plan(left, true);
    if (next >= 0 && signals_interrupt()) {
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &before);
        int result = cut_semaphore(semaphore, deadline, next, &before, code);
        if (result == 0)
            errno = error;
        if (result <= 0)
            return result;
        if (let_in(&before)) {
            errno = EINTR;
            return -1;
        }
        errno = error;
    }
    return deadline ? real->sem_timedwait(semaphore, deadline) : real->sem_wait(semaphore);
}
