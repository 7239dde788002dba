/* Giving back where it is done in another way: rings that come between two slices, a process that
 * may not see its own pages; and what passes leave mapped. */
#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pages/arenas.h"
#include "pages/giveback.h"
#include "support/arena.h"
#include "support/deny.h"
#include "support/ring.h"

enum { ARENAS = 16, MOVE = 4 }; /* MREMAP_DONTUNMAP */

/* All copied, and each page is there. */
static void new_copied_arenas(char *arenas[ARENAS]) {
    for (size_t i = 0; i < ARENAS; i++)
        arenas[i] = gf_arena_new();
    gf_arena_snapshot();
    for (size_t i = 0; i < ARENAS; i++)
        assert_true(gf_arena_is_as_new(arenas[i]));
}

static void expect_end(bool (*give)(struct gf_pass *, int64_t, enum gcfreeze_reason *),
                       struct gf_pass *pass, enum gcfreeze_reason expected) {
    enum gcfreeze_reason reason = GCFREEZE_REASON_RACED;
    assert_true(give(pass, INT64_MAX, &reason));
    assert_string_equal(gcfreeze_reason_name((int32_t)reason),
                        gcfreeze_reason_name((int32_t)expected));
}

/* Pages of the second mapping of an arena's copy that this process has mapped. */
static size_t originals_present(const char *arena) {
    uint64_t words[GF_ARENA_PAGES];
    size_t present = 0;
    const uintptr_t original = (uintptr_t)gf_arenas_find(arena)->original;
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    off_t offset = (off_t)(original / gf_page_size() * sizeof *words);
    assert_int_equal(pread(pagemap, words, sizeof words, offset), sizeof words);
    close(pagemap);
    for (size_t page = 0; page < GF_ARENA_PAGES; page++)
        present += words[page] >> 63;
    return present;
}

static void no_page_is_mapped_twice_after_a_slice(void **state) {
    (void)state;
    char *arenas[ARENAS];
    struct gf_pass pass = {0};
    enum gcfreeze_reason reason;
    new_copied_arenas(arenas);
    for (size_t i = 0; i < ARENAS; i++)
        gf_arena_touch(arenas[i], 5), gf_arena_touch(arenas[i], 40);
    assert_false(gf_giveback_alone(&pass, 0, &reason));
    for (size_t i = 0; i < ARENAS; i++)
        assert_int_equal(originals_present(arenas[i]), 0);
    expect_end(gf_giveback_alone, &pass, GCFREEZE_REASON_NONE);
    assert_int_equal(pass.given, 2 * ARENAS);
    for (size_t i = 0; i < ARENAS; i++)
        assert_int_equal(originals_present(arenas[i]), 0);
}

static void a_ring_may_come_between_two_slices(void **state) {
    (void)state;
    char *arenas[ARENAS];
    struct gf_pass pass = {0};
    enum gcfreeze_reason reason;
    new_copied_arenas(arenas);
    for (size_t i = 0; i < ARENAS; i++)
        gf_arena_touch_all(arenas[i]);
    gf_deny_bits(SYS_mremap, 3, MOVE, EINVAL);
    assert_false(gf_giveback_alone(&pass, 0, &reason));
    assert_int_equal(pass.given, GF_ARENA_PAGES);
    gf_ring_open();
    expect_end(gf_giveback_alone, &pass, GCFREEZE_REASON_OLD_KERNEL);
    assert_int_equal(pass.given, GF_ARENA_PAGES);
}

/* ---- where the pagemap is closed ---- */

static void what_is_regained_blindly_is_counted_by_what_the_process_has(void **state) {
    (void)state;
    char *arenas[ARENAS];
    struct gf_pass pass = {0};
    new_copied_arenas(arenas);
    for (size_t i = 0; i < ARENAS; i++) {
        for (size_t page = 0; page < GF_ARENA_PAGES / 2; page++)
            gf_arena_touch(arenas[i], page);
    }
    gf_arena_change(arenas[3], 7);
    gf_deny_pagemap();
    expect_end(gf_giveback_alone, &pass, GCFREEZE_REASON_NONE);
    /* of 64 pages of an arena 32 are copies; the kernel counts some of them later */
    assert_in_range(pass.given, ARENAS * GF_ARENA_PAGES / 4, ARENAS * GF_ARENA_PAGES * 3 / 4);
    assert_int_equal(pass.kept, 1);
    for (size_t i = 0; i < ARENAS; i++) {
        for (size_t page = 0; page < GF_ARENA_PAGES; page++)
            assert_int_equal(gf_arena_page_is_as_new(arenas[i], page), i != 3 || page != 7);
    }
    uint64_t given = pass.given;
    pass = (struct gf_pass){0};
    expect_end(gf_giveback_alone, &pass, GCFREEZE_REASON_NONE);
    assert_true(pass.given < given / 2); /* there was nothing left */
    assert_int_equal(pass.kept, 1);
}

static void beside_threads_nothing_is_moved_blindly(void **state) {
    (void)state;
    char *arenas[ARENAS];
    struct gf_pass pass = {0};
    new_copied_arenas(arenas);
    gf_arena_touch_all(arenas[0]);
    gf_deny_pagemap();
    expect_end(gf_giveback_shared, &pass, GCFREEZE_REASON_NO_PROC);
    assert_int_equal(pass.given + pass.kept, 0);
}

static void blind_slices_come_to_the_same(void **state) {
    (void)state;
    char *arenas[ARENAS];
    struct gf_pass pass = {0};
    enum gcfreeze_reason reason;
    size_t slices = 1;
    new_copied_arenas(arenas);
    for (size_t i = 0; i < ARENAS; i++)
        gf_arena_change(arenas[i], 63);
    gf_deny_pagemap();
    for (; !gf_giveback_alone(&pass, 0, &reason); slices++)
        assert_int_equal(reason, GCFREEZE_REASON_NONE);
    assert_in_range(slices, ARENAS, ARENAS + 1);
    assert_int_equal(pass.kept, ARENAS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_page_is_mapped_twice_after_a_slice),
        cmocka_unit_test(a_ring_may_come_between_two_slices),
        cmocka_unit_test(what_is_regained_blindly_is_counted_by_what_the_process_has),
        cmocka_unit_test(beside_threads_nothing_is_moved_blindly),
        cmocka_unit_test(blind_slices_come_to_the_same),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
