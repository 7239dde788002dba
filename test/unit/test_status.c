#include "support/child.h"

#include <errno.h>
#include <string.h>

#include "gcfreeze.h"

static void the_version_is_the_projects(void **state) {
    (void)state;
    assert_string_equal(gcfreeze_version(), GF_VERSION);
}

static void the_whole_struct_is_filled(void **state) {
    struct gcfreeze_status status;
    (void)state;
    memset(&status, 0xaa, sizeof status);
    status.size = sizeof status;
    assert_int_equal(gcfreeze_status(&status), 0);
    assert_int_equal(status.size, sizeof status);
    /* no engine was started in this program */
    assert_int_equal(status.attached, 0);
    assert_string_equal(status.python, "");
    assert_int_equal(status.forks_seen, 0);
    assert_int_equal(status.last_reason, GCFREEZE_REASON_NONE);
    assert_int_equal(status.last_child, 0);
    assert_int_equal(status.last_fork_us, 0);
    assert_int_equal(status.pass_running, 0);
    assert_int_equal(status.pass_looks, 0);
    assert_int_equal(status.regainable_bytes, 0);
}

static void a_smaller_struct_is_filled_as_far_as_it_reaches(void **state) {
    struct gcfreeze_status status;
    const size_t reach = offsetof(struct gcfreeze_status, forks_frozen);
    (void)state;
    memset(&status, 0xaa, sizeof status);
    status.size = (uint32_t)reach;
    assert_int_equal(gcfreeze_status(&status), 0);
    assert_int_equal(status.size, reach);
    assert_int_equal(status.forks_seen, 0);
    for (size_t i = reach; i < sizeof status; i++)
        assert_int_equal(((unsigned char *)&status)[i], 0xaa);
}

static void the_smallest_struct_holds_size_and_attached(void **state) {
    struct gcfreeze_status status;
    (void)state;
    memset(&status, 0xaa, sizeof status);
    status.size = 8;
    assert_int_equal(gcfreeze_status(&status), 0);
    assert_int_equal(status.size, 8);
    assert_int_equal(status.attached, 0);
    assert_int_equal((unsigned char)status.python[0], 0xaa);
}

static void a_larger_struct_is_filled_up_to_what_is_known(void **state) {
    struct {
        struct gcfreeze_status known;
        unsigned char future[64];
    } status;
    (void)state;
    memset(&status, 0xaa, sizeof status);
    status.known.size = sizeof status;
    assert_int_equal(gcfreeze_status(&status.known), 0);
    assert_int_equal(status.known.size, sizeof status.known);
    for (size_t i = 0; i < sizeof status.future; i++)
        assert_int_equal(status.future[i], 0xaa);

    status.known.size = UINT32_MAX;
    assert_int_equal(gcfreeze_status(&status.known), 0);
    assert_int_equal(status.known.size, sizeof status.known);
}

static void a_struct_without_a_size_is_refused(void **state) {
    (void)state;
    for (uint32_t size = 0; size < 8; size++) {
        struct gcfreeze_status status;
        memset(&status, 0xaa, sizeof status);
        status.size = size;
        errno = 0;
        assert_int_equal(gcfreeze_status(&status), -1);
        assert_int_equal(errno, EINVAL);
        assert_int_equal(status.size, size);
        assert_int_equal((uint32_t)status.attached, 0xaaaaaaaa);
    }
    errno = 0;
    assert_int_equal(gcfreeze_status(NULL), -1);
    assert_int_equal(errno, EINVAL);
}

/* ctypes users spell this layout out. */
static void the_layout_is_what_was_published(void **state) {
    (void)state;
    assert_int_equal(GCFREEZE_REASON_ROOM, 48);
    assert_int_equal(offsetof(struct gcfreeze_status, python), 8);
    assert_int_equal(offsetof(struct gcfreeze_status, forks_seen), 40);
    assert_int_equal(offsetof(struct gcfreeze_status, skipped), 64);
    assert_int_equal(offsetof(struct gcfreeze_status, last_reason), 448);
    assert_int_equal(offsetof(struct gcfreeze_status, last_tracked), 464);
    assert_int_equal(offsetof(struct gcfreeze_status, snapshot_bytes), 496);
    assert_int_equal(offsetof(struct gcfreeze_status, warmup_done), 712);
    assert_int_equal(offsetof(struct gcfreeze_status, pass_running), 548);
    assert_int_equal(offsetof(struct gcfreeze_status, pass_looks), 744);
    assert_int_equal(sizeof(struct gcfreeze_status), 760);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_is_the_projects),
        cmocka_unit_test(the_whole_struct_is_filled),
        cmocka_unit_test(a_smaller_struct_is_filled_as_far_as_it_reaches),
        cmocka_unit_test(the_smallest_struct_holds_size_and_attached),
        cmocka_unit_test(a_larger_struct_is_filled_up_to_what_is_known),
        cmocka_unit_test(a_struct_without_a_size_is_refused),
        cmocka_unit_test(the_layout_is_what_was_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
