#include "support/child.h"

#include <string.h>

#include "core/hosts.h"

static const struct {
    const char *program, *script, *module;
    const char *arguments[3];
    bool known;
} programs[] = {
    {"python3", "gunicorn", "", {"app:app"}, true},
    {"python3", "gunicorn3", "", {NULL}, true},
    {"python3", "", "gunicorn", {NULL}, true},
    {"python3", "", "gunicorn.app.wsgiapp", {NULL}, true},
    {"python3", "gunicornc", "", {NULL}, false},
    {"python3", "my-gunicorn", "", {NULL}, false},
    {"uwsgi", "", "", {"--master"}, true},
    {"uwsgi_python311", "", "", {"--http", ":80", "-M"}, true},
    {"uwsgi", "", "", {"--http", ":80"}, false},
    {"uwsgi", "", "", {"app.ini"}, false},
    {"python3", "uwsgi", "", {"--master=true"}, true}, /* pyuwsgi's */
    {"python3", "celery", "", {"-A", "app", "worker"}, true},
    {"python3", "", "celery", {"worker"}, true},
    {"python3", "celery", "", {"-A", "worker.app", "beat"}, false},
    {"python3", "celery", "", {"worker", "-P", "solo"}, false},
    {"python3", "celery", "", {"worker", "-Pthreads"}, false},
    {"python3", "celery", "", {"worker", "--pool=gevent"}, false},
    {"python3", "huey_consumer", "", {"app.huey", "-k", "process"}, true},
    {"python3", "huey_consumer.py", "", {"app.huey", "--worker-type=process"}, true},
    {"python3", "huey_consumer.py", "", {"app.huey"}, false},
    {"python3", "odoo", "", {"--workers=2"}, true},
    {"python3", "odoo", "", {"--workers", "2"}, true},
    {"python3", "odoo", "", {"--workers=0"}, false},
    {"python3", "odoo", "", {"--workers", "0"}, false},
    {"python3", "odoo", "", {"-c", "odoo.conf"}, false},
    {"python3", "", "pyspark.daemon", {NULL}, true},
    {"python3.13", "", "", {"-c", "from multiprocessing.forkserver import main; main(3, 4)"}, true},
    {"python3.13", "", "", {"-c", "import multiprocessing.forkserver"}, false},
    {"python3", "rq", "", {"worker"}, false},
    {"python3", "", "uvicorn", {"--workers", "4"}, false},
    {"python3", "locust", "", {"--processes", "4"}, false},
    {"apache2", "", "", {NULL}, false},
    {"python3", "manage.py", "", {"runserver"}, false},
    {"", "", "", {NULL}, false},
};

static void a_program_is_known_by_its_names_and_arguments(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct gf_self self = {.program = ""};
        char *argv[4] = {"first"}; /* the names are known from elsewhere */
        int argc = 1;
        strcpy(self.program, programs[i].program);
        strcpy(self.script, programs[i].script);
        strcpy(self.module, programs[i].module);
        for (size_t j = 0; j < 3 && programs[i].arguments[j]; j++)
            argv[argc++] = (char *)programs[i].arguments[j];
        if (gf_hosts_know(&self, argc, argv) != programs[i].known)
            fail_msg("row %zu", i);
    }
}

static void a_program_without_arguments_is_known_by_its_name(void **state) {
    (void)state;
    struct gf_self self = {.script = "gunicorn"};
    assert_true(gf_hosts_know(&self, 0, NULL));
    self = (struct gf_self){.script = "celery"};
    assert_false(gf_hosts_know(&self, 0, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_is_known_by_its_names_and_arguments),
        cmocka_unit_test(a_program_without_arguments_is_known_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
