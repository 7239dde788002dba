/* Getting attached, staying out, and which processes count: the engine around its transaction. */
#include "support/child.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/fake.h"

/* ---- attach ---- */

static void startup_attaches_once(void **state) {
    (void)state;
    gf_fake_start(NULL);
    assert_string_equal(gf_fake_calls(), ""); /* looks for nothing while loading */
    assert_int_equal(gf_fake_status().attached, 0);
    gf_engine_startup();
    assert_string_equal(gf_fake_calls(), "find attach");
    assert_int_equal(gf_fake.moment, GF_MOMENT_STARTUP);
    assert_int_equal(gf_fake_status().attached, 1);
    assert_string_equal(gf_fake_status().python, "3.13.5");
    gf_engine_startup();
    gf_fake_fork();
    gf_engine_startup();
    assert_null(strstr(gf_fake_calls(), "attach"));
}

static void the_first_fork_attaches_where_startup_did_not(void **state) {
    (void)state;
    gf_fake_start(NULL);
    gf_fake_fork();
    /* nothing was put off, so nothing is lifted */
    assert_string_equal(gf_fake_calls(),
                        "find enter attach count suspend freeze thaw resume leave real");
    assert_int_equal(gf_fake.options.brake, 0);
    assert_null(gf_fake.options.strip_preload);
    gf_fake.count = 0;
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), "find enter count leave real");
}

static void an_interpreter_that_comes_late_is_found(void **state) {
    (void)state;
    gf_fake_start(NULL);
    gf_fake.found = GCFREEZE_REASON_NO_INTERPRETER;
    gf_engine_startup();
    assert_string_equal(gf_fake_calls(), "find");
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), "find real");
    assert_int_equal(gf_fake_status().skipped[GCFREEZE_REASON_NO_INTERPRETER], 1);
    gf_fake.found = GCFREEZE_REASON_NONE;
    gf_engine_startup();
    assert_string_equal(gf_fake_calls(), "find attach");
    assert_int_equal(gf_fake_status().attached, 1);
}

static void an_attach_that_fails_is_tried_again_at_the_next_fork(void **state) {
    (void)state;
    gf_fake_start(NULL);
    gf_fake.attached = GCFREEZE_REASON_NO_THREAD_STATE;
    gf_engine_startup();
    assert_int_equal(gf_fake_status().attached, 0);
    gf_fake.attached = GCFREEZE_REASON_PYTHON_ERROR;
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(), "find enter attach leave real");
    assert_int_equal(gf_fake_status().skipped[GCFREEZE_REASON_PYTHON_ERROR], 1);
    gf_fake.attached = GCFREEZE_REASON_NONE;
    gf_fake_fork();
    assert_int_equal(gf_fake_status().forks_frozen, 1);
}

static void startup_within(const char *call) {
    if (strcmp(call, "attach") != 0)
        return;
    gf_fake.during = NULL;
    assert_int_equal(gf_engine_fork(gf_fake_real, NULL), 4242);
    assert_int_equal(gf_fake_status().last_reason, GCFREEZE_REASON_CONCURRENT);
    gf_engine_startup();
}

/* Attaching imports modules, and what is imported may fork or set its signals. */
static void nothing_attaches_in_the_middle_of_attaching(void **state) {
    (void)state;
    gf_fake_start(NULL);
    gf_fake.during = startup_within;
    gf_engine_startup();
    assert_string_equal(gf_fake_calls(), "find attach find enter leave real");
    assert_int_equal(gf_fake_status().attached, 1);
}

static void an_interpreter_that_is_gone_is_attached_to_again(void **state) {
    (void)state;
    gf_fake_start(NULL);
    gf_engine_startup();
    gf_fake.gone();
    assert_int_equal(gf_fake_status().attached, 0);
    gf_fake_calls();
    gf_fake.before(); /* a hook of the interpreter that went */
    assert_string_equal(gf_fake_calls(), "");
    gf_fake_fork();
    assert_string_equal(gf_fake_calls(),
                        "find enter attach count suspend freeze thaw resume leave real");
}

static const struct {
    char *variables[3];
    long brake;
    bool strips;
} options[] = {
    {{NULL}, 1000000, false}, /* the fake's script is gunicorn */
    {{"GCFREEZE_STARTUP=defer", NULL}, 1000000, false},
    {{"GCFREEZE_DEFER=1", NULL}, 1, false},
    {{"GCFREEZE_DEFER=2000000000", NULL}, 2000000000, false},
    {{"GCFREEZE_STARTUP=disable", NULL}, INT_MAX, false},
    {{"GCFREEZE_STARTUP=keep", NULL}, 0, false},
    {{"GCFREEZE_WHEN=never", NULL}, 0, false},
    {{"GCFREEZE_WHEN=never", "GCFREEZE_STARTUP=disable", NULL}, 0, false},
    {{"GCFREEZE_EXEC=strip", NULL}, 1000000, true},
};
static size_t option;

static void attach_with_options(void *argument) {
    (void)argument;
    gf_fake_start(options[option].variables);
    gf_engine_startup();
    GF_CHILD_CHECK(gf_fake.options.brake == options[option].brake);
    GF_CHILD_CHECK((gf_fake.options.strip_preload != NULL) == options[option].strips);
    GF_CHILD_CHECK(!options[option].strips ||
                   strcmp(gf_fake.options.strip_preload, "libgcfreeze.so") == 0);
}

static void knobs_decide_how_the_collector_is_put_off(void **state) {
    (void)state;
    for (option = 0; option < sizeof options / sizeof *options; option++) {
        char text[512];
        int status = gf_test_child(attach_with_options, NULL, text, sizeof text);
        if (status != 0)
            fail_msg("row %zu: %s", option, text);
    }
}

/* ---- staying out ---- */

static void assert_inert(enum gcfreeze_reason reason) {
    gf_engine_startup();
    assert_int_equal(gf_fake_fork(), 4242);
    gf_engine_spawn();
    assert_string_equal(gf_fake_calls(), "real");
    struct gcfreeze_status status = gf_fake_status();
    assert_int_equal(status.attached, 0);
    assert_int_equal(status.forks_seen, 1);
    assert_int_equal(status.skipped[reason], 1);
    assert_int_equal(status.spawns_seen, 0);
    gf_fake.child = 0;
    assert_int_equal(gf_fake_fork(), 0);
    assert_int_equal(gf_fake_status().forks_seen, 0);
}

static void switched_off_means_inert(void **state) {
    (void)state;
    gf_fake_start((char *[]){"GCFREEZE=off", NULL});
    assert_inert(GCFREEZE_REASON_DISABLED);
}

static void a_program_that_is_skipped_is_inert(void **state) {
    (void)state;
    gf_fake_start((char *[]){"GCFREEZE_SKIP=gunicorn", NULL}); /* the script's name */
    assert_inert(GCFREEZE_REASON_FILTERED);
}

static void a_program_that_is_not_chosen_is_inert(void **state) {
    (void)state;
    gf_fake_start((char *[]){"GCFREEZE_ONLY=uwsgi,celery", NULL});
    assert_inert(GCFREEZE_REASON_FILTERED);
}

static void a_program_that_is_chosen_by_name_is_treated(void **state) {
    (void)state;
    gf_fake_start((char *[]){"GCFREEZE_ONLY=python3", NULL}); /* the executable's name */
    gf_engine_startup();
    assert_int_equal(gf_fake_status().attached, 1);
}

static void a_fork_before_loading_is_just_a_fork(void **state) {
    (void)state;
    gf_fake.child = 4242;
    gf_engine_startup();
    gf_engine_spawn();
    assert_int_equal(gf_fake_fork(), 4242);
    assert_string_equal(gf_fake_calls(), "real");
    assert_int_equal(gf_fake_status().forks_seen, 0);
}

static void spawns_are_counted(void **state) {
    (void)state;
    gf_fake_start(NULL);
    gf_engine_spawn();
    gf_engine_startup();
    gf_engine_spawn();
    assert_string_equal(gf_fake_calls(), "find attach");
    assert_int_equal(gf_fake_status().spawns_seen, 2);
    assert_int_equal(gf_fake_status().forks_seen, 0);
}

/* ---- processes ---- */

static pid_t run_in_borrowed_memory(int (*body)(void *argument)) {
    static char stack[256 * 1024] __attribute__((aligned(16)));
    return clone(body, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
}

static int start_up(void *argument) {
    (void)argument;
    gf_engine_startup();
    return 0;
}

/* sigaction is also called between vfork and exec. */
static void a_vfork_child_does_not_attach(void **state) {
    int status = -1;
    (void)state;
    gf_fake_start(NULL);
    pid_t pid = run_in_borrowed_memory(start_up);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_string_equal(gf_fake_calls(), "");
}

static int use_borrowed_memory(void *argument) {
    (void)argument;
    gf_engine_startup();
    gf_engine_spawn();
    gf_fake.before();
    return gf_engine_fork(gf_fake_real, NULL) == 4242 ? 0 : 1;
}

static void a_vfork_child_touches_nothing(void **state) {
    int status = -1;
    (void)state;
    gf_fake_start(NULL);
    gf_engine_startup();
    gf_fake_calls();
    struct gcfreeze_status before = gf_fake_status();
    pid_t pid = run_in_borrowed_memory(use_borrowed_memory);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_string_equal(gf_fake_calls(), "real");
    struct gcfreeze_status after = gf_fake_status();
    assert_memory_equal(&before, &after, sizeof after);
}

static void a_child_whose_fork_passed_us_by_starts_from_zero(void **state) {
    int status = -1;
    (void)state;
    gf_fake_start(NULL);
    gf_engine_startup();
    gf_fake_fork();
    gf_fake_fork();
    pid_t pid = fork(); /* libc's own, as daemon() calls it */
    if (pid == 0) {
        gf_fake.count = 0;
        bool attached = gf_fake_status().attached == 1;
        gf_fake_fork();
        struct gcfreeze_status own = gf_fake_status();
        _exit(attached && own.forks_seen == 1 && own.forks_frozen == 1 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_child_of_a_half_done_fork_is_free_to_fork(void **state) {
    int status = -1;
    (void)state;
    gf_fake_start(NULL);
    gf_engine_startup();
    gf_fake.before(); /* the parent's thread is in its transaction for good */
    pid_t pid = fork();
    if (pid == 0) {
        gf_fake_os_fork();
        _exit(gf_fake_status().forks_frozen == 1 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- lines ---- */

static void log_of_a_server(void *argument) {
    gf_fake_start((char *[]){"GCFREEZE_LOG=info", NULL});
    gf_fake.version = argument;
    gf_engine_startup();
    gf_fake_os_fork();
    gf_fake.entered = GCFREEZE_REASON_EXEC_BOUND;
    gf_fake.caller = GF_CALLER_EXEC;
    gf_fake_fork();
}

static void every_decision_is_a_line_where_there_is_a_python(void **state) {
    char text[2048];
    (void)state;
    assert_child_succeeded(gf_test_child(log_of_a_server, "3.13.5", text, sizeof text), text);
    assert_non_null(strstr(text, "]: freeze first-worker-fork child=4242 caller=\"os.fork\" "
                                 "script=\"gunicorn\" python=3.13.5 mode=freeze "
                                 "mode_why=\"auto: gunicorn may preload; immortal is not done by a "
                                 "fake\" tracked=1000 "));
    assert_non_null(strstr(text, "]: skip exec-bound child=4242 caller=\"fork_exec\" "));
    assert_child_succeeded(gf_test_child(log_of_a_server, "", text, sizeof text), text);
    assert_string_equal(text, "");
}

static size_t count_of(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

static void attach_at_the_third_attempt(void *argument) {
    (void)argument;
    gf_fake_start((char *[]){"GCFREEZE_WHEN=nver", "GCFREEZE_WHNE=never", NULL});
    gf_fake.attached = GCFREEZE_REASON_NO_THREAD_STATE;
    gf_engine_startup();
    gf_fake_fork();
    gf_fake.attached = GCFREEZE_REASON_NONE;
    gf_fake_fork();
    gf_fake.gone();
    gf_fake_fork();
}

static void a_bad_knob_gets_one_line_however_often_attaching_is_tried(void **state) {
    char text[2048];
    (void)state;
    assert_child_succeeded(gf_test_child(attach_at_the_third_attempt, NULL, text, sizeof text),
                           text);
    assert_int_equal(count_of(text, "GCFREEZE_WHEN=\"nver\" is not allowed"), 1);
    assert_int_equal(count_of(text, "GCFREEZE_WHNE is no setting"), 1);
}

static void without_an_interpreter(void *argument) {
    (void)argument;
    gf_fake_start((char *[]){"GCFREEZE_WHEN=nver", "GCFREEZE_LOG=debug", NULL});
    gf_fake.found = GCFREEZE_REASON_NO_INTERPRETER;
    gf_fake.version = "";
    gf_engine_startup();
    gf_fake_fork();
    gf_engine_spawn();
}

static void a_process_without_python_writes_nothing(void **state) {
    char text[2048];
    (void)state;
    assert_child_succeeded(gf_test_child(without_an_interpreter, NULL, text, sizeof text), text);
    assert_string_equal(text, "");
}

static void remark_at_the_third_look(void *level) {
    gf_fake_start((char *[]){level, NULL});
    gf_fake.found = GCFREEZE_REASON_NO_INTERPRETER;
    gf_engine_startup();
    gf_fake_fork();
    gf_fake.found = GCFREEZE_REASON_NONE;
    gf_fake.remark = "CPython 3.99.0 is newer than this library knows";
    gf_fake_fork();
    gf_fake_fork();
}

static void a_remark_about_the_interpreter_is_one_line_when_it_is_found(void **state) {
    char text[2048];
    (void)state;
    char info[] = "GCFREEZE_LOG=info", warn[] = "GCFREEZE_LOG=warn";
    assert_child_succeeded(gf_test_child(remark_at_the_third_look, info, text, sizeof text), text);
    assert_int_equal(count_of(text, "]: CPython 3.99.0 is newer than this library knows\n"), 1);
    assert_child_succeeded(gf_test_child(remark_at_the_third_look, warn, text, sizeof text), text);
    assert_string_equal(text, ""); /* nobody's mistake */
}

static void attach_without_libunwind(void *startup) {
    gf_fake_start((char *[]){"GCFREEZE_LOG=info", NULL});
    gf_fake.unwinding = false;
    if (startup)
        gf_engine_startup();
    else
        gf_fake_fork();
}

static void unwinding_that_is_off_is_said(void **state) {
    char text[2048];
    (void)state;
    assert_child_succeeded(gf_test_child(attach_without_libunwind, text, text, sizeof text), text);
    assert_int_equal(count_of(text, "unwinding is off, the calling Python module tells"), 1);
    /* in the window of the first fork it is not opened yet: nothing is wrong */
    assert_child_succeeded(gf_test_child(attach_without_libunwind, NULL, text, sizeof text), text);
    assert_null(strstr(text, "unwinding"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(startup_attaches_once),
        cmocka_unit_test(the_first_fork_attaches_where_startup_did_not),
        cmocka_unit_test(an_interpreter_that_comes_late_is_found),
        cmocka_unit_test(an_attach_that_fails_is_tried_again_at_the_next_fork),
        cmocka_unit_test(nothing_attaches_in_the_middle_of_attaching),
        cmocka_unit_test(an_interpreter_that_is_gone_is_attached_to_again),
        cmocka_unit_test(knobs_decide_how_the_collector_is_put_off),
        cmocka_unit_test(switched_off_means_inert),
        cmocka_unit_test(a_program_that_is_skipped_is_inert),
        cmocka_unit_test(a_program_that_is_not_chosen_is_inert),
        cmocka_unit_test(a_program_that_is_chosen_by_name_is_treated),
        cmocka_unit_test(a_fork_before_loading_is_just_a_fork),
        cmocka_unit_test(spawns_are_counted),
        cmocka_unit_test(a_vfork_child_does_not_attach),
        cmocka_unit_test(a_vfork_child_touches_nothing),
        cmocka_unit_test(a_child_whose_fork_passed_us_by_starts_from_zero),
        cmocka_unit_test(a_child_of_a_half_done_fork_is_free_to_fork),
        cmocka_unit_test(every_decision_is_a_line_where_there_is_a_python),
        cmocka_unit_test(a_bad_knob_gets_one_line_however_often_attaching_is_tried),
        cmocka_unit_test(a_process_without_python_writes_nothing),
        cmocka_unit_test(a_remark_about_the_interpreter_is_one_line_when_it_is_found),
        cmocka_unit_test(unwinding_that_is_off_is_said),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
