/* The transaction: what is asked of the interpreter around a fork, in which order, and what is
 * counted. The engine lives once in a process, so every test has a process of its own. */
#include "support/child.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/fake.h"

/* Attached while the interpreter started, as in almost every program. */
static void start_attached(char *const *environment) {
    gf_fake_start(environment);
    gf_engine_startup();
    assert_string_equal(gf_fake_calls(), "find attach");
}

/* ---- order ---- */

static void a_freeze_and_the_childs_settings_come_before_the_fork(void **state) {
    (void)state;
    start_attached(NULL);
    assert_int_equal(gf_fake_fork(), 4242);
    assert_string_equal(gf_fake_calls(),
                        "find enter count suspend freeze thaw resume lift leave real");
    assert_int_equal(gf_fake.moment, GF_MOMENT_WINDOW);
    struct gcfreeze_status status = gf_fake_status();
    assert_int_equal(status.forks_seen, 1);
    assert_int_equal(status.forks_frozen, 1);
    assert_int_equal(status.last_reason, GCFREEZE_REASON_FIRST_WORKER_FORK);
    assert_int_equal(status.last_child, 4242);
    assert_int_equal(status.last_frozen, 1);
    assert_int_equal(status.last_tracked, 1000);
}

static void the_hook_does_the_work_and_the_fork_only_forks(void **state) {
    (void)state;
    start_attached(NULL);
    gf_fake.before();
    assert_string_equal(gf_fake_calls(), "find enter count suspend freeze thaw resume lift leave");
    assert_int_equal(gf_fake.moment, GF_MOMENT_HOOK);
    assert_int_equal(gf_fake_status().forks_seen, 0);
    assert_int_equal(gf_fake_fork(), 4242);
    assert_string_equal(gf_fake_calls(), "real");
    assert_int_equal(gf_fake_status().forks_frozen, 1);
}

/* subprocess with a preexec_fn comes through the hook, too, and may not be recognized there. */
static void a_fork_that_the_hook_did_not_recognize_is_looked_at_again(void **state) {
    (void)state;
    start_attached(NULL);
    gf_fake.caller = GF_CALLER_UNKNOWN;
    gf_fake.before();
    assert_string_equal(gf_fake_calls(), "find enter count leave");
    gf_fake.caller = GF_CALLER_EXEC;
    gf_fake.entered = GCFREEZE_REASON_EXEC_BOUND;
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), "find enter real");
    assert_int_equal(gf_fake_status().skipped[GCFREEZE_REASON_EXEC_BOUND], 1);
    assert_int_equal(gf_fake_status().forks_seen, 1);
}

static void restore_leaves_the_parents_collector_alone_after_a_freeze(void **state) {
    (void)state;
    start_attached(NULL);
    gf_fake_fork();
    gf_fake.count = 0;
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), "find enter count leave real");
    assert_int_equal(gf_fake_status().skipped[GCFREEZE_REASON_NOTHING_NEW], 1);
}

static void keep_puts_the_parents_collector_off_after_every_fork(void **state) {
    (void)state;
    start_attached((char *[]){"GCFREEZE_PARENT=keep", NULL});
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(),
                        "find enter count suspend freeze thaw resume lift leave real "
                        "reenter put_off leave");
    gf_fake.count = 0;
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), "find enter count lift leave real reenter put_off leave");
}

static void a_fork_that_passes_before_the_freeze_gets_its_settings_too(void **state) {
    static const char passing[] = "find enter count lift leave real reenter put_off leave";
    (void)state;
    start_attached((char *[]){"GCFREEZE_WHEN=after:2", NULL});
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), passing);
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), passing);
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(),
                        "find enter count suspend freeze thaw resume lift leave real");
    assert_int_equal(gf_fake_status().skipped[GCFREEZE_REASON_POLICY_AFTER], 2);
    assert_int_equal(gf_fake_status().forks_frozen, 1);
}

static void a_freeze_of_the_application_counts_and_is_not_taken_back(void **state) {
    (void)state;
    start_attached((char *[]){"GCFREEZE_COLLECT=always", NULL});
    gf_fake.own_freeze = true;
    gf_fake_os_fork();
    assert_string_equal(gf_fake_calls(), "find enter count suspend resume lift leave real");
    assert_int_equal(gf_fake_status().forks_frozen, 1);
    assert_int_equal(gf_fake_status().last_reason, GCFREEZE_REASON_OWN_FREEZE);
    assert_int_equal(gf_fake_status().last_tracked, -1);
    gf_fake_os_fork();
    assert_int_equal(gf_fake_status().skipped[GCFREEZE_REASON_NOTHING_NEW], 1);
}

static void a_collector_that_was_not_put_off_is_not_lifted(void **state) {
    (void)state;
    start_attached((char *[]){"GCFREEZE_STARTUP=keep", NULL});
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), "find enter count suspend freeze thaw resume leave real");
}

static void collecting_comes_first_and_in_the_hook_only(void **state) {
    (void)state;
    start_attached((char *[]){"GCFREEZE_COLLECT=always", "GCFREEZE_WHEN=every", NULL});
    gf_fake_os_fork();
    assert_string_equal(gf_fake_calls(),
                        "find enter count collect suspend freeze thaw resume lift leave real");
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), "find enter count suspend freeze thaw resume leave real");
}

static void another_freeze_needs_enough_new_objects(void **state) {
    (void)state;
    start_attached((char *[]){"GCFREEZE_MIN_NEW=50", "GCFREEZE_COLLECT=never", NULL});
    gf_fake_os_fork();
    gf_fake.count = 49;
    gf_fake_os_fork();
    assert_int_equal(gf_fake_status().last_reason, GCFREEZE_REASON_NOTHING_NEW);
    assert_int_equal(gf_fake_status().last_tracked, -1);
    gf_fake.count = 50;
    gf_fake_os_fork();
    assert_int_equal(gf_fake_status().last_reason, GCFREEZE_REASON_HEAP_GROWN);
    assert_int_equal(gf_fake_status().forks_frozen, 2);
}

static void a_prepared_fork_that_never_came_is_taken_back(void **state) {
    (void)state;
    start_attached((char *[]){"GCFREEZE_PARENT=keep", NULL});
    gf_fake.before();
    gf_fake_calls();
    gf_fake.count = 0;
    gf_fake.before();
    assert_string_equal(gf_fake_calls(), "reenter put_off leave find enter count lift leave");
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), "real reenter put_off leave");
}

/* ---- errors ---- */

static void a_fork_that_fails_puts_the_parent_back_all_the_same(void **state) {
    (void)state;
    start_attached((char *[]){"GCFREEZE_WHEN=after:1", NULL});
    gf_fake.child = -1;
    gf_fake.error = EAGAIN;
    errno = EXDEV;
    assert_int_equal(gf_fake_fork(), -1);
    assert_int_equal(errno, EAGAIN);
    assert_string_equal(gf_fake_calls(), "find enter count lift leave real reenter put_off leave");
    assert_int_equal(gf_fake_status().last_child, -1);
    assert_int_equal(gf_fake_status().forks_seen, 1);
    /* and is none of the forks that after:N counts */
    gf_fake.child = 4242;
    gf_fake_fork();
    assert_int_equal(gf_fake_status().last_reason, GCFREEZE_REASON_POLICY_AFTER);
    gf_fake_fork();
    assert_int_equal(gf_fake_status().last_reason, GCFREEZE_REASON_FIRST_WORKER_FORK);
}

static void errno_is_the_hosts_before_and_the_forks_after(void **state) {
    (void)state;
    start_attached((char *[]){"GCFREEZE_PARENT=keep", NULL});
    gf_fake.error = EINTR;
    errno = EXDEV;
    gf_fake_fork();
    assert_int_equal(gf_fake.errno_at_fork, EXDEV);
    assert_int_equal(errno, EINTR);

    errno = EXDEV;
    gf_fake.before();
    gf_fake.before(); /* takes the first one back */
    assert_int_equal(errno, EXDEV);
    gf_engine_spawn();
    gf_engine_startup();
    assert_int_equal(errno, EXDEV);

    gf_fake.entered = GCFREEZE_REASON_FINALIZING;
    gf_fake_fork();
    assert_int_equal(gf_fake.errno_at_fork, EXDEV);
    assert_int_equal(errno, EINTR);
}

static const struct {
    const char *failing, *calls;
    bool frozen;
} failures[] = {
    {"collect", "find enter count collect lift leave real reenter put_off leave", false},
    {"suspend", "find enter count collect suspend lift leave real reenter put_off leave", false},
    {"freeze",
     "find enter count collect suspend freeze resume lift leave real reenter put_off leave", false},
    {"resume",
     "find enter count collect suspend freeze thaw resume lift leave real reenter put_off leave",
     false},
    {"lift",
     "find enter count collect suspend freeze thaw resume lift leave real reenter put_off leave",
     true},
};
static size_t failure;

static void fork_with_failure(void *argument) {
    (void)argument;
    gf_fake_start((char *[]){"GCFREEZE_COLLECT=always", NULL});
    gf_engine_startup();
    gf_fake.failing = failures[failure].failing;
    GF_CHILD_CHECK(gf_fake_os_fork() == 4242);
    GF_CHILD_CHECK(strcmp(gf_fake_calls(), failures[failure].calls) == 0);
    struct gcfreeze_status status = gf_fake_status();
    GF_CHILD_CHECK((status.last_reason == GCFREEZE_REASON_PYTHON_ERROR) !=
                   failures[failure].frozen);
    GF_CHILD_CHECK(status.last_frozen == failures[failure].frozen);
    GF_CHILD_CHECK(status.forks_frozen == failures[failure].frozen);
    GF_CHILD_CHECK(status.skipped[GCFREEZE_REASON_PYTHON_ERROR] == !failures[failure].frozen);
}

static void a_call_that_fails_leaves_the_fork_working(void **state) {
    (void)state;
    for (failure = 0; failure < sizeof failures / sizeof *failures; failure++) {
        char text[512];
        print_message("%s\n", failures[failure].failing);
        assert_child_succeeded(gf_test_child(fork_with_failure, NULL, text, sizeof text), text);
    }
}

static void every_obstacle_is_counted_under_its_reason(void **state) {
    uint64_t forks = 0;
    (void)state;
    start_attached(NULL);
    for (int reason = GCFREEZE_REASON_EXEC_BOUND; reason < GCFREEZE_REASON_COUNT; reason++) {
        if (reason == GCFREEZE_REASON_EXTENSION)
            continue; /* what a caller is, and never an obstacle */
        gf_fake.entered = (enum gcfreeze_reason)reason;
        assert_int_equal(gf_fake_fork(), 4242);
        assert_string_equal(gf_fake_calls(), "find enter real");
        struct gcfreeze_status status = gf_fake_status();
        assert_int_equal(status.last_reason, reason);
        assert_int_equal(status.skipped[reason], 1);
        assert_int_equal(status.forks_seen, ++forks);
        assert_int_equal(status.forks_frozen, 0);
    }
}

static void *wait_for_end(void *ends) {
    char byte;
    return read(((int *)ends)[0], &byte, 1) == 0 ? ends : NULL;
}

static void threads_are_those_of_the_last_worker(void **state) {
    pthread_t thread;
    int ends[2];
    (void)state;
    start_attached(NULL);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_end, ends), 0);
    gf_fake.caller = GF_CALLER_EXEC;
    assert_int_equal(gf_fake_fork(), 4242);
    assert_int_equal(gf_fake_status().last_threads, 0);
    gf_fake.caller = GF_CALLER_OS_FORK;
    assert_int_equal(gf_fake_fork(), 4242);
    assert_int_equal(gf_fake_status().last_threads, 2);
    close(ends[1]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    gf_fake.caller = GF_CALLER_EXEC;
    assert_int_equal(gf_fake_fork(), 4242);
    assert_int_equal(gf_fake_status().last_threads, 2);
}

/* ---- the child ---- */

static void nothing_is_called_in_the_child_and_it_starts_from_zero(void **state) {
    (void)state;
    start_attached((char *[]){"GCFREEZE_PARENT=keep", NULL});
    gf_fake_fork();
    gf_engine_spawn();
    gf_fake.child = 0;
    assert_int_equal(gf_fake_fork(), 0);
    assert_string_equal(gf_fake_calls(), "find enter count lift leave real");

    struct gcfreeze_status status = gf_fake_status();
    assert_int_equal(status.attached, 1);
    assert_string_equal(status.python, "3.13.5");
    struct gcfreeze_status fresh = {.size = sizeof fresh, .attached = 1};
    strcpy(fresh.python, "3.13.5");
    strcpy(fresh.mode, status.mode);
    strcpy(fresh.mode_why, status.mode_why);
    assert_memory_equal(&status, &fresh, sizeof fresh);

    /* its own first worker is frozen for, and its collector is no longer put off */
    gf_fake.child = 4243;
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), "find enter count suspend freeze thaw resume leave real");
    assert_int_equal(gf_fake_status().last_reason, GCFREEZE_REASON_FIRST_WORKER_FORK);
}

static void a_child_lets_forks_of_its_own_pass(void **state) {
    (void)state;
    start_attached((char *[]){"GCFREEZE_WHEN=after:1", NULL});
    gf_fake_fork();
    gf_fake.child = 0;
    gf_fake_fork();
    gf_fake.child = 4242;
    gf_fake_fork();
    assert_int_equal(gf_fake_status().last_reason, GCFREEZE_REASON_POLICY_AFTER);
    gf_fake_fork();
    assert_int_equal(gf_fake_status().last_reason, GCFREEZE_REASON_FIRST_WORKER_FORK);
}

/* Its collector stayed put off: the process may be a daemon that goes on as Python. */
static void a_child_that_was_left_alone_is_lifted_for_its_own_workers(void **state) {
    (void)state;
    start_attached(NULL);
    gf_fake.entered = GCFREEZE_REASON_GIL_TAKEN;
    gf_fake.child = 0;
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), "find enter real");
    gf_fake.entered = GCFREEZE_REASON_NONE;
    gf_fake.child = 4242;
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(),
                        "find enter count suspend freeze thaw resume lift leave real");
}

static pid_t really_fork(void *arguments) {
    (void)arguments;
    return fork();
}

static void a_real_child_sees_the_same(void **state) {
    int status = 0;
    (void)state;
    start_attached(NULL);
    pid_t pid = gf_engine_fork(really_fork, NULL);
    if (pid == 0) {
        bool right =
            gf_fake_status().forks_seen == 0 && gf_fake_status().attached == 1 &&
            strcmp(gf_fake_calls(), "find enter count suspend freeze thaw resume lift leave") == 0;
        gf_fake_fork();
        right = right && gf_fake_status().forks_frozen == 1;
        _exit(right ? 0 : 1);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(gf_fake_status().last_child, pid);
}

/* ---- more than one at a time ---- */

static void fork_within(const char *call) {
    if (strcmp(call, "collect") != 0)
        return;
    gf_fake.during = NULL;
    if (gf_fake.before)
        gf_fake.before();
    assert_int_equal(gf_engine_fork(gf_fake_real, NULL), 4242);
}

/* A finalizer that forks in the middle of our collection; forkpty that calls fork looks the same.
 */
static void a_fork_within_a_fork_passes_through(void **state) {
    (void)state;
    start_attached((char *[]){"GCFREEZE_COLLECT=always", NULL});
    gf_fake.during = fork_within;
    gf_fake_os_fork();
    assert_string_equal(gf_fake_calls(),
                        "find enter count collect real suspend freeze thaw resume lift leave real");
    assert_int_equal(gf_fake_status().forks_seen, 1);
    assert_int_equal(gf_fake_status().forks_frozen, 1);
}

static void *fork_in_thread(void *result) {
    if (gf_fake.before)
        gf_fake.before();
    *(pid_t *)result = gf_engine_fork(gf_fake_real, NULL);
    return NULL;
}

static void thread_within(const char *call) {
    pthread_t thread;
    pid_t result = 0;
    if (strcmp(call, "real") != 0)
        return;
    gf_fake.during = NULL;
    assert_int_equal(pthread_create(&thread, NULL, fork_in_thread, &result), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(result, 4242);
}

static void another_thread_never_waits_for_a_fork(void **state) {
    (void)state;
    start_attached((char *[]){"GCFREEZE_PARENT=keep", NULL});
    gf_fake.during = thread_within;
    assert_int_equal(gf_fake_fork(), 4242);
    assert_string_equal(gf_fake_calls(),
                        "find enter count suspend freeze thaw resume lift leave real "
                        "real reenter put_off leave");
    assert_int_equal(gf_fake_status().forks_seen, 2);
    assert_int_equal(gf_fake_status().skipped[GCFREEZE_REASON_CONCURRENT], 1);
    assert_int_equal(gf_fake_status().forks_frozen, 1);
}

static void a_fork_prepared_by_another_thread_is_left_to_it(void **state) {
    pthread_t thread;
    pid_t result = 0;
    (void)state;
    start_attached(NULL);
    gf_fake.before();
    gf_fake_calls();
    assert_int_equal(pthread_create(&thread, NULL, fork_in_thread, &result), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(result, 4242);
    assert_string_equal(gf_fake_calls(), "real");
    assert_int_equal(gf_fake_status().last_reason, GCFREEZE_REASON_CONCURRENT);
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), "real");
    assert_int_equal(gf_fake_status().last_reason, GCFREEZE_REASON_FIRST_WORKER_FORK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_freeze_and_the_childs_settings_come_before_the_fork),
        cmocka_unit_test(the_hook_does_the_work_and_the_fork_only_forks),
        cmocka_unit_test(a_fork_that_the_hook_did_not_recognize_is_looked_at_again),
        cmocka_unit_test(restore_leaves_the_parents_collector_alone_after_a_freeze),
        cmocka_unit_test(keep_puts_the_parents_collector_off_after_every_fork),
        cmocka_unit_test(a_fork_that_passes_before_the_freeze_gets_its_settings_too),
        cmocka_unit_test(a_freeze_of_the_application_counts_and_is_not_taken_back),
        cmocka_unit_test(a_collector_that_was_not_put_off_is_not_lifted),
        cmocka_unit_test(collecting_comes_first_and_in_the_hook_only),
        cmocka_unit_test(another_freeze_needs_enough_new_objects),
        cmocka_unit_test(a_prepared_fork_that_never_came_is_taken_back),
        cmocka_unit_test(a_fork_that_fails_puts_the_parent_back_all_the_same),
        cmocka_unit_test(errno_is_the_hosts_before_and_the_forks_after),
        cmocka_unit_test(a_call_that_fails_leaves_the_fork_working),
        cmocka_unit_test(every_obstacle_is_counted_under_its_reason),
        cmocka_unit_test(threads_are_those_of_the_last_worker),
        cmocka_unit_test(nothing_is_called_in_the_child_and_it_starts_from_zero),
        cmocka_unit_test(a_child_lets_forks_of_its_own_pass),
        cmocka_unit_test(a_child_that_was_left_alone_is_lifted_for_its_own_workers),
        cmocka_unit_test(a_real_child_sees_the_same),
        cmocka_unit_test(a_fork_within_a_fork_passes_through),
        cmocka_unit_test(another_thread_never_waits_for_a_fork),
        cmocka_unit_test(a_fork_prepared_by_another_thread_is_left_to_it),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
