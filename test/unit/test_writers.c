/* Rings and pins of a process are seen, and where they cannot be seen, that is said. */
#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/writers.h"
#include "support/deny.h"
#include "support/ring.h"

static char memory[512];

static void expect_error(int (*look)(void), int error) {
    errno = 0;
    assert_int_equal(look(), -1);
    assert_int_equal(errno, error);
}

/* ---- rings ---- */

static void other_descriptors_are_no_ring(void **state) {
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_true(eventfd(0, 0) >= 0); /* an anonymous inode as well */
    assert_true(open("/dev/null", O_RDONLY) >= 0);
    assert_int_equal(gf_writers_ring(), 0);
}

static void a_ring_is_found_while_it_is_open(void **state) {
    (void)state;
    int ring = gf_ring_open();
    assert_int_equal(gf_writers_ring(), 1);
    close(ring);
    assert_int_equal(gf_writers_ring(), 0);
}

static void a_ring_is_found_behind_many_descriptors(void **state) {
    (void)state;
    int other = open("/dev/null", O_RDONLY);
    for (int i = 0; i < 200; i++) /* more than one getdents64 tells */
        assert_true(dup(other) >= 0);
    int ring = gf_ring_open();
    assert_int_equal(gf_writers_ring(), 1);
    close(ring);
    assert_int_equal(gf_writers_ring(), 0);
}

static void looking_leaves_nothing_open(void **state) {
    (void)state;
    int before = dup(0);
    close(before);
    gf_writers_ring();
    gf_writers_pinned();
    assert_int_equal(dup(0), before);
}

static void a_process_that_became_another_user_still_sees_its_own(void **state) {
    (void)state;
    if (getuid() != 0)
        skip();
    gf_ring_open();
    assert_int_equal(setuid(65534), 0);
    assert_int_equal(gf_writers_ring(), 1);
    assert_int_equal(gf_writers_pinned(), 0);
}

/* ---- pins ---- */

static void nothing_is_pinned_by_a_ring_alone(void **state) {
    (void)state;
    assert_int_equal(gf_writers_pinned(), 0);
    gf_ring_open();
    assert_int_equal(gf_writers_pinned(), 0);
}

static void a_registered_buffer_is_pinned_until_it_is_not(void **state) {
    (void)state;
    int ring = gf_ring_open();
    gf_ring_pin(ring, memory, sizeof memory);
    assert_int_equal(gf_writers_pinned(), 1);
    gf_ring_unpin(ring);
    assert_int_equal(gf_writers_pinned(), 0);
}

static void a_row_behind_thousands_of_groups_is_found(void **state) {
    enum { GROUPS = 3000 };
    gid_t groups[GROUPS];
    (void)state;
    /* each number of groups moves the row by some bytes over the ends of what one read gives */
    for (size_t count = GROUPS - 300; count < GROUPS; count++) {
        for (size_t i = 0; i < count; i++)
            groups[i] = (gid_t)(10000 + i);
        if (setgroups(count, groups) != 0)
            skip(); /* for root alone */
        assert_int_equal(gf_writers_pinned(), 0);
    }
    int ring = gf_ring_open();
    gf_ring_pin(ring, memory, sizeof memory);
    assert_int_equal(gf_writers_pinned(), 1);
}

/* ---- what is not told ---- */

static void without_descriptors_nothing_is_known(void **state) {
    struct rlimit before;
    (void)state;
    getrlimit(RLIMIT_NOFILE, &before);
    const struct rlimit none = {0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    expect_error(gf_writers_ring, EMFILE);
    expect_error(gf_writers_pinned, EMFILE);
    setrlimit(RLIMIT_NOFILE, &before);
}

static void without_proc_nothing_is_known(void **state) {
    (void)state;
    gf_deny(SYS_openat, ENOENT);
    expect_error(gf_writers_ring, ENOENT);
    expect_error(gf_writers_pinned, ENOENT);
}

static int open_anything(void) {
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void a_list_that_cannot_be_read_says_nothing(void **state) {
    const int next = open_anything();
    (void)state;
    close(next);
    gf_deny(SYS_getdents64, EIO);
    gf_deny_value(SYS_read, 0, (uint32_t)next, EIO);
    expect_error(gf_writers_ring, EIO);
    expect_error(gf_writers_pinned, EIO);
    /* who counts coverage reads at the end what others have counted */
    assert_int_equal(open_anything(), next);
}

static void a_descriptor_that_is_not_told_about_may_be_a_ring(void **state) {
    (void)state;
    gf_deny(SYS_readlinkat, EACCES);
    expect_error(gf_writers_ring, EACCES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_descriptors_are_no_ring),
        cmocka_unit_test(a_ring_is_found_while_it_is_open),
        cmocka_unit_test(a_ring_is_found_behind_many_descriptors),
        cmocka_unit_test(looking_leaves_nothing_open),
        cmocka_unit_test(a_process_that_became_another_user_still_sees_its_own),
        cmocka_unit_test(nothing_is_pinned_by_a_ring_alone),
        cmocka_unit_test(a_registered_buffer_is_pinned_until_it_is_not),
        cmocka_unit_test(a_row_behind_thousands_of_groups_is_found),
        cmocka_unit_test(without_descriptors_nothing_is_known),
        cmocka_unit_test(without_proc_nothing_is_known),
        cmocka_unit_test(a_list_that_cannot_be_read_says_nothing),
        cmocka_unit_test(a_descriptor_that_is_not_told_about_may_be_a_ring),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
