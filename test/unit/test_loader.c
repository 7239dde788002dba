/* When the dynamic linker may be asked. Each test has a process of its own, which starts with one
 * thread. */
#include "support/child.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "process/loader.h"

/* Time stands still, or flies: a second each time that somebody looks. */
static bool flies;
static atomic_long now_s = 5;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now) {
    (void)clock;
    *now = (struct timespec){.tv_sec = flies ? now_s++ : now_s};
    return 0;
}

static int count(struct dl_phdr_info *object, size_t size, void *context) {
    (void)object, (void)size;
    ++*(int *)context;
    return 7;
}

/* All that there is to ask. Exit status: 0 if all was answered, 1 if nothing was, else 2. */
static int ask(void) {
    int seen = 0;
    bool answers = gf_loader_answers();
    int answered = (gf_loader_objects(count, &seen) == 7) + (seen == 1) +
                   (gf_loader_symbol(NULL, "getpid") != NULL) +
                   (gf_loader_open("libc.so.6") != NULL || gf_loader_open("libc.so") != NULL) +
                   (gf_loader_object_of((void *)(uintptr_t)ask, NULL) != NULL);
    return answers && answered == 5 ? 0 : !answers && answered == 0 ? 1 : 2;
}

enum { ALL, NOTHING };

static int status_of(pid_t pid) {
    int status = -1;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                           : -1;
}

static int asked_in_child(void) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(ask());
    return status_of(pid);
}

static int asked_in_grandchild(void) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(asked_in_child());
    return status_of(pid);
}

static pid_t clone_process(void) {
    return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static atomic_int stage;

static void reach(int next) {
    stage = next;
}

static void wait_for(int wanted) {
    while (stage < wanted)
        sched_yield();
}

enum { NEVER = 99 };

static void *idle(void *unused) {
    wait_for(NEVER);
    return unused;
}

static pthread_t start_thread(void *(*work)(void *)) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
    return thread;
}

/* ---- who may ask ---- */

static void a_process_with_one_thread_and_its_children_may_ask(void **state) {
    (void)state;
    assert_int_equal(ask(), ALL); /* before the start as well: libc's functions are bound then */
    gf_loader_start(getpid());
    assert_int_equal(ask(), ALL);
    assert_int_equal(asked_in_child(), ALL);
    assert_int_equal(asked_in_grandchild(), ALL);
}

static void a_child_that_was_forked_beside_a_thread_may_not_and_its_children_neither(void **state) {
    (void)state;
    gf_loader_start(getpid());
    start_thread(idle);
    assert_int_equal(asked_in_child(), NOTHING);
    assert_int_equal(asked_in_grandchild(), NOTHING);
    assert_int_equal(ask(), ALL);
}

static void a_thread_that_is_gone_does_not_count(void **state) {
    (void)state;
    gf_loader_start(getpid());
    pthread_t thread = start_thread(idle);
    assert_int_equal(asked_in_child(), NOTHING);
    reach(NEVER);
    pthread_join(thread, NULL);
    /* the kernel counts it a moment longer */
    while (asked_in_child() != ALL)
        sched_yield();
}

static void a_child_that_libc_did_not_make_may_not(void **state) {
    (void)state;
    gf_loader_start(getpid());
    pid_t pid = clone_process();
    if (pid == 0)
        _exit(ask());
    assert_int_equal(status_of(pid), NOTHING);
    assert_int_equal(ask(), ALL);
}

static void a_daemon_may(void **state) {
    (void)state;
    int ends[2];
    char answer = -1;
    gf_loader_start(getpid());
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (daemon(1, 1) != 0) /* which does not come through fork */
            _exit(9);
        answer = (char)ask();
        _exit(write(ends[1], &answer, 1) == 1 ? 0 : 9);
    }
    assert_int_equal(status_of(pid), 0);
    assert_int_equal(read(ends[0], &answer, 1), 1);
    assert_int_equal(answer, ALL);
}

static int fork_and_ask(void *beside) {
    return beside ? asked_in_child() : ask();
}

/* It shares its parent's memory, and so its locks: of the threads there, /proc knows nothing. */
static void a_child_that_borrows_memory_may_if_it_was_lent_and_its_own_child_never(void **state) {
    (void)state;
    static char stack[64 * 1024] __attribute__((aligned(16)));
    char *const top = stack + sizeof stack;
    gf_loader_start(getpid());
    const int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    start_thread(idle);
    assert_int_equal(status_of(clone(fork_and_ask, top, flags, NULL)), NOTHING);
    gf_loader_lend(true);
    assert_int_equal(status_of(clone(fork_and_ask, top, flags, NULL)), ALL);
    assert_int_equal(status_of(clone(fork_and_ask, top, flags, &stage)), NOTHING);
    gf_loader_lend(false);
    assert_int_equal(status_of(clone(fork_and_ask, top, flags, NULL)), NOTHING);
    assert_int_equal(ask(), ALL);
}

static int fork_inside(struct dl_phdr_info *object, size_t size, void *context) {
    (void)object, (void)size;
    *(int *)context = asked_in_child();
    return 1;
}

/* As a handler of signals would: the lock is then held in the child by a thread that is not it. */
static void a_child_that_was_forked_while_we_ask_may_not(void **state) {
    (void)state;
    int status = -1;
    gf_loader_start(getpid());
    gf_loader_objects(fork_inside, &status);
    assert_int_equal(status, NOTHING);
    assert_int_equal(asked_in_child(), ALL);
}

static void a_fork_leaves_errno_alone(void **state) {
    (void)state;
    gf_loader_start(getpid());
    for (int threads = 1; threads <= 2; threads++) {
        errno = 77;
        pid_t pid = fork();
        if (pid == 0)
            _exit(errno != 77);
        assert_int_equal(errno, 77);
        assert_int_equal(status_of(pid), 0);
        start_thread(idle);
    }
}

/* ---- a thread that asks while another one forks ---- */

enum { INSIDE = 1, FORKING, LEAVES, FORKED };

static void forking(void) {
    if (stage == INSIDE)
        reach(FORKING);
}

static int leave_when_one_forks(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)object, (void)size, (void)unused;
    reach(INSIDE);
    wait_for(FORKING);
    for (int i = 0; i < 1000; i++)
        sched_yield();
    reach(LEAVES);
    return 1;
}

static void *ask_until_one_forks(void *unused) {
    gf_loader_objects(leave_when_one_forks, unused);
    return NULL;
}

static void a_fork_waits_until_nobody_asks(void **state) {
    (void)state;
    gf_loader_start(getpid());
    pthread_atfork(forking, NULL, NULL);
    pthread_t thread = start_thread(ask_until_one_forks);
    wait_for(INSIDE);
    pid_t pid = fork();
    if (pid == 0)
        _exit(stage != LEAVES);
    assert_int_equal(status_of(pid), 0);
    pthread_join(thread, NULL);
}

static int leave_after_the_fork(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)object, (void)size, (void)unused;
    reach(INSIDE);
    wait_for(FORKED);
    return 1;
}

static void *ask_until_the_fork_is_over(void *unused) {
    gf_loader_objects(leave_after_the_fork, unused);
    return NULL;
}

static void a_fork_does_not_wait_for_ever(void **state) {
    (void)state;
    flies = true;
    gf_loader_start(getpid());
    pthread_t thread = start_thread(ask_until_the_fork_is_over);
    wait_for(INSIDE);
    assert_int_equal(asked_in_child(), NOTHING);
    reach(FORKED);
    pthread_join(thread, NULL);
}

/* Handlers that were registered before ours run between it and the fork. */
static void pause_in_fork(void) {
    reach(FORKING);
    for (int i = 0; i < 1000; i++)
        sched_yield();
}

static void fork_is_over(void) {
    reach(FORKED);
}

static int see_stage(struct dl_phdr_info *object, size_t size, void *seen) {
    (void)object, (void)size;
    *(int *)seen = stage;
    return 1;
}

static void *ask_while_one_forks(void *seen) {
    static int at;
    (void)seen;
    wait_for(FORKING);
    gf_loader_objects(see_stage, &at);
    return &at;
}

static void who_asks_waits_for_the_fork(void **state) {
    (void)state;
    void *seen = NULL;
    pthread_atfork(pause_in_fork, fork_is_over, NULL);
    gf_loader_start(getpid());
    pthread_t thread = start_thread(ask_while_one_forks);
    assert_int_equal(asked_in_child(), NOTHING);
    pthread_join(thread, &seen);
    assert_int_equal(*(int *)seen, FORKED);
}

static void wait_for_who_asks(void) {
    reach(FORKING);
    wait_for(LEAVES);
}

static void *leave_while_one_forks(void *unused) {
    ask_while_one_forks(unused);
    reach(LEAVES);
    return NULL;
}

static void who_asks_does_not_wait_for_ever(void **state) {
    (void)state;
    flies = true;
    pthread_atfork(wait_for_who_asks, NULL, NULL);
    gf_loader_start(getpid());
    pthread_t thread = start_thread(leave_while_one_forks);
    assert_int_equal(asked_in_child(), NOTHING);
    pthread_join(thread, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_with_one_thread_and_its_children_may_ask),
        cmocka_unit_test(a_child_that_was_forked_beside_a_thread_may_not_and_its_children_neither),
        cmocka_unit_test(a_thread_that_is_gone_does_not_count),
        cmocka_unit_test(a_child_that_libc_did_not_make_may_not),
        cmocka_unit_test(a_daemon_may),
        cmocka_unit_test(a_child_that_borrows_memory_may_if_it_was_lent_and_its_own_child_never),
        cmocka_unit_test(a_child_that_was_forked_while_we_ask_may_not),
        cmocka_unit_test(a_fork_leaves_errno_alone),
        cmocka_unit_test(a_fork_waits_until_nobody_asks),
        cmocka_unit_test(a_fork_does_not_wait_for_ever),
        cmocka_unit_test(who_asks_waits_for_the_fork),
        cmocka_unit_test(who_asks_does_not_wait_for_ever),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
