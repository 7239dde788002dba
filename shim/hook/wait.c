#include "hook/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/clock.h"
#include "core/engine.h"
#include "core/reshare.h"
#include "hook/real.h"

/* One wait, whatever is waited for: calls the real function once, for `us` microseconds at most
 * (-1: for ever) and with `mask`, if there is one, as the signal mask while it waits. Returns what
 * that returned; 0 means that the time is up. That function may be another than the caller's: has a
 * sandbox `refused` it? */
struct wait {
    int (*call)(const struct wait *wait, int64_t us, const sigset_t *mask);
    atomic_bool *refused;
    void *what;
    const void *more;
    long count;
};

static atomic_bool ppoll_refused, pselect_refused, epoll_pwait_refused;

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

/* Beside threads a slice ends the wait; one that ends soon anyway would be over then. */
static bool begins_with_slice(enum gf_cut how, int64_t timeout_us) {
    static const int64_t long_us = 100000;
    return gf_reshare_is_overdue() &&
           (how == GF_CUT_ALONE || timeout_us < 0 || timeout_us >= long_us);
}

/* A child that borrows this memory (vfork) has nothing to give back. */
struct gf_cutting gf_wait_plan(int64_t timeout_us, bool masked, const void *code) {
    struct gf_cutting cutting = {GF_CUT_NOT, gf_reshare_plan(timeout_us, true), false};
    if (cutting.first_us >= 0 && gf_engine_is_ours())
        cutting.how = gf_reshare_cut(masked, code);
    if (cutting.how != GF_CUT_NOT)
        cutting.overdue = begins_with_slice(cutting.how, timeout_us);
    return cutting;
}

static int64_t end_of(int64_t timeout_us) {
    return timeout_us < 0 ? INT64_MAX : gf_clock_us() + timeout_us;
}

/* The only thread, or the only one that takes signals. They are blocked but for the waits
 * themselves: one that arrives during a slice, or between it and the wait, ends the wait with
 * EINTR, as it would have without us. Before they are, it is seen whether anything is ready, and
 * whether the real function may be called. */
static int cut_alone(const struct wait *wait, struct gf_cutting cutting, int64_t timeout_us,
                     const sigset_t *mask) {
    sigset_t all, before;
    int64_t end = end_of(timeout_us), next = cutting.first_us;
    int result = cutting.overdue ? 0 : wait->call(wait, 0, mask);
    sigfillset(&all);
    if (result == 0)
        result = sigprocmask(SIG_SETMASK, &all, &before);
    if (result != 0)
        return result;
    for (bool overdue = cutting.overdue;; overdue = false) {
        int64_t left = us_left(end);
        bool last = next < 0 || (left >= 0 && left <= next);
        if (!overdue)
            result = wait->call(wait, last ? left : next, mask ? mask : &before);
        if (!overdue && (result != 0 || last))
            break;
        bool more = gf_reshare_slice(us_left(end), cutting.how);
        next = more ? gf_reshare_plan(us_left(end), false) : -1;
    }
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return result;
}

/* The kernel gives a signal that one thread blocks to another one, and nobody would end this wait.
 * So none is blocked, and the wait ends with EINTR where it was cut: a signal that has been handled
 * since then is as good as one that ended it. */
static int cut_beside_threads(const struct wait *wait, struct gf_cutting cutting,
                              int64_t timeout_us, const sigset_t *mask) {
    int64_t end = end_of(timeout_us);
    int result = cutting.overdue ? 0 : wait->call(wait, cutting.first_us, mask);
    if (result != 0)
        return result;
    gf_reshare_slice(us_left(end), GF_CUT_BESIDE_THREADS);
    errno = EINTR;
    return -1;
}

/* What waits say themselves of bad arguments. All else is the word of a sandbox, which may allow
 * the caller's function and forbid ours. */
static bool is_refusal(int error) {
    return error != EBADF && error != EFAULT && error != EINVAL && error != ENOMEM;
}

/* `mask` is the caller's own one for the wait, or NULL. True: *ret and errno are the answer. False:
 * the caller's own function is to give it, as if nothing had been tried. */
static bool cut(const struct wait *wait, struct gf_cutting cutting, int64_t timeout_us,
                const sigset_t *mask, int *ret) {
    int error = errno;
    if (cutting.how == GF_CUT_NOT || *wait->refused)
        return false;
    int result = cutting.how == GF_CUT_BESIDE_THREADS
                     ? cut_beside_threads(wait, cutting, timeout_us, mask)
                     : cut_alone(wait, cutting, timeout_us, mask);
    if (result < 0 && errno == EINTR) {
        *ret = result;
        return true;
    }
    if (result < 0 && is_refusal(errno))
        *wait->refused = true;
    errno = error;
    if (result >= 0)
        *ret = result;
    return result >= 0;
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
    const struct wait wait = {
        .call = call_poll, .refused = &ppoll_refused, .what = files, .count = (long)count};
    int64_t us = us_of_ms(timeout_ms);
    int result;
    if (!cut(&wait, gf_wait_plan(us, true, code), us, NULL, &result))
        result = gf_real.poll(files, count, timeout_ms);
    return note_ready(result);
}

static int call_epoll(const struct wait *wait, int64_t us, const sigset_t *mask) {
    return gf_real.epoll_pwait(*(const int *)wait->more, wait->what, (int)wait->count,
                               milliseconds_of(us), mask);
}

/* epoll_wait, where there is no mask: a sandbox may know the one and not the other. */
int gf_wait_epoll(int epoll, struct epoll_event *events, int most, int timeout_ms,
                  const sigset_t *mask, const void *code) {
    const struct wait wait = {.call = call_epoll,
                              .refused = &epoll_pwait_refused,
                              .what = events,
                              .more = &epoll,
                              .count = most};
    int64_t us = us_of_ms(timeout_ms);
    int result;
    if (!cut(&wait, gf_wait_plan(us, true, code), us, mask, &result))
        result = mask ? gf_real.epoll_pwait(epoll, events, most, timeout_ms, mask)
                      : gf_real.epoll_wait(epoll, events, most, timeout_ms);
    return note_ready(result);
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

/* -2: not a time that the kernel would take. */
static int64_t us_of_timeval(const struct timeval *timeout) {
    if (!timeout)
        return -1;
    if (timeout->tv_sec < 0 || timeout->tv_sec > INT32_MAX || timeout->tv_usec < 0 ||
        timeout->tv_usec > 999999)
        return -2;
    return timeout->tv_sec * INT64_C(1000000) + timeout->tv_usec;
}

int gf_wait_select(int count, fd_set *readable, fd_set *writable, fd_set *other,
                   struct timeval *timeout, const void *code) {
    int64_t us = us_of_timeval(timeout);
    bool ordinary = us != -2 && count >= 0 && count <= FD_SETSIZE;
    struct gf_cutting cutting = {GF_CUT_NOT, -1, false};
    if (ordinary)
        cutting = gf_wait_plan(us, true, code);
    if (cutting.how == GF_CUT_NOT)
        return note_ready(gf_real.select(count, readable, writable, other, timeout));

    const size_t word = sizeof(fd_mask);
    struct sets sets = {.set = {readable, writable, other},
                        .size = ((size_t)count + NFDBITS - 1) / NFDBITS * word};
    for (int i = 0; i < 3; i++) {
        if (sets.set[i])
            memcpy(&sets.given[i], sets.set[i], sets.size);
    }
    const struct wait wait = {
        .call = call_select, .refused = &pselect_refused, .what = &sets, .count = count};
    int64_t start = gf_clock_us();
    int result;
    if (!cut(&wait, cutting, us, NULL, &result)) {
        give_back_sets(&sets);
        return note_ready(gf_real.select(count, readable, writable, other, timeout));
    }
    if (result < 0) /* the kernel leaves them as they are; Python waits again with the same ones */
        give_back_sets(&sets);
    if (timeout) { /* Linux says how much is left */
        int64_t left = us - (gf_clock_us() - start);
        left = left < 0 || result == 0 ? 0 : left;
        *timeout = (struct timeval){.tv_sec = left / 1000000, .tv_usec = left % 1000000};
    }
    return note_ready(result);
}

/* read and accept have no mask for the wait. If no handler asks for calls to be restarted, EINTR is
 * what such a call answers to any signal, and waiting for its file with ppoll first comes to the
 * same. Else only the kernel knows, and the call is left alone. */
static bool signals_interrupt(void) {
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction action;
        if (gf_real.sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
            action.sa_handler != SIG_IGN && (action.sa_flags & SA_RESTART))
            return false;
    }
    return true;
}

/* A hash of the kernel's (AF_ALG) answers a read at once, and never becomes readable: its socket
 * has no poll (crypto/algif_hash.c; net/socket.c, sock_poll). So only kinds that are known to. */
static bool is_known_kind(int socket) {
    int family = AF_UNSPEC;
    socklen_t size = sizeof family;
    return getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 &&
           (family == AF_UNIX || family == AF_INET || family == AF_INET6);
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
    return system.f_type == SOCKFS_MAGIC && is_known_kind(file) &&
           getsockopt(file, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) == 0 &&
           (listens != 0) == accepts &&
           getsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, &limit_size) == 0 &&
           limit.tv_sec == 0 && limit.tv_usec == 0;
}

static bool wait_readable(int file, bool accepts, const void *code) {
    struct pollfd files = {.fd = file, .events = POLLIN};
    const struct wait wait = {
        .call = call_poll, .refused = &ppoll_refused, .what = &files, .count = 1};
    int error = errno, result = 0;
    struct gf_cutting cutting = gf_wait_plan(-1, true, code);
    if (cutting.how != GF_CUT_NOT && blocks(file, accepts) &&
        (cutting.overdue || gf_real.poll(&files, 1, 0) == 0) && signals_interrupt() &&
        cut(&wait, cutting, -1, NULL, &result) && result < 0)
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
