#include "support/child.h"

#include <string.h>

#include "core/hosts.h"

static const struct {
    const char *program, *script, *module;
    const char *arguments[4];
    const char *name; /* of the row; NULL: none */
    int kind;
    bool defers;
} programs[] = {
    {"python3", "gunicorn", "", {"app:app"}, "gunicorn", GF_HOST_PREFORK, true},
    {"python3", "gunicorn3", "", {NULL}, "gunicorn", GF_HOST_PREFORK, true},
    {"python3", "", "gunicorn", {NULL}, "gunicorn", GF_HOST_PREFORK, true},
    {"python3", "", "gunicorn.app.wsgiapp", {NULL}, "gunicorn", GF_HOST_PREFORK, true},
    {"python3", "gunicornc", "", {NULL}, NULL, 0, false},
    {"python3", "my-gunicorn", "", {NULL}, NULL, 0, false},
    {"uwsgi", "", "", {"--master"}, "uWSGI", GF_HOST_PREFORK, true},
    {"uwsgi_python311", "", "", {"--http", ":80", "-M"}, "uWSGI", GF_HOST_PREFORK, true},
    {"uwsgi", "", "", {"--http", ":80"}, "uWSGI", GF_HOST_PREFORK, false},
    {"uwsgi", "", "", {"app.ini"}, "uWSGI", GF_HOST_PREFORK, false},
    {"python3", "uwsgi", "", {"--master=true"}, "uWSGI", GF_HOST_PREFORK, true}, /* pyuwsgi's */
    {"python3", "pyuwsgi", "", {"--master=true"}, "pyuwsgi", GF_HOST_PREFORK, false},
    {"apache2", "", "", {NULL}, "Apache with mod_wsgi", GF_HOST_LAZY, false},
    {"python3", "celery", "", {"-A", "app", "worker"}, "Celery", GF_HOST_PREFORK, true},
    {"python3", "", "celery", {"worker"}, "Celery", GF_HOST_PREFORK, true},
    {"python3", "celery", "", {"-A", "worker.app", "beat"}, "Celery", GF_HOST_SINGLE, false},
    {"python3", "celery", "", {"worker", "-P", "solo"}, "Celery", GF_HOST_SINGLE, false},
    {"python3", "celery", "", {"worker", "-Pthreads"}, "Celery", GF_HOST_SINGLE, false},
    {"python3", "celery", "", {"worker", "--pool=gevent"}, "Celery", GF_HOST_SINGLE, false},
    {"python3", "celery", "", {"worker", "--pool", "solo"}, "Celery", GF_HOST_SINGLE, false},
    {"python3", "celery", "", {"worker", "-P", "prefork"}, "Celery", GF_HOST_PREFORK, true},
    {"python3", "celery", "", {"worker", "-Pprocesses"}, "Celery", GF_HOST_PREFORK, true},
    {"python3", "celery", "", {"multi", "start", "w1"}, "Celery", GF_HOST_SUPERVISES, false},
    {"python3", "celery", "", {"-A", "multi", "worker"}, "Celery", GF_HOST_PREFORK, true},
    /* an application may be called like a pool */
    {"python3", "celery", "", {"worker", "-A", "solo"}, "Celery", GF_HOST_PREFORK, true},
    {"python3", "rq", "", {"worker"}, "RQ", GF_HOST_LAZY, false},
    {"python3", "huey_consumer", "", {"app.huey", "-k", "process"}, "Huey", GF_HOST_PREFORK, true},
    {"python3", "huey_consumer.py", "", {"--worker-type=process"}, "Huey", GF_HOST_PREFORK, true},
    {"python3", "huey_consumer.py", "", {"app.huey"}, "Huey", GF_HOST_SINGLE, false},
    {"python3", "dramatiq", "", {"app"}, "Dramatiq", GF_HOST_LAZY, false},
    {"python3", "locust", "", {"--processes", "4"}, "Locust", GF_HOST_PREFORK, false},
    {"python3", "locust", "", {"--users", "4"}, "Locust", GF_HOST_SINGLE, false},
    {"python3", "sanic", "", {"app", "--workers=4"}, "Sanic", GF_HOST_SPAWNS, false},
    {"python3", "sanic", "", {"app", "--single-process"}, "Sanic", GF_HOST_SINGLE, false},
    {"python3", "airflow", "", {"scheduler"}, "Airflow", GF_HOST_PREFORK, false},
    {"python3", "airflow", "", {"celery", "worker"}, "Airflow", GF_HOST_PREFORK, false},
    {"python3", "airflow", "", {"api-server"}, "Airflow's API server", GF_HOST_SPAWNS, false},
    {"python3", "airflow", "", {"dags", "list"}, NULL, 0, false},
    {"python3", "odoo", "", {"--workers=2"}, "Odoo", GF_HOST_PREFORK, true},
    {"python3", "odoo", "", {"--workers", "2"}, "Odoo", GF_HOST_PREFORK, true},
    {"python3", "odoo", "", {"--workers=0"}, "Odoo", GF_HOST_SINGLE, false},
    {"python3", "odoo", "", {"--workers", "0"}, "Odoo", GF_HOST_SINGLE, false},
    {"python3", "odoo", "", {"--workers", "2", "--limit", "0"}, "Odoo", GF_HOST_PREFORK, true},
    {"python3", "odoo", "", {"-c", "odoo.conf"}, "Odoo", GF_HOST_SINGLE, false},
    {"python3", "", "pyspark.daemon", {NULL}, "PySpark's daemon", GF_HOST_PREFORK, true},
    {"python3.13",
     "",
     "",
     {"-c", "from multiprocessing.forkserver import main; main(3, 4)"},
     "multiprocessing's forkserver",
     GF_HOST_SERVES,
     true},
    {"python3.14",
     "",
     "",
     {"-c", "import sys; from multiprocessing.forkserver import main; main(3, 4)"},
     "multiprocessing's forkserver",
     GF_HOST_SERVES,
     true},
    {"python3",
     "",
     "",
     {"-c", "from multiprocessing.spawn import spawn_main; spawn_main(pipe_handle=9)"},
     "multiprocessing's spawn",
     GF_HOST_SPAWNED,
     false},
    {"python3",
     "",
     "joblib.externals.loky.backend.popen_loky_posix",
     {NULL},
     "joblib's loky",
     GF_HOST_SPAWNED,
     false},
    {"python3.13", "", "", {"-c", "import multiprocessing.forkserver"}, NULL, 0, false},
    {"python3", "ansible-playbook", "", {"site.yml"}, "Ansible", GF_HOST_PREFORK, false},
    {"python3", "", "uvicorn", {"--workers", "4"}, "uvicorn", GF_HOST_SPAWNS, false},
    {"python3", "", "uvicorn", {"--workers", "1"}, "uvicorn", GF_HOST_SINGLE, false},
    {"python3", "", "uvicorn", {"--workers=1"}, "uvicorn", GF_HOST_SINGLE, false},
    {"python3", "", "uvicorn", {"--workers", "16"}, "uvicorn", GF_HOST_SPAWNS, false},
    {"python3", "", "uvicorn", {"app:app"}, "uvicorn", GF_HOST_SINGLE, false},
    {"python3", "fastapi", "", {"run", "--workers", "4"}, "fastapi run", GF_HOST_SPAWNS, false},
    {"python3", "fastapi", "", {"run"}, "fastapi run", GF_HOST_SINGLE, false},
    {"python3", "hypercorn", "", {"app"}, "Hypercorn", GF_HOST_SPAWNS, false},
    {"python3", "granian", "", {"app"}, "Granian", GF_HOST_LAZY, false},
    {"python3", "daphne", "", {"app"}, "Daphne", GF_HOST_SINGLE, false},
    {"python3", "waitress-serve", "", {"app"}, "waitress", GF_HOST_SINGLE, false},
    {"python3", "circusd", "", {"circus.ini"}, "circus", GF_HOST_SUPERVISES, false},
    {"python3", "supervisord", "", {"-n"}, "supervisord", GF_HOST_SUPERVISES, false},
    {"python3", "honcho", "", {"start"}, "honcho", GF_HOST_SUPERVISES, false},
    {"python3", "pytest", "", {"-n", "4"}, "pytest-xdist", GF_HOST_SPAWNS, false},
    {"python3", "", "pytest", {"-n4"}, "pytest-xdist", GF_HOST_SPAWNS, false},
    {"python3", "pytest", "", {"-n0"}, "pytest", GF_HOST_SINGLE, false},
    {"python3", "pytest", "", {"-q"}, "pytest", GF_HOST_SINGLE, false},
    {"python3", "manage.py", "", {"runserver"}, "Django's runserver", GF_HOST_SINGLE, false},
    {"python3", "manage.py", "", {"migrate"}, NULL, 0, false},
    {"", "", "", {NULL}, NULL, 0, false},
};

static void a_program_is_known_by_its_names_and_arguments(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct gf_self self = {.program = ""};
        char *argv[5] = {"first"}; /* the names are known from elsewhere */
        int argc = 1;
        strcpy(self.program, programs[i].program);
        strcpy(self.script, programs[i].script);
        strcpy(self.module, programs[i].module);
        for (size_t j = 0; j < 4 && programs[i].arguments[j]; j++)
            argv[argc++] = (char *)programs[i].arguments[j];
        const struct gf_host_row *row = gf_hosts_find(&self, argc, argv);
        if (!row != !programs[i].name ||
            (row && (strcmp(row->name, programs[i].name) != 0 || row->kind != programs[i].kind ||
                     row->defers != programs[i].defers)))
            fail_msg("row %zu: %s", i, row ? row->name : "none");
    }
}

static void a_program_without_arguments_is_known_by_its_name(void **state) {
    (void)state;
    struct gf_self self = {.script = "gunicorn"};
    assert_non_null(gf_hosts_find(&self, 0, NULL));
    self = (struct gf_self){.script = "airflow"};
    assert_null(gf_hosts_find(&self, 0, NULL));
}

static void a_fork_is_known_by_its_callers(void **state) {
    (void)state;
    static const struct {
        const char *callers, *name;
    } rows[] = {
        {"os:fork\ngunicorn.arbiter:spawn_worker\ngunicorn.arbiter:run\n", "gunicorn"},
        {"tornado.process:fork_processes", "Tornado's fork_processes"},
        {"multiprocessing.popen_fork:_launch\nsanic.worker.process:start\n",
         "Sanic with start_method fork"},
        {"rq.worker.worker_classes:fork_work_horse\n", "RQ"},
        {"pyspark.daemon:manager\n__main__:<module>\n", "PySpark's daemon"},
        {"pyuwsgi_run\n__main__:<module>\n", "pyuwsgi"},
        {"multiprocessing.popen_fork:_launch\n__main__:<module>\n", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct gf_host_row *row = gf_hosts_find_caller(rows[i].callers, NULL);
        if (!row != !rows[i].name || (row && strcmp(row->name, rows[i].name) != 0))
            fail_msg("row %zu: %s", i, row ? row->name : "none");
    }
}

static void the_first_row_counts(void **state) {
    (void)state;
    static const char horse[] = "rq.worker.worker_classes:fork_work_horse\n";
    struct gf_self self = {.script = "rq"};
    const struct gf_host_row *named = gf_hosts_find(&self, 0, NULL);
    assert_ptr_equal(gf_hosts_find_caller(horse, named), named);
    self = (struct gf_self){.script = "flask"};
    named = gf_hosts_find(&self, 0, NULL);
    assert_int_equal(named->kind, GF_HOST_SINGLE);
    assert_int_equal(gf_hosts_find_caller(horse, named)->kind, GF_HOST_PREFORK);
    assert_ptr_equal(gf_hosts_find_caller("", named), named);
}

static void the_arguments_tell_whether_it_preloads(void **state) {
    (void)state;
    static const struct {
        const char *script, *argument;
        enum gf_preloads preloads;
    } rows[] = {
        {"gunicorn", "--preload", GF_PRELOADS},
        {"gunicorn", "app", GF_PRELOADS_MAYBE},
        {"uwsgi", "--master", GF_PRELOADS},
        {"uwsgi", "--lazy-apps", GF_PRELOADS_NOT},
        {"pyuwsgi", "--lazy-apps=1", GF_PRELOADS_NOT},
        {"uwsgi", "--lazy-apps-not", GF_PRELOADS},
        {"odoo", "--workers=2", GF_PRELOADS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gf_self self = {.program = "python3"};
        char *argv[] = {"first", (char *)rows[i].argument};
        strcpy(self.script, rows[i].script);
        const struct gf_host_row *row = gf_hosts_find(&self, 2, argv);
        assert_non_null(row);
        int because = -1;
        if (gf_host_preloads(row, 2, argv, &because) != rows[i].preloads)
            fail_msg("row %zu", i);
        assert_int_equal(because,
                         strncmp(argv[1], "--pre", 5) == 0 || rows[i].preloads == GF_PRELOADS_NOT);
    }
}

static void c_functions_are_counted(void **state) {
    (void)state;
    assert_string_equal(gf_host_function(0), "pyuwsgi_run");
    assert_null(gf_host_function(1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_is_known_by_its_names_and_arguments),
        cmocka_unit_test(a_program_without_arguments_is_known_by_its_name),
        cmocka_unit_test(a_fork_is_known_by_its_callers),
        cmocka_unit_test(the_first_row_counts),
        cmocka_unit_test(the_arguments_tell_whether_it_preloads),
        cmocka_unit_test(c_functions_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
