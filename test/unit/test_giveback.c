/* Giving back: copies that are equal go, others stay, and every byte reads as before. */
#include "support/child.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pages/arenas.h"
#include "pages/giveback.h"
#include "support/arena.h"
#include "support/deny.h"
#include "support/ring.h"

typedef bool (*give_function)(struct gf_pass *pass, int64_t until_us, enum gcfreeze_reason *ret);

static const give_function ways[] = {gf_giveback_alone, gf_giveback_shared};
enum { WAYS = 2 };

static void give_all(give_function give, size_t given, size_t kept) {
    struct gf_pass pass = {0};
    enum gcfreeze_reason reason = GCFREEZE_REASON_RACED;
    assert_true(give(&pass, INT64_MAX, &reason));
    assert_int_equal(reason, GCFREEZE_REASON_NONE);
    assert_int_equal(pass.given, given);
    assert_int_equal(pass.kept, kept);
}

static char *new_copied_arena(void) {
    char *arena = gf_arena_new();
    gf_arena_snapshot();
    return arena;
}

static void without_arenas_a_pass_is_over_at_once(void **state) {
    (void)state;
    for (int way = 0; way < WAYS; way++)
        give_all(ways[way], 0, 0);
}

static void pages_that_were_only_read_are_no_business_of_a_pass(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    assert_true(gf_arena_is_as_new(arena));
    for (int way = 0; way < WAYS; way++)
        give_all(ways[way], 0, 0);
}

static void equal_pages_go_and_different_ones_stay(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    for (int way = 0; way < WAYS; way++) {
        gf_arena_touch_all(arena);
        for (size_t page = 0; page < GF_ARENA_PAGES; page += 5)
            gf_arena_change(arena, page);
        assert_int_equal(gf_arena_copies(arena), GF_ARENA_PAGES);
        give_all(ways[way], GF_ARENA_PAGES - 13, 13);
        for (size_t page = 0; page < GF_ARENA_PAGES; page++) {
            assert_int_equal(gf_arena_page_is_copy(arena, page), page % 5 == 0);
            assert_int_equal(gf_arena_page_is_as_new(arena, page), page % 5 != 0);
            assert_int_equal(arena[page * gf_page_size() + 200] == 0, page % 5 == 0);
        }
        give_all(ways[way], 0, 13);
    }
}

static void a_page_that_changed_back_goes(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    for (int way = 0; way < WAYS; way++) {
        char before = arena[3 * gf_page_size() + 200];
        gf_arena_change(arena, 3);
        give_all(ways[way], 0, 1);
        arena[3 * gf_page_size() + 200] = before;
        give_all(ways[way], 1, 0);
        assert_int_equal(gf_arena_copies(arena), 0);
        assert_true(gf_arena_is_as_new(arena));
    }
}

static void pages_between_copies_go_with_them_and_count_for_nothing(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    for (int way = 0; way < WAYS; way++) {
        const char before = arena[20 * gf_page_size() + 200];
        assert_true(gf_arena_is_as_new(arena)); /* all pages are there */
        for (size_t page = 1; page < GF_ARENA_PAGES; page += 3)
            gf_arena_touch(arena, page);
        gf_arena_change(arena, 20); /* it was no copy, and 19 and 22 are */
        give_all(ways[way], GF_ARENA_PAGES / 3, 1);
        assert_int_equal(gf_arena_copies(arena), 1);
        arena[20 * gf_page_size() + 200] = before;
        give_all(ways[way], 1, 0);
    }
}

static void the_first_and_the_last_byte_of_a_page_count(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    arena[0] ^= 1;
    arena[gf_arena_bytes() - 1] ^= 1;
    arena[2 * gf_page_size() - 1] ^= 1;
    for (int way = 0; way < WAYS; way++)
        give_all(ways[way], 0, 3);
}

static void every_arena_is_looked_at_and_new_ones_are_not(void **state) {
    (void)state;
    char *first = new_copied_arena(), *second = new_copied_arena(), *new = gf_arena_new();
    for (int way = 0; way < WAYS; way++) {
        gf_arena_touch_all(first);
        gf_arena_touch_all(second);
        gf_arena_touch_all(new);
        give_all(ways[way], 2 * GF_ARENA_PAGES, 0);
        assert_true(gf_arena_is_as_new(first) && gf_arena_is_as_new(second));
        assert_true(gf_arena_is_as_new(new));
    }
}

static void any_page_of_a_run_may_be_the_one_that_differs(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    for (size_t page = 0; page < GF_ARENA_PAGES; page++) {
        char *byte = &arena[page * gf_page_size() + 200];
        const char before = *byte;
        gf_arena_touch_all(arena);
        gf_arena_change(arena, page);
        give_all(gf_giveback_alone, GF_ARENA_PAGES - 1, 1);
        assert_int_equal(*byte, 0);
        *byte = before;
    }
}

/* ---- slices ---- */

static void slices_come_to_the_same_as_one_pass(void **state) {
    (void)state;
    char *arenas[] = {new_copied_arena(), new_copied_arena(), new_copied_arena()};
    for (int way = 0; way < WAYS; way++) {
        struct gf_pass pass = {0};
        enum gcfreeze_reason reason = GCFREEZE_REASON_NONE;
        size_t slices = 1;
        for (size_t i = 0; i < 3; i++) {
            for (size_t page = 0; page < GF_ARENA_PAGES; page += 2)
                gf_arena_touch(arenas[i], page);
            gf_arena_change(arenas[i], 10);
        }
        for (; !ways[way](&pass, 0, &reason); slices++)
            assert_int_equal(reason, GCFREEZE_REASON_NONE);
        assert_in_range(slices, 3 * 32, 3 * 34); /* one run at least in each, as promised */
        assert_int_equal(pass.given, 3 * 31);
        assert_int_equal(pass.kept, 3);
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(gf_arena_copies(arenas[i]), 1);
    }
}

static struct gf_pass begin_in(const char *arena) {
    struct gf_pass pass = {0};
    enum gcfreeze_reason reason;
    while (!pass.arena || gf_arena_address(pass.arena) != arena)
        assert_false(gf_giveback_alone(&pass, 0, &reason));
    return pass;
}

static void touch_every_other(char *arena) {
    for (size_t page = 0; page < GF_ARENA_PAGES; page += 2)
        gf_arena_touch(arena, page);
}

static void an_arena_may_go_between_two_slices(void **state) {
    (void)state;
    char *arena = new_copied_arena(), *other = new_copied_arena();
    touch_every_other(arena);
    touch_every_other(other);
    struct gf_pass pass = begin_in(arena);
    enum gcfreeze_reason reason;
    gf_arena_free(arena);
    assert_true(gf_giveback_alone(&pass, INT64_MAX, &reason));
    assert_int_equal(gf_arena_copies(other), 0);
    assert_true(gf_arena_is_as_new(other));
}

static void an_arena_without_a_copy_may_take_its_place(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    touch_every_other(arena);
    struct gf_pass pass = begin_in(arena);
    enum gcfreeze_reason reason;
    gf_arenas_remove(arena);
    gf_arenas_add(arena, gf_arena_bytes()); /* at the same address, in the same slot */
    arena[50 * gf_page_size()] ^= 1;
    char expected = arena[50 * gf_page_size()];
    assert_true(gf_giveback_alone(&pass, INT64_MAX, &reason));
    assert_int_equal(reason, GCFREEZE_REASON_NONE);
    assert_int_equal(arena[50 * gf_page_size()], expected);
}

/* ---- what passes leave behind ---- */

static void nothing_stays_open_or_mapped(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    size_t descriptors = gf_arena_descriptors(), mappings = gf_arena_mappings("/memfd:gcfreeze");
    assert_int_equal(mappings, 2);
    for (int way = 0; way < WAYS; way++) {
        gf_arena_touch_all(arena);
        gf_arena_change(arena, 7);
        give_all(ways[way], GF_ARENA_PAGES - 1, 1);
        assert_int_equal(gf_arena_descriptors(), descriptors);
        assert_int_equal(gf_arena_mappings("/memfd:gcfreeze"), mappings);
    }
}

/* ---- what may keep a pass from its work ---- */

static void expect_to_end_with(give_function give, enum gcfreeze_reason expected) {
    struct gf_pass pass = {0};
    enum gcfreeze_reason reason = GCFREEZE_REASON_NONE;
    assert_true(give(&pass, INT64_MAX, &reason));
    assert_string_equal(gcfreeze_reason_name((int32_t)reason),
                        gcfreeze_reason_name((int32_t)expected));
    assert_int_equal(pass.given, 0);
}

static void locked_memory_is_left_alone(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    if (syscall(SYS_mlock, arena, gf_arena_bytes()) != 0) /* a sanitizer's mlock does nothing */
        skip();                                           /* RLIMIT_MEMLOCK */
    gf_arena_change(arena, 3);
    expect_to_end_with(gf_giveback_alone, GCFREEZE_REASON_LOCKED_MEMORY);
    assert_int_equal(arena[3 * gf_page_size() + 200], 0);
    assert_true(gf_arena_page_is_as_new(arena, 4));
}

static void memory_that_may_be_locked_is_not_moved(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    gf_deny_value(SYS_madvise, 2, 20, EPERM); /* MADV_COLD */
    expect_to_end_with(gf_giveback_shared, GCFREEZE_REASON_LOCKED_MEMORY);
    give_all(gf_giveback_alone, GF_ARENA_PAGES, 0);
}

static void without_descriptors_nothing_is_given_back(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    const struct rlimit none = {0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    expect_to_end_with(gf_giveback_alone, GCFREEZE_REASON_NO_DESCRIPTOR);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_true(gf_arena_is_as_new(arena));
}

static void without_proc_nothing_is_given_back(void **state) {
    (void)state;
    gf_arena_touch_all(new_copied_arena());
    gf_deny(SYS_openat, ENOENT);
    expect_to_end_with(gf_giveback_alone, GCFREEZE_REASON_NO_PROC);
}

static void a_kernel_that_does_not_tell_is_not_guessed_about(void **state) {
    (void)state;
    gf_arena_touch_all(new_copied_arena());
    gf_deny(SYS_ioctl, ENOTTY);
    gf_deny(SYS_pread64, EIO);
    expect_to_end_with(gf_giveback_alone, GCFREEZE_REASON_NO_PROC);
}

static void pages_are_found_without_a_scan(void **state) {
    gf_deny(SYS_ioctl, ENOTTY);
    equal_pages_go_and_different_ones_stay(state);
}

static void slices_are_made_without_a_scan(void **state) {
    (void)state;
    gf_deny(SYS_ioctl, ENOTTY);
    slices_come_to_the_same_as_one_pass(state);
}

/* ---- other writers ---- */

enum { MOVE = 4 }; /* MREMAP_DONTUNMAP */

static void pinned_memory_is_left_alone_as_long_as_it_is_pinned(void **state) {
    static char elsewhere[512];
    (void)state;
    char *arena = new_copied_arena();
    int ring = gf_ring_open();
    gf_arena_touch_all(arena);
    gf_ring_pin(ring, elsewhere, sizeof elsewhere);
    for (int way = 0; way < WAYS; way++)
        expect_to_end_with(ways[way], GCFREEZE_REASON_PINNED_MEMORY);
    assert_int_equal(gf_arena_copies(arena), GF_ARENA_PAGES);
    gf_ring_unpin(ring);
    give_all(gf_giveback_alone, GF_ARENA_PAGES, 0);
}

static void a_ring_does_not_keep_a_pass_from_its_work(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    gf_ring_open();
    for (int way = 0; way < WAYS; way++) {
        gf_arena_touch_all(arena);
        give_all(ways[way], GF_ARENA_PAGES, 0);
        assert_true(gf_arena_is_as_new(arena));
    }
}

/* What keeps memory from being moved, and how that is called. */
static const struct {
    int error;
    enum gcfreeze_reason reason;
} unmovable[] = {{EINVAL, GCFREEZE_REASON_OLD_KERNEL}, {ENOMEM, GCFREEZE_REASON_NO_ROOM}};

static void without_a_ring_pages_need_not_be_moved(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    for (size_t i = 0; i < sizeof unmovable / sizeof *unmovable; i++) {
        gf_deny_bits(SYS_mremap, 3, MOVE, unmovable[i].error);
        gf_arena_touch_all(arena);
        give_all(gf_giveback_alone, GF_ARENA_PAGES, 0);
        assert_int_equal(gf_arena_copies(arena), 0);
        assert_true(gf_arena_is_as_new(arena));
    }
}

static void beside_a_ring_they_must_be_moved(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    int ring = gf_ring_open();
    gf_arena_touch_all(arena);
    for (size_t i = 0; i < sizeof unmovable / sizeof *unmovable; i++) {
        gf_deny_bits(SYS_mremap, 3, MOVE, unmovable[i].error);
        expect_to_end_with(gf_giveback_alone, unmovable[i].reason);
    }
    close(ring);
    give_all(gf_giveback_alone, GF_ARENA_PAGES, 0);
}

static void a_process_whose_descriptors_are_not_told_may_have_a_ring(void **state) {
    (void)state;
    gf_arena_touch_all(new_copied_arena());
    gf_deny_bits(SYS_mremap, 3, MOVE, EINVAL);
    gf_deny(SYS_readlinkat, EACCES);
    expect_to_end_with(gf_giveback_alone, GCFREEZE_REASON_OLD_KERNEL);
}

/* ---- beside threads ---- */

static void older_kernels_cannot_move(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    gf_deny_bits(SYS_mremap, 3, MOVE, EINVAL);
    expect_to_end_with(gf_giveback_shared, GCFREEZE_REASON_OLD_KERNEL);
    assert_true(gf_arena_is_as_new(arena));
}

static void without_addresses_nothing_is_moved(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    gf_deny_bits(SYS_mremap, 3, MOVE, ENOMEM);
    expect_to_end_with(gf_giveback_shared, GCFREEZE_REASON_NO_ROOM);
    assert_true(gf_arena_is_as_new(arena));
}

/* What another thread or an io_uring writes between the comparison and the move, and after the
 * move. */
static char *early, *late;

/* What happens meanwhile. */
static void (*at_move)(void);

void *__real_mremap(void *old, size_t old_size, size_t size, int flags, ...);
void *__wrap_mremap(void *old, size_t old_size, size_t size, int flags, ...);
void *__wrap_mremap(void *old, size_t old_size, size_t size, int flags, ...) {
    va_list more;
    va_start(more, flags);
    void *address = va_arg(more, void *);
    va_end(more);
    bool moves = (flags & MOVE) != 0;
    if (moves && early)
        *early = 'e';
    if (moves && at_move)
        at_move();
    void *result = __real_mremap(old, old_size, size, flags, address);
    if (moves && late)
        *late = 'l';
    return result;
}

static void allow_descriptors(rlim_t most) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = most;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void allow_no_descriptors(void) {
    allow_descriptors(0);
}

static void what_the_kernel_does_not_tell_in_the_end_was_not_regained(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    gf_deny_pagemap();
    at_move = allow_no_descriptors;
    give_all(gf_giveback_alone, 0, 0);
    allow_descriptors(64); /* a sanitizer wants some at the end */
}

static void what_is_written_before_the_move_is_put_back(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    early = &arena[9 * gf_page_size() + 77];
    expect_to_end_with(gf_giveback_shared, GCFREEZE_REASON_RACED);
    assert_int_equal(*early, 'e');
    assert_false(gf_arena_page_is_as_new(arena, 9));
    for (size_t page = 0; page < GF_ARENA_PAGES; page++)
        assert_true(page == 9 || gf_arena_page_is_as_new(arena, page));
    assert_int_equal(gf_arena_mappings("/memfd:gcfreeze"), 2);
}

static void alone_too_and_the_pass_goes_on(void **state) {
    struct gf_pass pass = {0};
    enum gcfreeze_reason reason;
    (void)state;
    char *arena = new_copied_arena(), *next = new_copied_arena();
    gf_arena_touch_all(arena);
    gf_arena_touch(next, 5);
    early = &arena[9 * gf_page_size() + 77];
    assert_true(gf_giveback_alone(&pass, INT64_MAX, &reason));
    assert_int_equal(reason, GCFREEZE_REASON_NONE);
    assert_int_equal(*early, 'e');
    for (size_t page = 0; page < GF_ARENA_PAGES; page++)
        assert_true(page == 9 || gf_arena_page_is_as_new(arena, page));
    assert_int_equal(gf_arena_copies(next), 0);
    assert_int_equal(gf_arena_mappings("/memfd:gcfreeze"), 4);
}

static void what_is_written_after_the_move_stays(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    for (int way = 0; way < WAYS; way++) {
        gf_arena_touch_all(arena);
        late = &arena[9 * gf_page_size() + 77];
        const char before = *late;
        give_all(ways[way], GF_ARENA_PAGES, 0);
        assert_int_equal(*late, 'l');
        assert_int_equal(gf_arena_copies(arena), 1);
        *late = before;
    }
}

static void a_page_between_copies_may_be_written_to_as_well(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    assert_true(gf_arena_is_as_new(arena));
    gf_arena_touch(arena, 8);
    gf_arena_touch(arena, 11);
    early = &arena[9 * gf_page_size() + 77];
    give_all(gf_giveback_alone, 0, 2);
    assert_int_equal(*early, 'e');
    for (size_t page = 0; page < GF_ARENA_PAGES; page++)
        assert_true(page == 9 || gf_arena_page_is_as_new(arena, page));
}

static void the_later_of_two_writes_to_a_byte_stays(void **state) {
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    early = late = &arena[9 * gf_page_size() + 77];
    expect_to_end_with(gf_giveback_shared, GCFREEZE_REASON_RACED);
    assert_int_equal(*late, 'l');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_arenas_a_pass_is_over_at_once),
        cmocka_unit_test(pages_that_were_only_read_are_no_business_of_a_pass),
        cmocka_unit_test(equal_pages_go_and_different_ones_stay),
        cmocka_unit_test(a_page_that_changed_back_goes),
        cmocka_unit_test(pages_between_copies_go_with_them_and_count_for_nothing),
        cmocka_unit_test(the_first_and_the_last_byte_of_a_page_count),
        cmocka_unit_test(any_page_of_a_run_may_be_the_one_that_differs),
        cmocka_unit_test(every_arena_is_looked_at_and_new_ones_are_not),
        cmocka_unit_test(slices_come_to_the_same_as_one_pass),
        cmocka_unit_test(an_arena_may_go_between_two_slices),
        cmocka_unit_test(an_arena_without_a_copy_may_take_its_place),
        cmocka_unit_test(nothing_stays_open_or_mapped),
        cmocka_unit_test(locked_memory_is_left_alone),
        cmocka_unit_test(memory_that_may_be_locked_is_not_moved),
        cmocka_unit_test(without_descriptors_nothing_is_given_back),
        cmocka_unit_test(without_proc_nothing_is_given_back),
        cmocka_unit_test(a_kernel_that_does_not_tell_is_not_guessed_about),
        cmocka_unit_test(pages_are_found_without_a_scan),
        cmocka_unit_test(slices_are_made_without_a_scan),
        cmocka_unit_test(pinned_memory_is_left_alone_as_long_as_it_is_pinned),
        cmocka_unit_test(a_ring_does_not_keep_a_pass_from_its_work),
        cmocka_unit_test(without_a_ring_pages_need_not_be_moved),
        cmocka_unit_test(beside_a_ring_they_must_be_moved),
        cmocka_unit_test(a_process_whose_descriptors_are_not_told_may_have_a_ring),
        cmocka_unit_test(older_kernels_cannot_move),
        cmocka_unit_test(without_addresses_nothing_is_moved),
        cmocka_unit_test(what_the_kernel_does_not_tell_in_the_end_was_not_regained),
        cmocka_unit_test(what_is_written_before_the_move_is_put_back),
        cmocka_unit_test(alone_too_and_the_pass_goes_on),
        cmocka_unit_test(what_is_written_after_the_move_stays),
        cmocka_unit_test(a_page_between_copies_may_be_written_to_as_well),
        cmocka_unit_test(the_later_of_two_writes_to_a_byte_stays),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
