/* Who went to the background, and who is a worker: real forks under an interpreter that records. */
#include "support/child.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support/fake.h"

static int answer[2];

/* How often the process wants to look at itself, and what it asks of the interpreter then. */
struct told {
    int looks;
    char calls[128];
};

static void tell(void) {
    struct told told = {0};
    gf_fake_calls();
    if (gf_fake.after_collection) {
        do
            told.looks++;
        while (told.looks < 1000 && gf_fake.after_collection());
    }
    strncpy(told.calls, gf_fake_calls(), sizeof told.calls - 1);
    _exit(write(answer[1], &told, sizeof told) != sizeof told);
}

/* A program of its own, which goes on until somebody tells. */
static struct told run(char *const *environment, void (*program)(void)) {
    struct told told;
    assert_int_equal(pipe(answer), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(60);
        gf_fake_start(environment);
        gf_engine_startup();
        gf_fake.forks = true;
        program();
        _exit(0);
    }
    close(answer[1]);
    assert_int_equal(read(answer[0], &told, sizeof told), sizeof told);
    close(answer[0]);
    return told;
}

static void await_orphanhood(pid_t parent) {
    static const struct timespec tick = {0, 1000000};
    alarm(60);
    while (getppid() == parent)
        nanosleep(&tick, NULL);
}

static void become_orphan(void) {
    pid_t parent = getpid();
    if (gf_fake_os_fork() != 0)
        _exit(0);
    await_orphanhood(parent);
}

/* Python's `if os.fork(): ...` with a parent that stays until its child has told. */
static void become_worker(void) {
    char byte;
    int end[2];
    if (pipe(end) != 0)
        _exit(1);
    if (gf_fake_os_fork() != 0) {
        close(end[1]);
        _exit(read(end[0], &byte, 1) != 0);
    }
    close(end[0]);
}

/* ---- daemons ---- */

static const char put_off[] = "count put_off";

static void orphan_in_a_session_of_its_own(void) {
    become_orphan();
    setsid();
    tell();
}

static void forked_twice(void) {
    become_orphan();
    setsid();
    become_orphan();
    tell();
}

static void a_daemon_is_put_off_again(void **state) {
    (void)state;
    struct told told = run(NULL, orphan_in_a_session_of_its_own);
    assert_string_equal(told.calls, put_off);
    assert_int_equal(told.looks, 1);
    assert_string_equal(run(NULL, forked_twice).calls, put_off);
}

static void daemon_with_a_worker(void) {
    become_orphan();
    setsid();
    gf_fake.after_collection();
    gf_fake.forks = false;
    gf_fake_os_fork();
    struct told told = {0};
    strncpy(told.calls, gf_fake_calls(), sizeof told.calls - 1);
    _exit(write(answer[1], &told, sizeof told) != sizeof told);
}

static void a_daemons_workers_are_forked_as_any_others(void **state) {
    (void)state;
    assert_string_equal(run(NULL, daemon_with_a_worker).calls,
                        "find enter count suspend freeze thaw resume lift leave real");
}

/* ---- workers ---- */

static void worker(void) {
    become_worker();
    tell();
}

static void worker_in_a_session_of_its_own(void) {
    become_worker();
    setsid();
    tell();
}

static void orphan_in_the_first_session(void) {
    become_orphan();
    tell();
}

static void a_worker_is_left_as_it_is(void **state) {
    (void)state;
    struct told told = run(NULL, worker);
    assert_string_equal(told.calls, "");
    assert_int_equal(told.looks, 1);
    assert_string_equal(run(NULL, orphan_in_the_first_session).calls, "");
}

static void a_worker_in_a_session_of_its_own_looks_a_few_times(void **state) {
    (void)state;
    struct told told = run(NULL, worker_in_a_session_of_its_own);
    assert_string_equal(told.calls, "");
    assert_in_range(told.looks, 2, 100);
}

static void parent(void) {
    gf_fake.forks = false;
    gf_fake_os_fork();
    setsid();
    tell();
}

static void a_parent_is_left_as_it_is(void **state) {
    (void)state;
    struct told told = run(NULL, parent);
    assert_string_equal(told.calls, "");
    assert_int_equal(told.looks, 1);
}

/* ---- where nobody looks ---- */

static void second_worker(void) {
    if (gf_fake_os_fork() == 0)
        _exit(0);
    gf_fake.after_collection = NULL;
    become_worker();
    tell();
}

static void only_the_first_worker_looks(void **state) {
    (void)state;
    assert_int_equal(run(NULL, second_worker).looks, 0);
}

static void nobody_looks_where_nothing_was_put_off(void **state) {
    (void)state;
    char *const environment[] = {"GCFREEZE_STARTUP=keep", NULL};
    assert_int_equal(run(environment, orphan_in_a_session_of_its_own).looks, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_daemon_is_put_off_again),
        cmocka_unit_test(a_daemons_workers_are_forked_as_any_others),
        cmocka_unit_test(a_worker_is_left_as_it_is),
        cmocka_unit_test(a_worker_in_a_session_of_its_own_looks_a_few_times),
        cmocka_unit_test(a_parent_is_left_as_it_is),
        cmocka_unit_test(only_the_first_worker_looks),
        cmocka_unit_test(nobody_looks_where_nothing_was_put_off),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
