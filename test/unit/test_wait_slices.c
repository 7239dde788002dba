/* When waits are cut: by a plan and slices of the test's own. */
#include "support/child.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/reshare.h"
#include "hook/wait.h"
#include "support/waits.h"

static int64_t (*plan)(int64_t timeout_us, bool first);
static void (*slice)(void);
static enum gf_cut how; /* NOT: as it is */

int64_t __real_gf_reshare_plan(int64_t timeout_us, bool first);
int64_t __wrap_gf_reshare_plan(int64_t timeout_us, bool first);
int64_t __wrap_gf_reshare_plan(int64_t timeout_us, bool first) {
    return plan ? plan(timeout_us, first) : __real_gf_reshare_plan(timeout_us, first);
}

enum gf_cut __real_gf_reshare_cut(bool masked, const void *code);
enum gf_cut __wrap_gf_reshare_cut(bool masked, const void *code);
enum gf_cut __wrap_gf_reshare_cut(bool masked, const void *code) {
    return how != GF_CUT_NOT ? how : __real_gf_reshare_cut(masked, code);
}

static bool overdue;

bool __wrap_gf_reshare_is_overdue(void);
bool __wrap_gf_reshare_is_overdue(void) {
    return overdue;
}

bool __real_gf_reshare_slice(int64_t left_us, enum gf_cut as);
bool __wrap_gf_reshare_slice(int64_t left_us, enum gf_cut as);
bool __wrap_gf_reshare_slice(int64_t left_us, enum gf_cut as) {
    if (!slice)
        return __real_gf_reshare_slice(left_us, as);
    slice();
    return true;
}

/* A pass that goes on and on, as the engine plans it while its credit is used up. */
static int64_t much_later(int64_t timeout_us, bool first) {
    assert_true(timeout_us >= -1);
    if (first)
        return 0;
    const int64_t later = INT64_C(3600) * 1000000;
    return timeout_us >= 0 && timeout_us <= later ? -1 : later;
}

static size_t plans;

static int64_t never(int64_t timeout_us, bool first) {
    (void)timeout_us;
    (void)first;
    plans++;
    return -1;
}

static void five_milliseconds(void) {
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - start.tv_sec) * 1000000000L + now.tv_nsec - start.tv_nsec < 5000000);
}

static void a_slice_that_outlasts_the_wait_ends_it(void **state) {
    (void)state;
    sem_t semaphore;
    struct timespec deadline;
    gf_waits_start();
    plan = much_later;
    slice = five_milliseconds;
    const struct gf_waits *ours = &gf_waits_ours;
    assert_int_equal(ours->poll(NULL, 0, 3), 0);
    assert_int_equal(ours->select(0, NULL, NULL, NULL, &(struct timeval){.tv_usec = 3000}), 0);
    struct epoll_event event;
    assert_int_equal(ours->epoll_wait(epoll_create1(0), &event, 1, 1), 0);
    sem_init(&semaphore, 0, 0);
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_nsec += 2000000;
    deadline.tv_sec += deadline.tv_nsec / 1000000000;
    deadline.tv_nsec %= 1000000000;
    assert_int_equal(ours->sem_timedwait(&semaphore, &deadline), -1);
    assert_int_equal(errno, EINTR); /* the caller looks for signals, and waits for what is left */
    plan = never;
    assert_int_equal(ours->sem_timedwait(&semaphore, &deadline), -1);
    assert_int_equal(errno, ETIMEDOUT);
}

static void nothing(void) {}

static void a_slice_that_interrupts_a_select_leaves_its_sets_as_they_are(void **state) {
    int ends[2];
    (void)state;
    gf_waits_start();
    plan = much_later;
    slice = nothing;
    how = GF_CUT_BESIDE_THREADS;
    assert_int_equal(pipe(ends), 0);
    fd_set readable, writable, other;
    FD_ZERO(&readable);
    FD_SET(ends[0], &readable);
    FD_SET(ends[1], &readable);
    writable = other = readable;
    FD_CLR(ends[1], &writable); /* or it would not wait */
    fd_set before[] = {readable, writable, other};
    assert_int_equal(gf_waits_ours.select(ends[1] + 1, &readable, &writable, &other, NULL), -1);
    assert_int_equal(errno, EINTR);
    assert_memory_equal(&readable, &before[0], sizeof readable);
    assert_memory_equal(&writable, &before[1], sizeof writable);
    assert_memory_equal(&other, &before[2], sizeof other);
}

static void on_signal(int number) {
    (void)number;
}

static void a_read_beside_a_handler_that_restarts_calls_is_left_alone(void **state) {
    const struct sigaction restarts = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    int ends[2];
    (void)state;
    gf_waits_start();
    sigaction(SIGUSR1, &restarts, NULL);
    assert_int_equal(pipe(ends), 0);
    assert_true(gf_wait_read(ends[0], 1, NULL)); /* or it would wait for ever */
    assert_int_equal(gf_waits_slices, 0);
}

/* Nobody knows whether it becomes readable for poll when a read would end. */
static void a_read_of_an_unknown_kind_of_socket_is_left_alone(void **state) {
    (void)state;
    gf_waits_start();
    int file = socket(AF_NETLINK, SOCK_RAW, 0);
    if (file < 0)
        skip();
    assert_true(gf_wait_read(file, 1, NULL)); /* or it would wait for ever */
    assert_int_equal(gf_waits_slices, 0);
}

static int64_t always_now(int64_t timeout_us, bool first) {
    (void)first;
    plans++;
    return timeout_us == 0 ? -1 : 0;
}

static void what_is_accepted_after_something_was_ready_is_there_already(void **state) {
    int ends[2];
    (void)state;
    gf_waits_start();
    plan = never;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    struct pollfd file = {.fd = ends[0], .events = POLLIN};
    assert_int_equal(gf_waits_ours.poll(&file, 1, -1), 1);
    assert_int_equal(plans, 1);
    assert_true(gf_wait_accept(-1, 0, NULL));
    assert_int_equal(plans, 1); /* did not ask */
    assert_true(gf_wait_accept(-1, 0, NULL));
    assert_int_equal(plans, 2); /* but the next one does */
    file.fd = -1;
    assert_int_equal(gf_waits_ours.poll(&file, 1, 0), 0);
    assert_true(gf_wait_accept(-1, 0, NULL));
    assert_int_equal(plans, 4);
}

static size_t slices;

static void count_slice(void) {
    slices++;
}

/* Something is ready whenever it waits, so no slice would ever be made after a wait. */
static void an_overdue_slice_is_made_before_the_wait(void **state) {
    int ends[2];
    char byte;
    (void)state;
    gf_waits_start();
    plan = much_later;
    slice = count_slice;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "xx", 2), 2);
    struct pollfd file = {.fd = ends[0], .events = POLLIN};
    assert_int_equal(gf_waits_ours.poll(&file, 1, -1), 1);
    assert_int_equal(gf_waits_ours.read(ends[0], &byte, 1), 1);
    assert_int_equal(slices, 0);
    overdue = true;
    assert_int_equal(gf_waits_ours.poll(&file, 1, -1), 1);
    assert_int_equal(slices, 1);
    assert_int_equal(gf_waits_ours.read(ends[0], &byte, 1), 1);
    assert_int_equal(slices, 2);
    assert_int_equal(gf_waits_ours.poll(&file, 1, 1), 0); /* nothing is ready, and it is short */
    assert_int_equal(slices, 3);
}

/* There a slice ends the wait, and the caller begins another one for what is left of it. */
static void beside_threads_an_overdue_slice_is_made_before_long_waits(void **state) {
    int ends[2];
    sem_t semaphore;
    (void)state;
    gf_waits_start();
    plan = much_later;
    slice = count_slice;
    how = GF_CUT_BESIDE_THREADS;
    overdue = true;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    struct pollfd file = {.fd = ends[0], .events = POLLIN};
    assert_int_equal(gf_waits_ours.poll(&file, 1, 99), 1);
    assert_int_equal(slices, 0);
    assert_int_equal(gf_waits_ours.poll(&file, 1, 100), -1);
    assert_int_equal(errno, EINTR);
    assert_int_equal(slices, 1);
    sem_init(&semaphore, 0, 1);
    assert_int_equal(gf_waits_ours.sem_wait(&semaphore), -1);
    assert_int_equal(errno, EINTR);
    assert_int_equal(slices, 2);
    overdue = false;
    assert_int_equal(gf_waits_ours.sem_wait(&semaphore), 0);
    assert_int_equal(slices, 2);
}

/* The child of a vfork runs in its parent's memory. */
_Noreturn static void borrow(void) {
    alarm(60);
    struct pollfd file = {.fd = -1};
    if (gf_wait_poll(&file, 1, 20, NULL) != 0)
        _exit(1);
    _exit(0);
}

static void a_child_that_borrows_this_memory_makes_no_slice(void **state) {
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it makes vfork a fork */
#endif
    gf_waits_start();
    plan = always_now;
    pid_t pid = vfork();
    if (pid == 0)
        borrow();
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(gf_waits_slices, 0);
    assert_int_equal(plans, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slice_that_outlasts_the_wait_ends_it),
        cmocka_unit_test(a_slice_that_interrupts_a_select_leaves_its_sets_as_they_are),
        cmocka_unit_test(a_read_beside_a_handler_that_restarts_calls_is_left_alone),
        cmocka_unit_test(a_read_of_an_unknown_kind_of_socket_is_left_alone),
        cmocka_unit_test(what_is_accepted_after_something_was_ready_is_there_already),
        cmocka_unit_test(an_overdue_slice_is_made_before_the_wait),
        cmocka_unit_test(beside_threads_an_overdue_slice_is_made_before_long_waits),
        cmocka_unit_test(a_child_that_borrows_this_memory_makes_no_slice),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
