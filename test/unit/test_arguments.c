#include "support/child.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/arguments.h"

static char path[4096];

static void they_are_the_programs_own(void **state) {
    char **arguments;
    (void)state;
    errno = 77;
    assert_int_equal(gf_arguments(&arguments), 1);
    assert_non_null(strstr(arguments[0], "unit_arguments"));
    assert_null(arguments[1]);
    assert_int_equal(errno, 77);
}

/* This program, once more, with `count` arguments: it ends with how many it has seen. */
static int seen_of(int count) {
    char *arguments[200] = {path};
    for (int i = 1; i < count; i++)
        arguments[i] = i % 2 ? "-" : "";
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        execv(path, arguments);
        _exit(99);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void empty_ones_count_and_too_many_are_cut(void **state) {
    (void)state;
    assert_int_equal(seen_of(3), 3);
    assert_int_equal(seen_of(64), 64);
    assert_int_equal(seen_of(199), 64);
}

static void without_a_descriptor_there_are_none(void **state) {
    struct rlimit limit;
    char **arguments;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit none = {.rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    errno = 77;
    int count = gf_arguments(&arguments);
    int error = errno;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(count, 0);
    assert_null(arguments[0]);
    assert_int_equal(error, 77);
}

int main(int argc, char **argv) {
    char **arguments;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_the_programs_own),
        cmocka_unit_test(empty_ones_count_and_too_many_are_cut),
        cmocka_unit_test(without_a_descriptor_there_are_none),
    };
    if (argc > 1)
        return gf_arguments(&arguments);
    strcpy(path, argv[0]);
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
