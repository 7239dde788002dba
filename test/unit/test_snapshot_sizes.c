/* How many copies arenas have together, and how few mappings these need. */
#include "support/child.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "pages/arenas.h"
#include "pages/copy.h"
#include "pages/snapshot.h"
#include "support/arena.h"

enum { KB = 1024, MB = 1024 * KB };
static const size_t GB = (size_t)1024 * MB;

/* An eighth of vm.max_map_count's default. */
static const size_t MOST_MAPPINGS = 65530 / 8;

/* ---- a copy that is only counted ---- */

static bool count_alone;
static size_t copies, largest;

enum gcfreeze_reason __real_gf_copy_take(char *address, size_t size, const char **ret);
enum gcfreeze_reason __wrap_gf_copy_take(char *address, size_t size, const char **ret);
enum gcfreeze_reason __wrap_gf_copy_take(char *address, size_t size, const char **ret) {
    copies++;
    largest = size > largest ? size : largest;
    if (!count_alone)
        return __real_gf_copy_take(address, size, ret);
    *ret = address;
    return GCFREEZE_REASON_NONE;
}

static size_t take(void) {
    size_t bytes = 0;
    assert_int_equal(gf_snapshot_take(&bytes), GCFREEZE_REASON_NONE);
    return bytes;
}

/* Addresses alone: side by side, beginning somewhere. */
static void add_arenas(char *start, size_t size, size_t arena) {
    for (size_t offset = 0; offset < size; offset += arena)
        gf_arenas_add(start + offset, arena);
}

static char *addresses(size_t number) {
    return (char *)((uintptr_t)0x100000000000 + number * 128 * GB + (uintptr_t)5 * 64 * KB);
}

static void expect_few_mappings(size_t size, size_t arena) {
    count_alone = true;
    assert_true(gf_arenas_open());
    add_arenas(addresses(0), size, arena);
    assert_int_equal(gf_arenas_count(), size / arena);
    assert_int_equal(take(), size);
    assert_true(2 * copies <= MOST_MAPPINGS);
    assert_true(largest <= size / 512);
}

static void arenas_of_a_mebibyte_64_gib(void **state) {
    (void)state;
    expect_few_mappings(64 * GB, MB);
}

static void arenas_of_256_kib_64_gib(void **state) {
    (void)state;
    expect_few_mappings(64 * GB, 256 * KB);
}

static void a_heap_that_grows_to_64_gib(void **state) {
    (void)state;
    count_alone = true;
    assert_true(gf_arenas_open());
    size_t size = 0;
    for (size_t number = 0; size < 64 * GB; number++) {
        const size_t more = size == 0 ? GB / 4 : size / 4 / MB * MB;
        add_arenas(addresses(number), more, MB);
        size += more;
        assert_int_equal(take(), more);
    }
    assert_true(2 * copies <= MOST_MAPPINGS);
}

static void a_small_heap_has_small_copies(void **state) {
    (void)state;
    count_alone = true;
    assert_true(gf_arenas_open());
    add_arenas(addresses(0), GB, MB);
    take();
    assert_int_equal(largest, 2 * MB);
}

static void other_arenas_between_them_are_left_out(void **state) {
    (void)state;
    count_alone = true;
    assert_true(gf_arenas_open());
    add_arenas(addresses(0), 256 * KB, 256 * KB);
    add_arenas(addresses(0) + 256 * KB, 512 * KB, 512 * KB);
    add_arenas(addresses(0) + 768 * KB, 256 * KB, 256 * KB);
    assert_int_equal(take(), MB);
    assert_int_equal(copies, 3);
}

/* ---- real ones ---- */

/* Memory at a multiple of 2 MiB, each byte of which tells where it is. */
static char value(size_t offset) {
    return (char)(offset / KB * 7 + offset % 251 + 1);
}

static char *new_memory(size_t size) {
    char *memory =
        mmap(NULL, size + 2 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    memory += -(uintptr_t)memory & (2 * MB - 1);
    for (size_t i = 0; i < size; i++)
        memory[i] = value(i);
    return memory;
}

static bool is_as_new(const char *memory, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (memory[i] != value(i))
            return false;
    }
    return true;
}

static void neighbours_share_copies_and_read_as_before(void **state) {
    (void)state;
    const size_t size = (size_t)8 * MB;
    char *memory = new_memory(size);
    assert_true(gf_arenas_open());
    add_arenas(memory, size, MB);
    assert_int_equal(take(), size);
    assert_int_equal(gf_arena_mappings("/memfd:gcfreeze"), 2 * 4);
    assert_true(is_as_new(memory, size));
    for (size_t offset = 0; offset < size; offset += MB) {
        const char *original = gf_arenas_find(memory + offset)->original;
        memory[offset + 5] = 0;
        for (size_t i = 0; i < MB; i++)
            assert_int_equal(original[i], value(offset + i));
    }
}

static void a_copy_stays_until_its_last_arena_is_freed(void **state) {
    (void)state;
    char *memory = new_memory((size_t)2 * MB);
    assert_true(gf_arenas_open());
    add_arenas(memory, (size_t)2 * MB, 512 * KB);
    take();
    assert_int_equal(copies, 1);
    for (size_t left = 4; left > 0; left--) {
        assert_true(gf_arena_mappings("/memfd:gcfreeze") > 0);
        char *arena = memory + (left * 3 + 1) % 4 * 512 * KB;
        assert_non_null(gf_arenas_find(arena));
        gf_arenas_remove(arena);
        assert_int_equal(munmap(arena, 512 * KB), 0);
    }
    assert_int_equal(gf_arena_mappings("/memfd:gcfreeze"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arenas_of_a_mebibyte_64_gib),
        cmocka_unit_test(arenas_of_256_kib_64_gib),
        cmocka_unit_test(a_heap_that_grows_to_64_gib),
        cmocka_unit_test(a_small_heap_has_small_copies),
        cmocka_unit_test(other_arenas_between_them_are_left_out),
        cmocka_unit_test(neighbours_share_copies_and_read_as_before),
        cmocka_unit_test(a_copy_stays_until_its_last_arena_is_freed),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
