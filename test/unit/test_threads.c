/* Threads that are ending. A tracer holds one where the kernel still counts it and it does nothing
 * any more: it is gone when the tracer has waited for it. */
#include "support/child.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "process/threads.h"
#include "support/companion.h"

#ifndef __WALL
#define __WALL 0x40000000 /* linux/wait.h: of threads, too */
#endif

enum { REQUEST, ANSWER, GO, PIPES };

static int pipes[PIPES][2];
static bool let_go;

static void say(int pipe, int word) {
    assert_int_equal(write(pipes[pipe][1], &word, sizeof word), sizeof word);
}

static int hear(int pipe) {
    int word = 0;
    return read(pipes[pipe][0], &word, sizeof word) == sizeof word ? word : -1;
}

/* Never returns; ends with the process that it traces. */
static void trace(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int thread = hear(REQUEST);
    say(ANSWER, ptrace(PTRACE_SEIZE, thread, NULL, NULL) == 0);
    hear(REQUEST);
    waitpid(thread, NULL, __WALL);
    say(ANSWER, true);
    hear(REQUEST);
    _exit(1);
}

static void *say_who(void *unused) {
    say(REQUEST, (int)syscall(SYS_gettid));
    hear(GO);
    return unused;
}

/* Joined, and still counted. */
static void new_ending_thread(void) {
    pthread_t thread;
    for (int i = 0; i < PIPES; i++)
        assert_int_equal(pipe(pipes[i]), 0);
    pid_t tracer = fork();
    assert_true(tracer >= 0);
    if (tracer == 0)
        trace();
    prctl(PR_SET_PTRACER, tracer); /* EINVAL where nobody asks for it */
    assert_int_equal(pthread_create(&thread, NULL, say_who, NULL), 0);
    if (!hear(ANSWER)) {
        print_message("nobody may be traced here: not tested\n");
        skip();
    }
    say(GO, 0);
    pthread_join(thread, NULL);
    assert_int_equal(gf_threads_count(), 2);
}

int __real_sched_yield(void);
int __wrap_sched_yield(void);
int __wrap_sched_yield(void) {
    if (let_go) {
        let_go = false;
        say(REQUEST, 0);
        hear(ANSWER);
    }
    return __real_sched_yield();
}

static void *is_first(void *ret) {
    *(bool *)ret = gf_thread_is_first();
    return NULL;
}

static void only_the_thread_that_the_process_began_with_is_its_first(void **state) {
    bool another = true;
    pthread_t thread;
    (void)state;
    assert_true(gf_thread_is_first());
    assert_int_equal(pthread_create(&thread, NULL, is_first, &another), 0);
    pthread_join(thread, NULL);
    assert_false(another);
}

static void who_is_ending_is_waited_for(void **state) {
    (void)state;
    new_ending_thread();
    let_go = true;
    assert_int_equal(gf_threads_left(), 1);
    assert_false(let_go);
}

static void not_for_ever(void **state) {
    (void)state;
    new_ending_thread();
    assert_int_equal(gf_threads_left(), 2);
}

static void nobody_is_waited_for_beside_one_that_goes_on(void **state) {
    struct gf_companion other;
    (void)state;
    new_ending_thread();
    gf_companion_start(&other);
    let_go = true;
    assert_int_equal(gf_threads_left(), 3);
    assert_true(let_go);
}

static void *look_without_the_first(void *unused) {
    char line[512];
    do
        GF_CHILD_CHECK(gf_file_read("/proc/self/stat", line, sizeof line));
    while (!strstr(line, ") Z "));
    let_go = true;
    GF_CHILD_CHECK(gf_threads_left() == 2);
    GF_CHILD_CHECK(let_go);
    _exit(0);
    return unused;
}

static void leave_it_alone(void *unused) {
    pthread_t thread;
    GF_CHILD_CHECK(pthread_create(&thread, NULL, look_without_the_first, unused) == 0);
    pthread_exit(NULL);
}

static void nobody_is_waited_for_who_stays_till_the_end(void **state) {
    char text[512];
    int status = gf_test_child(leave_it_alone, *state, text, sizeof text);
    assert_child_succeeded(status, text);
}

static void block_all(int how) {
    sigset_t all;
    sigfillset(&all);
    assert_int_equal(pthread_sigmask(how, &all, NULL), 0);
}

static void who_has_blocked_signals_is_known(void **state) {
    struct gf_companion deaf, other;
    (void)state;
    assert_true(gf_others_block_signals()); /* there is none */
    assert_false(gf_thread_blocks_signals());
    block_all(SIG_BLOCK);
    assert_true(gf_thread_blocks_signals());
    gf_companion_start(&deaf);
    block_all(SIG_UNBLOCK);
    assert_true(gf_others_block_signals());
    gf_companion_start(&other);
    while (gf_others_block_signals()) /* as long as it is being created */
        sched_yield();
    assert_false(gf_thread_blocks_signals());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_thread_that_the_process_began_with_is_its_first),
        cmocka_unit_test(who_is_ending_is_waited_for),
        cmocka_unit_test(not_for_ever),
        cmocka_unit_test(nobody_is_waited_for_beside_one_that_goes_on),
        cmocka_unit_test(nobody_is_waited_for_who_stays_till_the_end),
        cmocka_unit_test(who_has_blocked_signals_is_known),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
