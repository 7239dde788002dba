#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static const char text[] = "one\ntwo\n";
static char path[] = "/tmp/gcfreeze-file.XXXXXX";

static int make_file(void **state) {
    (void)state;
    int file = mkstemp(path);
    if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text))
        return -1;
    return close(file);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static void a_file_is_read_as_a_string(void **state) {
    char buffer[64];
    (void)state;
    assert_int_equal(gf_file_read(path, buffer, sizeof buffer), strlen(text));
    assert_string_equal(buffer, text);
}

static void lines_are_counted_and_those_with_a_mark(void **state) {
    size_t lines = 0, marked = 0;
    (void)state;
    assert_true(gf_file_lines(path, "wo", &lines, &marked));
    assert_int_equal(lines, 2);
    assert_int_equal(marked, 1);
    assert_false(gf_file_lines("/nowhere/at/all", "wo", &lines, &marked));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(lines, 2);
}

static void what_does_not_fit_is_cut(void **state) {
    char buffer[6] = "xxxxx";
    (void)state;
    assert_int_equal(gf_file_read(path, buffer, 4), 3);
    assert_string_equal(buffer, "one");
    assert_int_equal(buffer[4], 'x');
}

static void what_cannot_be_read_says_why(void **state) {
    char buffer[64];
    (void)state;
    assert_int_equal(gf_file_read("/nowhere/at/all", buffer, sizeof buffer), 0);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(gf_file_read("/dev/null", buffer, sizeof buffer), 0);
    assert_int_equal(errno, ENODATA);
    assert_int_equal(gf_file_read("/", buffer, sizeof buffer), 0);
    assert_int_equal(errno, EISDIR);
}

static void a_descriptor_is_closed_again_and_by_exec(void **state) {
    char buffer[64];
    (void)state;
    int file = gf_file_open(path, 0);
    assert_int_equal(fcntl(file, F_GETFD), FD_CLOEXEC);
    gf_file_close(file);
    assert_int_equal(fcntl(file, F_GETFD), -1);
    gf_file_read(path, buffer, sizeof buffer);
    assert_int_equal(fcntl(file, F_GETFD), -1);
}

static void no_descriptor_left_is_told_apart(void **state) {
    struct rlimit limit;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int file = gf_file_open(path, 0);
    int error = errno;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(file, -1);
    assert_true(gf_file_none_left(error));
    assert_false(gf_file_none_left(ENOENT));
}

static bool count(void *context, const char *name) {
    (void)name;
    return --*(int *)context != 0;
}

static void the_entries_of_a_folder_are_visited_until_enough(void **state) {
    char folder_name[] = "/tmp/gcfreeze-unit-XXXXXX", inside[64];
    int left = 1000, enough = 2;
    (void)state;
    assert_non_null(mkdtemp(folder_name));
    snprintf(inside, sizeof inside, "%s/one", folder_name);
    assert_int_equal(mkdir(inside, 0700), 0);
    int folder = gf_file_open(folder_name, O_DIRECTORY);
    assert_true(gf_file_entries(folder, count, &left));
    assert_int_equal(left, 1000 - 3); /* ".", ".." and that one */
    gf_file_close(folder);
    folder = gf_file_open(folder_name, O_DIRECTORY);
    assert_false(gf_file_entries(folder, count, &enough));
    gf_file_close(folder);
    assert_false(gf_file_entries(folder, count, &left));
    assert_int_equal(errno, EBADF);
    assert_int_equal(rmdir(inside) | rmdir(folder_name), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_as_a_string),
        cmocka_unit_test(lines_are_counted_and_those_with_a_mark),
        cmocka_unit_test(what_does_not_fit_is_cut),
        cmocka_unit_test(what_cannot_be_read_says_why),
        cmocka_unit_test(a_descriptor_is_closed_again_and_by_exec),
        cmocka_unit_test(no_descriptor_left_is_told_apart),
        cmocka_unit_test(the_entries_of_a_folder_are_visited_until_enough),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
