/* The register of arenas. It lives once in a process, so every test has a process of its own. */
#include "support/child.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pages/arenas.h"

enum { KB = 1024, MB = 1024 * KB, ROOM = 4 * 65536 };

/* An address that nothing is mapped at: the register never looks. */
static char *place(size_t number) {
    return (char *)((uintptr_t)0x100000000000 + number * 256 * KB);
}

static struct gf_arena *find(const void *address) {
    struct gf_arena *arena;
    size_t position = 0;
    while ((arena = gf_arenas_next(&position)) != NULL) {
        if (gf_arena_address(arena) == address)
            return arena;
    }
    return NULL;
}

static void without_a_register_nothing_is_known(void **state) {
    (void)state;
    size_t position = 0;
    gf_arenas_add(place(0), MB);
    gf_arenas_remove(place(0));
    gf_arenas_forget();
    assert_int_equal(gf_arenas_count(), 0);
    assert_null(gf_arenas_next(&position));
}

static void opening_again_keeps_what_is_known(void **state) {
    (void)state;
    assert_true(gf_arenas_open());
    gf_arenas_add(place(0), MB);
    assert_true(gf_arenas_open());
    assert_non_null(find(place(0)));
}

static void address_and_size_come_back(void **state) {
    (void)state;
    static const size_t sizes[] = {64 * KB, 256 * KB, MB, 2 * MB, 4095 * 64 * KB};
    assert_true(gf_arenas_open());
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *address = place(1000 * i) + 4 * KB * i;
        gf_arenas_add(address, sizes[i]);
        struct gf_arena *arena = find(address);
        assert_non_null(arena);
        assert_int_equal(gf_arena_size(arena), sizes[i]);
        assert_null(arena->original);
    }
    assert_int_equal(gf_arenas_count(), sizeof sizes / sizeof *sizes);
}

static void what_is_no_arena_is_ignored(void **state) {
    (void)state;
    assert_true(gf_arenas_open());
    gf_arenas_add(place(0), 0);
    gf_arenas_add(place(0), 64 * KB - 1);
    gf_arenas_add(place(0), 68 * KB);
    gf_arenas_add(place(0), 4096 * 64 * KB);
    gf_arenas_add(place(0) + 16, MB);
    assert_int_equal(gf_arenas_count(), 0);
}

static void removing_an_unknown_one_changes_nothing(void **state) {
    (void)state;
    assert_true(gf_arenas_open());
    gf_arenas_add(place(0), MB);
    gf_arenas_remove(place(1));
    gf_arenas_remove(place(0) + 4 * KB);
    assert_int_equal(gf_arenas_count(), 1);
    assert_non_null(find(place(0)));
}

/* Against a plain table of flags: arenas come and go, so that slots are shared and used again. */
static void arenas_come_and_go_in_any_order(void **state) {
    enum { PLACES = 20000, STEPS = 400000 };
    static bool there[PLACES];
    size_t expected = 0;
    (void)state;
    assert_true(gf_arenas_open());
    srandom(1);
    for (size_t step = 0; step < STEPS; step++) {
        size_t number = (size_t)random() % PLACES;
        if (there[number])
            gf_arenas_remove(place(number));
        else
            gf_arenas_add(place(number), 256 * KB);
        expected += there[number] ? (size_t)-1 : 1;
        there[number] = !there[number];
        assert_int_equal(gf_arenas_count(), expected);
    }
    struct gf_arena *arena;
    size_t position = 0, found = 0;
    while ((arena = gf_arenas_next(&position)) != NULL) {
        size_t number = (size_t)(gf_arena_address(arena) - place(0)) / (256 * KB);
        assert_true(number < PLACES && there[number]);
        there[number] = false; /* once only */
        found++;
    }
    assert_int_equal(found, expected);
}

/* Where none has been, and where many have come and gone: a search looks at a few slots, which lie
 * in the page of the first one or in the next. All others are taken away. */
static void what_has_gone_does_not_make_searches_long(void **state) {
    enum { GONE = 3000000 };
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)state;
    assert_true(gf_arenas_open());
    gf_arenas_add(place(0), 256 * KB);
    char *slot = (char *)gf_arenas_find(place(0));
    assert_non_null(slot);
    gf_arenas_remove(place(0));
    for (size_t i = 1; i <= GONE; i++) { /* each slot is used some time */
        gf_arenas_add(place(i), 256 * KB);
        gf_arenas_remove(place(i));
    }
    assert_int_equal(gf_arenas_count(), 0);
    char *near = (char *)((uintptr_t)slot & ~(page - 1));
    char *behind = near + 2 * page;
    for (size_t i = 0; i < 8; i++)
        mprotect(behind + i * page, page, PROT_NONE);
    assert_null(gf_arenas_find(place(0)));
}

static void a_full_register_ignores_more_until_one_goes(void **state) {
    (void)state;
    assert_true(gf_arenas_open());
    for (size_t i = 0; i < ROOM + 10; i++)
        gf_arenas_add(place(i), 256 * KB);
    assert_int_equal(gf_arenas_count(), ROOM);
    gf_arenas_remove(place(7));
    gf_arenas_add(place(ROOM + 3), 256 * KB);
    assert_int_equal(gf_arenas_count(), ROOM);
    assert_non_null(find(place(ROOM + 3)));
    assert_null(find(place(ROOM + 4)));
}

/* ---- the second mapping ---- */

static char *second_mapping(void) {
    char *memory = mmap(NULL, 256 * KB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    return memory;
}

static bool is_mapped(void *memory) {
    return msync(memory, 256 * KB, MS_ASYNC) == 0 || errno != ENOMEM;
}

static void the_second_mapping_goes_with_its_arena(void **state) {
    (void)state;
    char *first = second_mapping(), *second = second_mapping();
    assert_true(gf_arenas_open());
    gf_arenas_add(place(0), 256 * KB);
    gf_arenas_add(place(1), 256 * KB);
    find(place(0))->original = first;
    find(place(1))->original = second;
    gf_arenas_remove(place(0));
    assert_false(is_mapped(first));
    assert_true(is_mapped(second));
    gf_arenas_forget();
    assert_false(is_mapped(second));
    assert_int_equal(gf_arenas_count(), 0);
}

static void an_arena_that_comes_to_a_used_slot_has_no_copy(void **state) {
    (void)state;
    assert_true(gf_arenas_open());
    gf_arenas_add(place(0), 256 * KB);
    find(place(0))->original = second_mapping();
    gf_arenas_remove(place(0));
    gf_arenas_add(place(0), 256 * KB);
    assert_null(find(place(0))->original);
}

/* A signal handler that waits may start a slice at any instruction. */
static size_t seen_while_unmapping = SIZE_MAX;

int __real_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size) {
    int result = __real_munmap(address, size);
    size_t position = 0;
    const struct gf_arena *arena = gf_arenas_next(&position);
    seen_while_unmapping = arena && arena->original ? 1 : 0;
    return result;
}

static void nobody_finds_an_arena_whose_copy_is_gone(void **state) {
    (void)state;
    assert_true(gf_arenas_open());
    gf_arenas_add(place(0), 256 * KB);
    find(place(0))->original = second_mapping();
    gf_arenas_remove(place(0));
    assert_int_equal(seen_while_unmapping, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_register_nothing_is_known),
        cmocka_unit_test(opening_again_keeps_what_is_known),
        cmocka_unit_test(address_and_size_come_back),
        cmocka_unit_test(what_is_no_arena_is_ignored),
        cmocka_unit_test(removing_an_unknown_one_changes_nothing),
        cmocka_unit_test(arenas_come_and_go_in_any_order),
        cmocka_unit_test(what_has_gone_does_not_make_searches_long),
        cmocka_unit_test(a_full_register_ignores_more_until_one_goes),
        cmocka_unit_test(the_second_mapping_goes_with_its_arena),
        cmocka_unit_test(an_arena_that_comes_to_a_used_slot_has_no_copy),
        cmocka_unit_test(nobody_finds_an_arena_whose_copy_is_gone),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
