/* Names: of variables, and of programs. */
#include "support/child.h"

#include <stdio.h>
#include <string.h>

#include "support/told.h"

static const struct {
    const char *variable, *line; /* NULL: no line */
} names[] = {
    {"GCFREEZE_WHNE=auto",
     "GCFREEZE_WHNE is no setting of this library and is ignored; did you mean GCFREEZE_WHEN?"},
    {"gcfreeze_when=never", NULL},
    {"GCFREEZE_when=never",
     "GCFREEZE_when is no setting of this library and is ignored; did you mean GCFREEZE_WHEN?"},
    {"GCFREEZE_MINNEW=5",
     "GCFREEZE_MINNEW is no setting of this library and is ignored; did you mean "
     "GCFREEZE_MIN_NEW?"},
    {"GCFREEZE_FRIENDLY=1", "GCFREEZE_FRIENDLY is no setting of this library and is ignored"},
    {"GCFREEZE_FRIENDLY=", "GCFREEZE_FRIENDLY is no setting of this library and is ignored"},
    {"GCFREEZE_CAF\xc3\xa9\x1b=1",
     "GCFREEZE_CAF\\xc3\\xa9\\x1b is no setting of this library and is ignored"},
    {"GCFREEZE_TEST_PYTHONS=/usr/bin/python3", NULL},
    {"GCFREEZER=1", NULL},
    {"XGCFREEZE_WHEN=never", NULL},
    {"GCFREEZE", NULL}, /* no assignment at all */
    {"GCFREEZE_WHEN", NULL},
    {"", NULL},
    {"=", NULL},
};

static void an_unknown_name_of_ours_gets_a_line(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char variable[64];
        snprintf(variable, sizeof variable, "%s", names[i].variable);
        struct gf_config config = gf_told_read((char *[]){variable, NULL}, false);
        assert_int_equal(config.when.kind, GF_WHEN_AUTO);
        assert_int_equal(config.min_new, 10000);
        assert_int_equal(gf_told_count, names[i].line != NULL);
        if (names[i].line)
            assert_string_equal(gf_told[0], names[i].line);
    }
}

static void a_huge_unknown_name_is_cut(void **state) {
    static char variable[100000];
    (void)state;
    memset(variable, '\xff', sizeof variable - 1);
    memcpy(variable, "GCFREEZE_", 9);
    memcpy(variable + sizeof variable - 3, "=1", 2);
    gf_told_read((char *[]){variable, NULL}, false);
    assert_int_equal(gf_told_count, 1);
    assert_non_null(strstr(gf_told[0], "\\xff is no setting of this library"));
}

static void the_first_of_several_counts_as_getenv_has_it(void **state) {
    (void)state;
    struct gf_config config = gf_told_read(
        (char *[]){"GCFREEZE_WHEN=never", "GCFREEZE_WHEN=first", "GCFREEZE_WHEN=bad", NULL}, false);
    assert_int_equal(config.when.kind, GF_WHEN_NEVER);
    assert_int_equal(gf_told_count, 0);
    config = gf_told_read((char *[]){"GCFREEZE_WHEN=bad", "GCFREEZE_WHEN=first", NULL}, false);
    assert_int_equal(config.when.kind, GF_WHEN_AUTO);
    assert_int_equal(gf_told_count, 1);
    assert_non_null(strstr(gf_told[0], "\"bad\""));
    config = gf_told_read((char *[]){"GCFREEZE_WHEN=", "GCFREEZE_WHEN=first", NULL}, false);
    assert_int_equal(config.when.kind, GF_WHEN_AUTO);
}

static void more_problems_than_are_kept_do_no_harm(void **state) {
    char unknown[30][32];
    char *environment[32] = {NULL};
    (void)state;
    for (int i = 0; i < 30; i++) {
        snprintf(unknown[i], sizeof unknown[i], "GCFREEZE_UNHEARD_OF_%d=1", i);
        environment[i] = unknown[i];
    }
    environment[30] = "GCFREEZE_WHEN=never";
    struct gf_config config = gf_told_read(environment, false);
    assert_int_equal(gf_told_count, 16);
    assert_non_null(strstr(gf_told[15], "GCFREEZE_UNHEARD_OF_15 "));
    assert_int_equal(config.when.kind, GF_WHEN_NEVER);
}

static void a_setuid_program_keeps_the_defaults(void **state) {
    (void)state;
    struct gf_config config = gf_told_read(
        (char *[]){"GCFREEZE_LOG_FILE=/etc/x", "GCFREEZE=0", "GCFREEZE_NOPE=1", NULL}, true);
    assert_true(config.enabled);
    assert_string_equal(config.log_file, "");
    assert_int_equal(gf_told_count, 0);
}

static void features_that_are_there_need_no_words(void **state) {
    (void)state;
    struct gf_config config =
        gf_told_read((char *[]){"GCFREEZE_MODE=immortal", "GCFREEZE_RESHARE=off", NULL}, false);
    assert_int_equal(config.mode, GF_MODE_IMMORTAL);
    assert_int_equal(gf_told_count, 0);
}

/* ---- GCFREEZE_ONLY and GCFREEZE_SKIP ---- */

static const struct {
    const char *only, *skip, *program, *script, *module;
    bool admitted;
} filters[] = {
    {"", "", "python3", "", "", true},
    {"", "", "", "", "", true},
    {"python3", "", "python3", "", "", true},
    {"python", "", "python3", "", "", false},
    {"python*", "", "python3.13", "", "", true},
    {"python3.?", "", "python3.8", "", "", true},
    {"python3.?", "", "python3.13", "", "", false},
    {"gunicorn", "", "python3", "gunicorn", "", true},
    {"celery", "", "python3", "", "celery", true},
    {"celery", "", "python3", "gunicorn", "", false},
    {"a,gunicorn", "", "python3", "gunicorn", "", true},
    {" a , gunicorn ", "", "python3", "gunicorn", "", true},
    {"a,,b", "", "", "", "", false}, /* an empty item matches nothing, not even an empty name */
    {",", "", "python3", "", "", false},
    {" ", "", "python3", "", "", false},
    {"a b", "", "a b", "", "", true}, /* spaces inside belong to the pattern */
    {"", "gunicorn", "python3", "gunicorn", "", false},
    {"", "celery", "python3", "gunicorn", "", true},
    {"", ",", "python3", "", "", true},
    {"", "*", "python3", "", "", false},
    {"", "?*", "", "", "", true},
    {"gunicorn", "gunicorn", "python3", "gunicorn", "", false},
    {"*", "python3.8", "python3.8", "gunicorn", "", false},
    {"*", "python3.8", "python3.9", "gunicorn", "", true},
    {"*", "", "", "", "", false},
};

static void patterns_choose_programs_and_skip_wins(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        struct gf_config config = {0};
        strcpy(config.only, filters[i].only);
        strcpy(config.skip, filters[i].skip);
        const char *const all[] = {filters[i].program, filters[i].script, filters[i].module, NULL};
        if (gf_config_admits(&config, all, 4) != filters[i].admitted)
            fail_msg("only \"%s\", skip \"%s\": %s %s %s", filters[i].only, filters[i].skip,
                     filters[i].program, filters[i].script, filters[i].module);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_name_of_ours_gets_a_line),
        cmocka_unit_test(a_huge_unknown_name_is_cut),
        cmocka_unit_test(the_first_of_several_counts_as_getenv_has_it),
        cmocka_unit_test(more_problems_than_are_kept_do_no_harm),
        cmocka_unit_test(a_setuid_program_keeps_the_defaults),
        cmocka_unit_test(features_that_are_there_need_no_words),
        cmocka_unit_test(patterns_choose_programs_and_skip_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
