#include "support/child.h"

#include <stdio.h>
#include <string.h>

#include "process/names.h"

enum { ARGUMENTS = 8 };
#define OF_40  "abcdefghijklmnopqrstuvwxyz0123456789ABCD"
#define OF_120 OF_40 OF_40 OF_40

static const struct {
    const char *argv[ARGUMENTS];
    const char *names; /* program|script|module */
} commands[] = {
    {{"/usr/bin/python3.13", "/usr/bin/gunicorn", "-w", "4"}, "python3.13|gunicorn|"},
    {{"python3", "app.py", "-m", "x"}, "python3|app.py|"},
    {{"python3", "-m", "celery", "-A", "app"}, "python3||celery"},
    {{"python3", "-mcelery"}, "python3||celery"},
    {{"python3", "-Im", "celery.bin", "worker"}, "python3||celery.bin"},
    {{"python3", "-Imcelery"}, "python3||celery"},
    {{"python3", "-m"}, "python3||"},
    {{"python3", "-c", "print()", "app.py"}, "python3||"},
    {{"python3", "-cprint()", "app.py"}, "python3||"},
    {{"python3", "-Ic", "print()", "app.py"}, "python3||"},
    {{"python3", "-W", "error", "app.py"}, "python3|app.py|"},
    {{"python3", "-Werror", "app.py"}, "python3|app.py|"},
    {{"python3", "-X", "dev", "app.py"}, "python3|app.py|"},
    {{"python3", "-Xdev", "-X", "importtime", "-u", "app.py"}, "python3|app.py|"},
    {{"python3", "-bX", "dev", "-m", "celery"}, "python3||celery"},
    {{"python3", "-X"}, "python3||"},
    {{"python3", "-OO", "-u", "-B", "app.py"}, "python3|app.py|"},
    {{"python3", "--check-hash-based-pycs", "always", "app.py"}, "python3|app.py|"},
    {{"python3", "--help-all", "app.py"}, "python3|app.py|"},
    {{"python3", "--", "app.py"}, "python3|app.py|"},
    {{"python3", "-", "app.py"}, "python3||"},
    {{"python3"}, "python3||"},
    {{"python3", ""}, "python3||"},
    {{"python3", "/srv/app/"}, "python3||"}, /* a folder: its name ends before the slash */
    {{"/opt/venv/bin/python", "manage.py", "runserver"}, "python|manage.py|"},
    {{"uwsgi", "--http", ":80", "app.py"}, "uwsgi||"},
    {{"/usr/sbin/apache2", "-m", "x"}, "apache2||"},
    {{"/bin/sh", "python3"}, "sh||"},
    {{""}, "||"},
    {{"/"}, "||"},
    {{NULL}, "||"},
    {{"python3", OF_120 ".123456"}, "python3|" OF_120 ".123456|"},
    {{"python3", OF_120 ".1234567"}, "python3|" OF_120 ".123456|"}, /* 127 bytes are kept */
    {{"python3", "-m", OF_120 OF_120}, "python3||" OF_120 "abcdefg"},
};

static void the_command_line_says_what_runs(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct gf_self self = {.program = ""};
        char text[1024];
        int argc = 0;
        while (argc < ARGUMENTS && commands[i].argv[argc])
            argc++;
        gf_names_read(argc, (char *const *)commands[i].argv, &self);
        snprintf(text, sizeof text, "%s|%s|%s", self.program, self.script, self.module);
        if (strcmp(text, commands[i].names) != 0)
            fail_msg("row %zu: %s and not %s", i, text, commands[i].names);
    }
}

static void without_arguments_there_are_no_names(void **state) {
    (void)state;
    struct gf_self self = {.program = "as before"};
    gf_names_read(0, NULL, &self);
    assert_string_equal(self.program, "as before");
}

static void the_title_is_script_or_module_or_program(void **state) {
    (void)state;
    struct gf_self self = {.program = "python3", .script = "gunicorn"};
    assert_string_equal(gf_names_title(&self), "gunicorn");
    self = (struct gf_self){.program = "python3", .module = "celery"};
    assert_string_equal(gf_names_title(&self), "celery");
    self = (struct gf_self){.program = "python3"};
    assert_string_equal(gf_names_title(&self), "python3");
}

static void the_last_part_of_a_path_is_behind_its_last_slash(void **state) {
    (void)state;
    assert_string_equal(gf_names_last_part("/usr/bin/env"), "env");
    assert_string_equal(gf_names_last_part("env"), "env");
    assert_string_equal(gf_names_last_part("bin/"), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_command_line_says_what_runs),
        cmocka_unit_test(without_arguments_there_are_no_names),
        cmocka_unit_test(the_title_is_script_or_module_or_program),
        cmocka_unit_test(the_last_part_of_a_path_is_behind_its_last_slash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
