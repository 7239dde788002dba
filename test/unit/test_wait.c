/* Waits that are cut for passes: whatever ends a wait, and whenever it comes, the caller sees what
 * libc alone would have shown. Every wait of the table below is made with libc first, then with a
 * pass in it. */
#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/reshare.h"
#include "support/waits.h"

/* from READ on: the calls that have no mask */
enum call { SELECT, POLL, EPOLL, EPOLL_PWAIT, READ, ACCEPT, ACCEPT4, SEM, SEM_TIMED, CALLS };
static const char *const call_names[] = {"select", "poll",    "epoll_wait", "epoll_pwait",  "read",
                                         "accept", "accept4", "sem_wait",   "sem_timedwait"};

enum event { NOTHING, READY, SIGNAL, EVENTS };
enum moment { BEFORE, IN_SLICE, ASLEEP };
enum { NEVER = -1, SHORT_MS = 20, LONG_MS = 60000 };

struct scenario {
    enum call call;
    enum event event;
    enum moment when; /* with libc, IN_SLICE is ASLEEP */
    int timeout_ms;   /* NEVER: it has none */
    bool restart;     /* the handler has SA_RESTART */
    bool blocked;     /* the caller blocks the signal */
    bool masked;      /* epoll_pwait: waits with an empty mask */
    bool readies;     /* the handler makes it ready */
};

struct outcome {
    int result, error, handled;
    bool ready;     /* what the caller's structs say */
    bool more_left; /* select: some of the time is left */
    bool same_mask;
};

/* ---- what is waited for ---- */

static struct {
    int pipe[2], listening, epoll;
    struct sockaddr_un address;
    socklen_t address_size;
    struct shared { /* by the watcher */
        sem_t semaphore;
        atomic_bool sliced;
    } *shared;
} world;

static void make_world(void) {
    assert_int_equal(pipe(world.pipe), 0);
    world.address.sun_family = AF_UNIX;
    world.listening = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(
        bind(world.listening, (struct sockaddr *)&world.address, sizeof world.address.sun_family),
        0); /* the kernel chooses an abstract name */
    world.address_size = sizeof world.address;
    assert_int_equal(
        getsockname(world.listening, (struct sockaddr *)&world.address, &world.address_size), 0);
    assert_int_equal(listen(world.listening, 8), 0);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 4711};
    world.epoll = epoll_create1(0);
    assert_int_equal(epoll_ctl(world.epoll, EPOLL_CTL_ADD, world.pipe[0], &event), 0);
    world.shared =
        mmap(NULL, sizeof *world.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(world.shared != MAP_FAILED);
    assert_int_equal(sem_init(&world.shared->semaphore, 1, 0), 0);
}

static void end_world(void) {
    close(world.pipe[0]);
    close(world.pipe[1]);
    close(world.listening);
    close(world.epoll);
    munmap(world.shared, sizeof *world.shared);
}

/* Async-signal-safe. */
static void make_ready(enum call call) {
    if (call == ACCEPT || call == ACCEPT4) {
        int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(client, (struct sockaddr *)&world.address, world.address_size);
        close(client);
    } else if (call == SEM || call == SEM_TIMED) {
        sem_post(&world.shared->semaphore);
    } else if (write(world.pipe[1], "x", 1) != 1) {
        _exit(1);
    }
}

static struct scenario current;
static volatile sig_atomic_t handled;

static void handler(int number) {
    (void)number;
    handled++;
    if (current.readies)
        make_ready(current.call);
}

/* ---- what happens ---- */

static void happen(pid_t waiting) {
    if (current.event == READY)
        make_ready(current.call);
    else if (current.event == SIGNAL)
        kill(waiting, SIGUSR1);
}

static void slice_is_over(void) {
    world.shared->sliced = true;
    if (current.when == IN_SLICE)
        happen(getpid());
}

static bool sleeps(pid_t pid) {
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int file = open(path, O_RDONLY);
    ssize_t length = file < 0 ? 0 : read(file, text, sizeof text - 1);
    close(file);
    const char *state = length > 0 ? strrchr(text, ')') : NULL;
    return state && state[2] == 'S';
}

/* Another process, because a thread of this one would keep passes away. */
static pid_t watch_until_asleep(bool after_slice) {
    pid_t waiting = getpid(), watcher = fork();
    assert_true(watcher >= 0);
    if (watcher > 0)
        return watcher;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a number may soon be another process's */
    while (getppid() == waiting && ((after_slice && !world.shared->sliced) || !sleeps(waiting)))
        continue;
    if (getppid() == waiting)
        happen(waiting);
    _exit(0);
}

/* ---- the wait ---- */

static int wait_with_select(const struct gf_waits *waits, struct outcome *ret) {
    struct timeval timeout = {.tv_sec = current.timeout_ms / 1000,
                              .tv_usec = current.timeout_ms % 1000 * 1000};
    const struct timeval all = timeout;
    fd_set readable, other;
    FD_ZERO(&readable);
    FD_ZERO(&other);
    FD_SET(world.pipe[0], &readable);
    FD_SET(world.pipe[1], &other);
    int result = waits->select(world.pipe[1] + 1, &readable, NULL, &other,
                               current.timeout_ms == NEVER ? NULL : &timeout);
    /* after an error the sets are as they were, after a timeout empty */
    ret->ready = FD_ISSET(world.pipe[0], &readable) &&
                 (FD_ISSET(world.pipe[1], &other) != 0) == (result < 0);
    ret->more_left = !timercmp(&timeout, &all, >) && timerisset(&timeout);
    return result;
}

static int wait_with_poll(const struct gf_waits *waits, struct outcome *ret) {
    struct pollfd files[] = {{.fd = -1, .events = POLLIN, .revents = -1},
                             {.fd = world.pipe[0], .events = POLLIN}};
    int result = waits->poll(files, 2, current.timeout_ms);
    ret->ready = files[1].revents == POLLIN;
    return result;
}

static int wait_with_epoll(const struct gf_waits *waits, struct outcome *ret) {
    sigset_t none;
    sigemptyset(&none);
    struct epoll_event events[2] = {{.events = 0}};
    int result = current.call == EPOLL
                     ? waits->epoll_wait(world.epoll, events, 2, current.timeout_ms)
                     : waits->epoll_pwait(world.epoll, events, 2, current.timeout_ms,
                                          current.masked ? &none : NULL);
    ret->ready = events[0].events == EPOLLIN && events[0].data.u64 == 4711;
    return result;
}

static int wait_with_accept(const struct gf_waits *waits, struct outcome *ret) {
    struct sockaddr_un peer = {.sun_family = AF_INET};
    socklen_t size = sizeof peer;
    int file = current.call == ACCEPT
                   ? waits->accept(world.listening, (struct sockaddr *)&peer, &size)
                   : waits->accept4(world.listening, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);
    if (file < 0)
        return file;
    ret->ready = peer.sun_family == AF_UNIX && size == sizeof peer.sun_family;
    int flags = fcntl(file, F_GETFD);
    close(file);
    return flags;
}

static struct timespec deadline_of(int timeout_ms) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    int ms = timeout_ms == NEVER ? LONG_MS : timeout_ms;
    deadline.tv_sec += ms / 1000;
    deadline.tv_nsec += ms % 1000 * 1000000;
    deadline.tv_sec += deadline.tv_nsec / 1000000000;
    deadline.tv_nsec %= 1000000000;
    return deadline;
}

/* As Python does: where no signal has come, it waits for what is left. */
static int wait_with_semaphore(const struct gf_waits *waits) {
    const struct timespec deadline = deadline_of(current.timeout_ms);
    int result;
    do {
        errno = ENOTTY;
        result = current.call == SEM ? waits->sem_wait(&world.shared->semaphore)
                                     : waits->sem_timedwait(&world.shared->semaphore, &deadline);
    } while (result < 0 && errno == EINTR && handled == 0);
    return result;
}

static int wait_once(const struct gf_waits *waits, struct outcome *ret) {
    char byte = 0;
    ssize_t got;
    switch (current.call) {
    case SELECT:
        return wait_with_select(waits, ret);
    case POLL:
        return wait_with_poll(waits, ret);
    case EPOLL:
    case EPOLL_PWAIT:
        return wait_with_epoll(waits, ret);
    case READ:
        got = waits->read(world.pipe[0], &byte, 1);
        ret->ready = byte == 'x';
        return (int)got;
    case ACCEPT:
    case ACCEPT4:
        return wait_with_accept(waits, ret);
    default:
        return wait_with_semaphore(waits);
    }
}

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* Is there a slice in it, with ours? */
static bool is_cut(const struct scenario *s) {
    return !(s->restart && s->call >= READ && s->call < SEM);
}

static struct outcome perform(const struct scenario *scenario, const struct gf_waits *waits) {
    struct outcome outcome = {0};
    sigset_t mask, before, after;
    pid_t watcher = 0;
    struct sigaction action = {.sa_handler = handler,
                               .sa_flags = scenario->restart ? SA_RESTART : 0};
    current = *scenario;
    handled = 0;
    make_world();
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2); /* so that there is something to put back */
    if (scenario->blocked)
        sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_SETMASK, &mask, &before);

    if (scenario->when == BEFORE)
        happen(getpid());
    else if (scenario->event != NOTHING && (scenario->when == ASLEEP || waits == &gf_waits_libc))
        watcher = watch_until_asleep(waits == &gf_waits_ours && is_cut(scenario));
    gf_reshare_plan(0, true); /* a wait that follows one which a slice has ended has none */
    gf_waits_in_slice = scenario->event == NOTHING ? NULL : slice_is_over;
    int64_t start = now_us();
    errno = ENOTTY;
    outcome.result = wait_once(waits, &outcome);
    outcome.error = errno;
    int64_t took = now_us() - start;
    if (scenario->event == NOTHING)
        assert_true(took >= scenario->timeout_ms * INT64_C(1000));

    sigprocmask(SIG_SETMASK, &before, &after);
    outcome.same_mask = true;
    for (int number = 1; number <= SIGRTMAX; number++)
        outcome.same_mask &= sigismember(&after, number) == sigismember(&mask, number);
    outcome.handled = handled;
    if (watcher > 0)
        assert_int_equal(waitpid(watcher, NULL, 0), watcher);
    signal(SIGUSR1, SIG_DFL);
    end_world();
    return outcome;
}

/* ---- the table ---- */

static bool has_timeout(enum call call) {
    return call != READ && call != ACCEPT && call != ACCEPT4 && call != SEM;
}

static bool has_mask(enum call call) {
    return call == EPOLL_PWAIT;
}

/* Does the wait end, and always in the same way? */
static bool is_sensible(const struct scenario *s) {
    bool signal = s->event == SIGNAL;
    if (s->timeout_ms != NEVER && !has_timeout(s->call))
        return false;
    if (s->masked && !has_mask(s->call))
        return false;
    if (!signal && (s->restart || s->blocked || s->masked || s->readies))
        return false;
    if (s->event == NOTHING)
        return s->when == BEFORE && s->timeout_ms != NEVER && s->timeout_ms != LONG_MS;
    if (s->when != BEFORE && (s->timeout_ms == 0 || s->timeout_ms == SHORT_MS))
        return false; /* which comes first? */
    if (s->event == READY)
        return s->timeout_ms != SHORT_MS;
    if (s->when == IN_SLICE && s->restart && s->call >= READ)
        return false; /* a read is left alone, and a semaphore's wait ends after a slice */
    if (s->blocked && !s->masked) /* a blocked signal ends nothing */
        return s->when == BEFORE && (s->timeout_ms == 0 || s->timeout_ms == SHORT_MS) &&
               !s->readies;
    if (s->when == BEFORE && !s->blocked) /* it is over before the wait */
        return s->readies && s->timeout_ms != SHORT_MS;
    if (!has_timeout(s->call) && s->restart)
        return s->readies; /* else the call goes on for ever */
    return s->timeout_ms != SHORT_MS;
}

static void compare(const struct scenario *s) {
    struct outcome libc = perform(s, &gf_waits_libc);
    struct outcome ours = perform(s, &gf_waits_ours);
    if (memcmp(&libc, &ours, sizeof libc) == 0)
        return;
    fail_msg("%s: event %d, when %d, timeout %d, restart %d, blocked %d, masked %d, readies %d:\n"
             "libc: %d errno %d handled %d ready %d left %d mask %d\n"
             "ours: %d errno %d handled %d ready %d left %d mask %d",
             call_names[s->call], s->event, s->when, s->timeout_ms, s->restart, s->blocked,
             s->masked, s->readies, libc.result, libc.error, libc.handled, libc.ready,
             libc.more_left, libc.same_mask, ours.result, ours.error, ours.handled, ours.ready,
             ours.more_left, ours.same_mask);
}

static void every_wait_ends_as_it_does_without_a_pass(void **state) {
    static const int timeouts[] = {NEVER, 0, SHORT_MS, LONG_MS};
    size_t waits = 0;
    (void)state;
    gf_waits_start();
    for (unsigned number = 0; number < CALLS * EVENTS * 3 * 4 * 16; number++) {
        unsigned rest = number / 16;
        const struct scenario scenario = {
            .restart = number & 1,
            .blocked = number & 2,
            .masked = number & 4,
            .readies = number & 8,
            .timeout_ms = timeouts[rest % 4],
            .when = rest / 4 % 3,
            .event = rest / 12 % EVENTS,
            .call = rest / 12 / EVENTS,
        };
        if (!is_sensible(&scenario))
            continue;
        compare(&scenario);
        waits++;
    }
    assert_in_range(waits, 200, 2000);
    assert_in_range(gf_waits_slices, waits / 3, waits);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wait_ends_as_it_does_without_a_pass),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
