/* How often it is told that GCFREEZE_RESHARE_THREADS=on has had no effect. */
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

static void fork_one(void) {
    pid_t pid = fork();
    GF_CHILD_CHECK(pid >= 0);
    if (pid == 0) {
        gf_foreign_child();
        gf_foreign_tell();
        gf_foreign_tell();
        _exit(0);
    }
    GF_CHILD_CHECK(waitpid(pid, NULL, 0) == pid);
}

static void fork_two(void *threads) {
    start(threads != NULL); /* without them nothing is prepared */
    fork_one();
    fork_one();
}

static int told(bool threads) {
    char text[2048];
    int count = 0;
    int status = gf_test_child(fork_two, threads ? text : NULL, text, sizeof text);
    assert_child_succeeded(status, text);
    for (const char *at = text;
         (at = strstr(at, "GCFREEZE_RESHARE_THREADS=on has had no effect so far in ")); at++)
        count++;
    return count;
}

static void it_is_told_once_by_all_children(void **state) {
    (void)state;
    assert_int_equal(told(true), 1);
}

static void where_nothing_is_shared_each_tells(void **state) {
    (void)state;
    assert_int_equal(told(false), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_told_once_by_all_children),
        cmocka_unit_test(where_nothing_is_shared_each_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
