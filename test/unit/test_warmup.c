/* Which fork the application is warmed up before, and what is told of it. */
#include "support/fake.h"

#include <stdio.h>
#include <string.h>

#include "support/child.h"

static char words[] = "GCFREEZE_WARMUP=/ shop:warm";
static char log_level[] = "GCFREEZE_LOG=info";
static char *const environment[] = {words, log_level, NULL};

static char gunicorn[] = "gunicorn.arbiter:spawn_worker\ngunicorn.arbiter:run\n";
static char background[] = "gunicorn.util:daemonize\ngunicorn.app.base:run\n";

static void start(char *const *argv, char *const *variables) {
    gf_fake_start_program(argv, variables);
    gf_fake.version = "3.13.0";
    gf_engine_startup();
}

static void fork_by(const char *callers) {
    gf_fake.callers = callers;
    if (gf_fake.options.before_os_fork)
        gf_fake.options.before_os_fork();
    gf_fake_os_fork();
}

static int count_of(const char *text, const char *word) {
    int count = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        count++;
    return count;
}

/* Calls since the last time somebody asked. */
static bool called(const char *word) {
    return count_of(gf_fake_calls(), word) > 0;
}

static const char *run(void (*body)(void *)) {
    static char text[8192];
    assert_child_succeeded(gf_test_child(body, NULL, text, sizeof text), text);
    return text;
}

static void in_gunicorn(void *unused) {
    (void)unused;
    start((char *[]){"python3", "gunicorn", "--preload", NULL}, environment);
    gf_fake.callers = background;
    gf_fake.options.before_os_fork();
    GF_CHILD_CHECK(!called("warm_up"));
    gf_fake.callers = gunicorn;
    gf_fake.options.before_os_fork();
    GF_CHILD_CHECK(called("warm_up"));
    GF_CHILD_CHECK(strcmp(gf_fake.warmup.words, "/ shop:warm") == 0);
    GF_CHILD_CHECK(strcmp(gf_fake.warmup.name, "gunicorn") == 0);
    GF_CHILD_CHECK(strcmp(gf_fake.warmup.function, "gunicorn.arbiter:spawn_worker") == 0);
    GF_CHILD_CHECK(strcmp(gf_fake.warmup.application, "self.app.callable") == 0);
    GF_CHILD_CHECK(gf_fake.warmup.seconds == 30);
    fork_by(gunicorn); /* once */
    GF_CHILD_CHECK(!called("warm_up"));
    struct gcfreeze_status status = gf_fake_status();
    GF_CHILD_CHECK(status.warmup_done == 2 && status.warmup_left_out == 1);
    GF_CHILD_CHECK(status.warmup_trial_us == 30 && status.warmup_parent_us == 40);
    GF_CHILD_CHECK(status.warmup_bytes == 4096);
}

static void the_first_fork_of_a_worker_and_no_other(void **state) {
    (void)state;
    const char *text = run(in_gunicorn);
    assert_int_equal(count_of(text, "warm-up: /x is left out"), 1);
    assert_non_null(strstr(text, "warm-up script=\"gunicorn\" python=3.13.0 done=2 left_out=1 "
                                 "statuses=\"200:1 function:1\" trial_us=30 parent_us=40 "
                                 "bytes=4096"));
}

static void in_a_script(void *unused) {
    (void)unused;
    start((char *[]){"python3", "app.py", NULL}, environment);
    gf_fake.callers = "daemon.daemon:detach_process_context\n__main__:<module>\n";
    gf_fake.options.before_os_fork();
    GF_CHILD_CHECK(!called("warm_up"));
    gf_fake.callers = "multiprocessing.popen_fork:_launch\n__main__:<module>\n";
    gf_fake.options.before_os_fork();
    GF_CHILD_CHECK(called("warm_up"));
    GF_CHILD_CHECK(gf_fake.warmup.name[0] == '\0' && gf_fake.warmup.application[0] == '\0');
}

static void a_script_that_is_not_known_runs_functions(void **state) {
    (void)state;
    run(in_a_script);
}

static void in_rq(void *unused) {
    (void)unused;
    start((char *[]){"python3", "rq", "worker", NULL}, environment);
    fork_by("rq.worker.base:execute_job\n");
    fork_by("rq.worker.base:execute_job\n");
    GF_CHILD_CHECK(!called("warm_up"));
}

static void in_uvicorn(void *unused) {
    (void)unused;
    start((char *[]){"python3", "uvicorn", "--workers", "2", NULL}, environment);
    fork_by("somebody:forks\n");
    GF_CHILD_CHECK(!called("warm_up"));
}

static void in_pytest(void *unused) {
    (void)unused;
    start((char *[]){"python3", "pytest", NULL}, environment);
    fork_by("somebody:forks\n");
    GF_CHILD_CHECK(!called("warm_up"));
}

static void who_shares_nothing_says_so_once(void **state) {
    (void)state;
    assert_int_equal(count_of(run(in_rq), "warm-up: RQ loads in each worker: nothing is warmed up"),
                     1);
    assert_int_equal(count_of(run(in_uvicorn), "warm-up: uvicorn starts its workers as new "
                                               "programs: nothing is warmed up"),
                     1);
    assert_int_equal(count_of(run(in_pytest), "warm-up"), 0); /* it inherits the variable */
}

static void in_uwsgi(void *unused) {
    (void)unused;
    start((char *[]){"uwsgi", "-M", NULL}, environment);
    gf_fake.caller = GF_CALLER_C_HOST;
    gf_fake_fork();
    GF_CHILD_CHECK(strcmp(gf_fake.warmup.application, "uwsgi.opt") == 0);
    const char *calls = gf_fake_calls();
    GF_CHILD_CHECK(count_of(calls, "warm_up") == 1);
    GF_CHILD_CHECK(strstr(calls, "warm_up") < strstr(calls, "freeze"));
    gf_fake_fork();
    GF_CHILD_CHECK(!called("warm_up"));
}

static void in_uwsgi_that_holds_a_lock(void *unused) {
    (void)unused;
    start((char *[]){"uwsgi", "-M", NULL}, environment);
    gf_fake.caller = GF_CALLER_C_HOST;
    gf_fake.cold = "holds the import lock when it forks";
    gf_fake_fork();
    gf_fake_fork();
    GF_CHILD_CHECK(!called("warm_up"));
}

static void a_c_host_is_warmed_up_in_its_fork(void **state) {
    (void)state;
    run(in_uwsgi);
    assert_int_equal(count_of(run(in_uwsgi_that_holds_a_lock),
                              "warm-up: uWSGI holds the import lock when it forks: nothing is "
                              "warmed up"),
                     1);
}

static void met_in_its_fork(void *unused) {
    (void)unused;
    gf_fake_start_program((char *[]){"embedding", NULL}, environment);
    gf_fake.version = "3.13.0";
    gf_fake_fork(); /* os.fork */
    gf_fake_fork();
    GF_CHILD_CHECK(!gf_fake.options.before_os_fork);
}

static void who_is_met_too_late_is_told_of(void **state) {
    (void)state;
    assert_int_equal(count_of(run(met_in_its_fork), "was met in its first fork, which is too late"),
                     1);
}

static void without_words(void *unused) {
    static char none[] = "GCFREEZE_WARMUP=";
    (void)unused;
    start((char *[]){"python3", "gunicorn", "--preload", NULL}, (char *[]){none, NULL});
    GF_CHILD_CHECK(!gf_fake.options.before_os_fork);
}

static void never_frozen(void *unused) {
    static char never[] = "GCFREEZE_WHEN=never";
    (void)unused;
    start((char *[]){"python3", "gunicorn", "--preload", NULL}, (char *[]){words, never, NULL});
    GF_CHILD_CHECK(!gf_fake.options.before_os_fork);
}

static void nothing_is_replaced_unless_it_is_asked_for(void **state) {
    (void)state;
    run(without_words);
    run(never_frozen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_fork_of_a_worker_and_no_other),
        cmocka_unit_test(a_script_that_is_not_known_runs_functions),
        cmocka_unit_test(who_shares_nothing_says_so_once),
        cmocka_unit_test(a_c_host_is_warmed_up_in_its_fork),
        cmocka_unit_test(who_is_met_too_late_is_told_of),
        cmocka_unit_test(nothing_is_replaced_unless_it_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
