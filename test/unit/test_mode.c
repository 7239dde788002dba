#include "support/fake.h"

#include <string.h>

#include "core/hosts.h"
#include "support/child.h"

struct program {
    const char *words[6];
    const char *callers; /* of its fork */
    const char *mode, *why;
    char *environment[2];
    bool cannot; /* the interpreter can make nothing immortal */
};

static void expect(const struct program *program) {
    struct gcfreeze_status status = gf_fake_status();
    if (strcmp(status.mode, program->mode) != 0 || strcmp(status.mode_why, program->why) != 0)
        gf_test_child_failed(status.mode, 0, status.mode_why);
}

static void fork_once(void *argument) {
    struct program *program = argument;
    gf_fake_start_program((char *const *)program->words, program->environment);
    gf_fake.immortal = !program->cannot;
    gf_fake.callers = program->callers;
    gf_engine_startup();
    gf_fake.before();
    bool done = strstr(gf_fake_calls(), "immortalize") != NULL;
    GF_CHILD_CHECK(done == (strcmp(program->mode, "immortal") == 0));
    expect(program);
    gf_fake.child = 0;
    gf_fake_fork();
    expect(program); /* the child knows it, too */
}

static void check(struct program *programs, size_t count) {
    char text[1024];
    for (size_t i = 0; i < count; i++)
        assert_child_succeeded(gf_test_child(fork_once, &programs[i], text, sizeof text), text);
}

static void auto_does_what_a_program_is_known_to_bear(void **state) {
    (void)state;
    struct program programs[] = {
        {{"python3", "gunicorn", "--preload", "app"},
         .mode = "immortal",
         .why = "auto: gunicorn preloads"},
        {{"python3", "gunicorn", "app"}, .mode = "immortal", .why = "auto: gunicorn may preload"},
        {{"uwsgi", "-M", "--lazy-apps"},
         .mode = "freeze",
         .why = "auto: uWSGI is told not to preload"},
        {{"uwsgi", "app.ini"}, .mode = "immortal", .why = "auto: uWSGI preloads"},
        {{"python3", "rq", "worker"}, .mode = "freeze", .why = "auto: RQ loads in each worker"},
        {{"python3", "uvicorn", "--workers", "4"},
         .mode = "freeze",
         .why = "auto: uvicorn starts its workers as new programs"},
        {{"python3", "supervisord"},
         .mode = "freeze",
         .why = "auto: supervisord starts other programs"},
        {{"python3", "daphne"}, .mode = "freeze", .why = "auto: Daphne forks no workers"},
        {{"python3", "app.py"}, .mode = "freeze", .why = "auto: not a server that is known"},
        {{"python3", "app.py"},
         .callers =
             "tornado.process:start_child\ntornado.process:fork_processes\n__main__:<module>\n",
         .mode = "immortal",
         .why = "auto: Tornado's fork_processes preloads"},
        {{"python3", "app.py"},
         .callers = "pyuwsgi_run\n",
         .mode = "immortal",
         .why = "auto: pyuwsgi preloads"},
        {{"python3", "app.py"},
         .callers = "tornado.process:cpu_count\n",
         .mode = "freeze",
         .why = "auto: not a server that is known"},
        {{"python3", "rq", "worker"},
         .callers = "rq.worker.worker_classes:fork_work_horse\n",
         .mode = "freeze",
         .why = "auto: RQ loads in each worker"},
    };
    check(programs, sizeof programs / sizeof *programs);
}

static void what_cannot_be_done_is_said(void **state) {
    (void)state;
    struct program programs[] = {
        {{"python3", "gunicorn", "--preload"},
         .mode = "freeze",
         .why = "auto: gunicorn preloads; immortal is not done by a fake",
         .cannot = true},
        {{"python3", "gunicorn", "--preload"},
         .environment = {"GCFREEZE_MODE=immortal"},
         .mode = "freeze",
         .why = "GCFREEZE_MODE=immortal is not done by a fake",
         .cannot = true},
    };
    check(programs, sizeof programs / sizeof *programs);
}

static void a_setting_wins(void **state) {
    (void)state;
    struct program programs[] = {
        {{"python3", "gunicorn", "--preload"},
         .environment = {"GCFREEZE_MODE=freeze"},
         .callers = "tornado.process:fork_processes\n",
         .mode = "freeze",
         .why = "GCFREEZE_MODE=freeze"},
        {{"python3", "app.py"},
         .environment = {"GCFREEZE_MODE=immortal"},
         .mode = "immortal",
         .why = "GCFREEZE_MODE=immortal"},
        {{"python3", "gunicorn", "--preload"},
         .environment = {"GCFREEZE_MODE=nonsense"},
         .mode = "immortal",
         .why = "auto: gunicorn preloads"},
    };
    check(programs, sizeof programs / sizeof *programs);
}

/* The longest row and the longest obstacle. */
static void every_sentence_fits(void **state) {
    (void)state;
    struct gcfreeze_status status;
    static const char longest[] = " starts its workers as new programs";
    static const char obstacle[] =
        "; immortal is not done: objects of this interpreter are laid out in an unknown way";
    for (size_t i = 0; i < gf_host_count; i++) {
        size_t name = strlen("auto: ") + strlen(gf_host_rows[i].name);
        bool prefork = gf_host_preforks(&gf_host_rows[i]);
        const char *rest = prefork ? " may preload" : longest;
        if (name + strlen(rest) + (prefork ? strlen(obstacle) : 0) >= sizeof status.mode_why)
            fail_msg("row %zu", i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_does_what_a_program_is_known_to_bear),
        cmocka_unit_test(what_cannot_be_done_is_said),
        cmocka_unit_test(a_setting_wins),
        cmocka_unit_test(every_sentence_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
