/* A child that its parent does not notice. */
#include "support/child.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/self.h"
#include "process/trial.h"

enum { LONG = 600 };

static volatile sig_atomic_t child_signals;

static void on_child(int number) {
    (void)number;
    child_signals++;
}

static void on_alarm(int number) {
    (void)number;
}

static struct gf_trial end(void) {
    struct gf_trial outcome;
    while (!gf_trial_wait(&outcome))
        continue;
    return outcome;
}

/* Runs body in a trial; the report stays until gf_trial_release. */
static struct gf_trial run(double seconds, void (*body)(void)) {
    int forked = gf_trial_fork(seconds);
    assert_true(forked >= 0);
    if (forked == 0) {
        body();
        _exit(0);
    }
    return end();
}

static void report(void) {
    gf_trial_report("one");
    gf_trial_report("");
    gf_trial_report("three\tfour");
    _exit(7);
}

static void a_child_reports_and_its_end_is_known(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct gf_trial outcome = run(LONG, report);
        assert_string_equal(outcome.report, "one\n\nthree\tfour\n");
        assert_true(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 7);
        assert_false(outcome.late);
        gf_trial_release();
        gf_trial_release();
    }
}

static void report_too_much(void) {
    static char text[1000];
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 1000; i++)
        gf_trial_report(text);
}

static void what_does_not_fit_is_left_out(void **state) {
    (void)state;
    struct gf_trial outcome = run(LONG, report_too_much);
    size_t length = strlen(outcome.report);
    assert_int_equal(outcome.status, 0);
    assert_true(length > 100000 && length < 1000000 && length % 1000 == 0);
    gf_trial_release();
}

static void nothing(void) {}

static void notices_nothing(void *unused) {
    (void)unused;
    sigset_t pending;
    signal(SIGCHLD, on_child);
    run(LONG, nothing);
    gf_trial_release();
    GF_CHILD_CHECK(child_signals == 0);
    GF_CHILD_CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGCHLD));
    GF_CHILD_CHECK(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
    GF_CHILD_CHECK(signal(SIGCHLD, SIG_IGN) == on_child);
    GF_CHILD_CHECK(run(LONG, abort).status != 0); /* nobody else has reaped it */
    gf_trial_release();
}

static void the_parent_notices_nothing(void **state) {
    char text[1024];
    (void)state;
    assert_child_succeeded(gf_test_child(notices_nothing, NULL, text, sizeof text), text);
}

static void wait_for_ever(void) {
    for (;;)
        pause();
}

static void its_time_is_over(void **state) {
    (void)state;
    struct gf_trial outcome = run(0.01, wait_for_ever);
    assert_true(outcome.late && WIFSIGNALED(outcome.status) && WTERMSIG(outcome.status) == SIGKILL);
    gf_trial_release();
}

static void a_signal_interrupts_and_the_child_can_be_ended(void **state) {
    (void)state;
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval timer = {{0, 1000}, {0, 1000}}, none = {{0, 0}, {0, 0}};
    struct gf_trial outcome;
    sigaction(SIGALRM, &action, NULL);
    int forked = gf_trial_fork(LONG);
    if (forked == 0)
        wait_for_ever();
    assert_true(forked > 0);
    setitimer(ITIMER_REAL, &timer, NULL);
    assert_false(gf_trial_wait(&outcome));
    assert_false(gf_trial_wait(&outcome));
    setitimer(ITIMER_REAL, &none, NULL);
    gf_trial_stop();
    outcome = end();
    assert_true(!outcome.late && WIFSIGNALED(outcome.status));
    gf_trial_release();
}

/* Holds the writing end of a pipe: its reader sees when all who have it are gone. */
static int leash[2];

static void leave_company(void) {
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            if (i > 0)
                setsid();
            if (i < 2 || fork() == 0)
                wait_for_ever();
            _exit(0);
        }
    }
}

static void what_the_child_started_ends_with_it(void **state) {
    char byte;
    (void)state;
    assert_int_equal(pipe(leash), 0);
    struct gf_trial outcome = run(LONG, leave_company);
    close(leash[1]);
    assert_int_equal(outcome.status, 0);
    assert_int_equal(read(leash[0], &byte, 1), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    gf_trial_release();
}

/* The program is killed in the middle of its trial. */
static void a_killed_parent_takes_all_along(void **state) {
    char byte;
    (void)state;
    assert_int_equal(pipe(leash), 0);
    pid_t parent = fork();
    if (parent == 0) {
        if (gf_trial_fork(LONG) == 0) {
            leave_company();
            (void)!write(leash[1], "x", 1);
            wait_for_ever();
        }
        wait_for_ever();
    }
    close(leash[1]);
    assert_int_equal(read(leash[0], &byte, 1), 1);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    assert_int_equal(read(leash[0], &byte, 1), 0);
}

static void look_around(void) {
    struct rlimit core;
    sigset_t blocked;
    char line[100];
    struct sigaction action;
    sigaction(SIGCHLD, NULL, &action);
    getrlimit(RLIMIT_CORE, &core);
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    snprintf(line, sizeof line, "%d %d %d %lu %d %d", action.sa_handler == on_child,
             getpgrp() == getpid(), getsid(0) != getpid(), (unsigned long)core.rlim_cur,
             sigismember(&blocked, SIGUSR1), sigismember(&blocked, SIGUSR2));
    gf_trial_report(line);
}

static void the_child_has_the_parents_signals_and_dumps_no_core(void **state) {
    sigset_t mask;
    (void)state;
    signal(SIGCHLD, on_child);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    struct gf_trial outcome = run(LONG, look_around);
    assert_string_equal(outcome.report, "1 1 1 0 1 0\n");
    gf_trial_release();
    sigprocmask(SIG_SETMASK, NULL, &mask);
    assert_true(sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGUSR2));
}

static void cannot_fork(void *unused) {
    (void)unused;
    const struct rlimit none = {0, 0};
    if (setuid(65534) != 0 || setrlimit(RLIMIT_NPROC, &none) != 0)
        _exit(0); /* only root can become somebody who may have no processes */
    GF_CHILD_CHECK(gf_trial_fork(1) == -1 && errno == EAGAIN);
}

static void no_more_processes(void **state) {
    char text[1024];
    (void)state;
    assert_child_succeeded(gf_test_child(cannot_fork, NULL, text, sizeof text), text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_reports_and_its_end_is_known),
        cmocka_unit_test(what_does_not_fit_is_left_out),
        cmocka_unit_test(the_parent_notices_nothing),
        cmocka_unit_test(its_time_is_over),
        cmocka_unit_test(a_signal_interrupts_and_the_child_can_be_ended),
        cmocka_unit_test(what_the_child_started_ends_with_it),
        cmocka_unit_test(a_killed_parent_takes_all_along),
        cmocka_unit_test(the_child_has_the_parents_signals_and_dumps_no_core),
        cmocka_unit_test(no_more_processes),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
