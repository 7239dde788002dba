/* The sentence that GCFREEZE_RESHARE_THREADS=on has no effect: when, and how often. */
#include "support/child.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/foreign.h"
#include "core/session.h"

static void start(bool threads) {
    gf_log_init(GF_LOG_WARN, "");
    gf_session.config.reshare_threads = threads;
    gf_foreign_prepare();
}

/* A child that has these waits: 'f' is left alone, 'p' is not. */
static void fork_one(const char *waits) {
    pid_t pid = fork();
    GF_CHILD_CHECK(pid >= 0);
    if (pid == 0) {
        gf_foreign_child();
        for (; *waits; waits++)
            gf_foreign_met(*waits == 'f');
        _exit(0);
    }
    GF_CHILD_CHECK(waitpid(pid, NULL, 0) == pid);
}

static void fork_some(void *waits) {
    start(true);
    for (const char *const *each = waits; *each; each++)
        fork_one(*each);
}

static int told_by(const char *const *waits) {
    char text[2048];
    int count = 0;
    int status = gf_test_child(fork_some, (void *)(uintptr_t)waits, text, sizeof text);
    assert_child_succeeded(status, text);
    for (const char *at = text; (at = strstr(at, "GCFREEZE_RESHARE_THREADS=on has no effect in "));
         at++)
        count++;
    return count;
}

static void it_is_told_once_by_all_children(void **state) {
    const char *const waits[] = {"f", "ffff", "fff", NULL};
    (void)state;
    assert_int_equal(told_by(waits), 1);
}

static void one_wait_is_not_enough(void **state) {
    const char *const waits[] = {"f", "f", "f", NULL};
    (void)state;
    assert_int_equal(told_by(waits), 0);
}

static void it_is_not_told_where_other_waits_are_cut(void **state) {
    const char *const waits[] = {"pfff", "fpff", NULL};
    (void)state;
    assert_int_equal(told_by(waits), 0);
}

static void fork_children(void *unused) {
    (void)unused;
    start(false); /* nothing is prepared */
    fork_one("fff");
    fork_one("fff");
}

static void where_nothing_is_shared_each_tells(void **state) {
    char text[2048];
    (void)state;
    assert_child_succeeded(gf_test_child(fork_children, NULL, text, sizeof text), text);
    const char *first = strstr(text, "has no effect");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "has no effect"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_told_once_by_all_children),
        cmocka_unit_test(one_wait_is_not_enough),
        cmocka_unit_test(it_is_not_told_where_other_waits_are_cut),
        cmocka_unit_test(where_nothing_is_shared_each_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
