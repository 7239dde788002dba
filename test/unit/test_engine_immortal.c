/* Making objects immortal: when it is done, and that it ends. */
#include "support/child.h"

#include <string.h>

#include "core/session.h"
#include "support/fake.h"

/* The mode is left at auto: the program's name is gunicorn. */
static char *environment[] = {"GCFREEZE_LOG=info", "GCFREEZE_COLLECT=never", NULL};
static char *asked[] = {"GCFREEZE_MODE=immortal", "GCFREEZE_COLLECT=never", NULL};

enum { MB = 1 << 20 };

static void start_in(char *const *variables) {
    gf_fake_start(variables);
    gf_fake.immortal = true;
    gf_engine_startup();
    gf_fake.count = 1000000; /* each fork freezes */
}

static void start(void) {
    start_in(environment);
}

static const char *calls_of_a_fork(void) {
    gf_fake_fork();
    return gf_fake_calls();
}

static const char *const marked = "find enter count suspend freeze weigh immortalize thaw resume";
static const char *const frozen = "find enter count suspend freeze thaw resume";
static const char *const weighed = "find enter count suspend freeze weigh thaw resume";

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static void every_freeze_weighs_and_marks(void **state) {
    (void)state;
    start();
    gf_fake.balance = (struct gf_balance){.lost = 10 * MB, .fresh = MB, .live = 100 * MB};
    for (int i = 0; i < 20; i++)
        assert_true(begins(calls_of_a_fork(), marked));
    gf_fake.count = 0;
    gf_fake.handed = 10000;
    assert_string_equal(calls_of_a_fork(), "find enter count leave real");
    assert_false(gf_fake.asked_for_handed);
}

static void what_the_child_is_handed_counts_where_the_mode_is_asked_for(void **state) {
    (void)state;
    start_in(asked);
    assert_true(begins(calls_of_a_fork(), marked));
    assert_true(gf_fake.asked_for_handed);
    gf_fake.count = 100;
    gf_fake.handed = 9999;
    assert_string_equal(calls_of_a_fork(), "find enter count handed leave real");
    gf_fake.handed = 10000;
    assert_true(begins(calls_of_a_fork(), "find enter count handed suspend freeze weigh "
                                          "immortalize"));
    assert_int_equal(gf_fake_status().last_tracked, 10000);
}

static void what_cannot_be_weighed_is_not_marked_this_time(void **state) {
    (void)state;
    start();
    gf_fake.failing = "weigh";
    assert_true(begins(calls_of_a_fork(), weighed));
    assert_int_equal(gf_fake_status().forks_frozen, 1);
    gf_fake.failing = NULL;
    assert_true(begins(calls_of_a_fork(), marked));
}

static void lose_too_much(void *unused) {
    (void)unused;
    start();
    GF_CHILD_CHECK(begins(calls_of_a_fork(), marked));
    gf_fake.balance = (struct gf_balance){.lost = 30 * MB, .fresh = 30 * MB, .live = 35 * MB};
    GF_CHILD_CHECK(begins(calls_of_a_fork(), weighed));
    gf_fake.balance = (struct gf_balance){0};
    GF_CHILD_CHECK(begins(calls_of_a_fork(), frozen));
    GF_CHILD_CHECK(strcmp(gf_fake_status().mode, "freeze") == 0);
    GF_CHILD_CHECK(begins(gf_fake_status().mode_why, "replaced 30 MB of what was made immortal"));
    gf_session_child(true); /* its heap is the parent's */
    GF_CHILD_CHECK(begins(calls_of_a_fork(), frozen));
}

static void a_process_that_has_lost_too_much_only_freezes_and_says_so_once(void **state) {
    (void)state;
    char text[4096];
    assert_child_succeeded(gf_test_child(lose_too_much, NULL, text, sizeof text), text);
    const char *sentence =
        strstr(text, "]: from now on this process only freezes: it replaced 30 MB of what was "
                     "made immortal, which is never freed, and has 35 MB in use\n");
    assert_non_null(sentence);
    assert_null(strstr(sentence + 1, "]: from now on"));
    const char *first = strstr(text, "mode=immortal");
    assert_non_null(first);
    assert_null(strstr(first + 1, "mode=immortal"));
    assert_non_null(strstr(sentence, "mode=freeze"));
}

static void another_interpreter_starts_anew(void **state) {
    (void)state;
    start();
    gf_fake.balance = (struct gf_balance){.lost = 2, .fresh = 0, .live = 1};
    calls_of_a_fork();
    gf_fake.gone();
    gf_fake.balance = (struct gf_balance){0};
    assert_non_null(strstr(calls_of_a_fork(), "weigh immortalize"));
    assert_string_equal(gf_fake_status().mode, "immortal");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_freeze_weighs_and_marks),
        cmocka_unit_test(what_the_child_is_handed_counts_where_the_mode_is_asked_for),
        cmocka_unit_test(what_cannot_be_weighed_is_not_marked_this_time),
        cmocka_unit_test(a_process_that_has_lost_too_much_only_freezes_and_says_so_once),
        cmocka_unit_test(another_interpreter_starts_anew),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
