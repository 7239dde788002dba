#include "support/child.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"

enum { LARGE = 64 << 20 };

static long address_space_kb(void) {
    long pages = -1;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return -1;
    if (fscanf(file, "%ld", &pages) != 1)
        pages = -1;
    fclose(file);
    return pages < 0 ? -1 : pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void limit_address_space(long more_kb) {
    struct rlimit limit = {0};
    limit.rlim_cur = limit.rlim_max = (rlim_t)(address_space_kb() + more_kb) * 1024;
    GF_CHILD_CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void fresh_bytes_are_zero_and_as_many_as_asked_for(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 4096, 65536, 65537, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct gf_memory memory = {0};
        assert_true(gf_memory_grow(&memory, sizes[i]));
        assert_in_range(memory.size, sizes[i], SIZE_MAX);
        for (size_t k = 0; k < memory.size; k++)
            assert_int_equal(((const char *)memory.data)[k], 0);
        gf_memory_release(&memory);
    }
}

static void sizes_are_powers_of_two(void **state) {
    (void)state;
    struct gf_memory memory = {0};
    for (size_t size = 1; size < 10000000; size = size * 3 + 1) {
        assert_true(gf_memory_grow(&memory, size));
        assert_int_equal(memory.size & (memory.size - 1), 0);
    }
    gf_memory_release(&memory);
}

static void growing_keeps_what_was_there_and_adds_zeros(void **state) {
    (void)state;
    struct gf_memory memory = {0};
    assert_true(gf_memory_grow(&memory, 1));
    size_t before = memory.size;
    memset(memory.data, 'x', before);
    assert_true(gf_memory_grow(&memory, 100 * before));
    for (size_t k = 0; k < 100 * before; k++)
        assert_int_equal(((const char *)memory.data)[k], k < before ? 'x' : 0);
    gf_memory_release(&memory);
}

static void enough_memory_stays_where_it_is(void **state) {
    (void)state;
    struct gf_memory memory = {0};
    assert_true(gf_memory_grow(&memory, LARGE));
    struct gf_memory before = memory;
    assert_true(gf_memory_grow(&memory, 1));
    assert_true(gf_memory_grow(&memory, LARGE));
    assert_memory_equal(&memory, &before, sizeof memory);
    gf_memory_release(&memory);
}

static void released_memory_goes_back_to_the_kernel(void **state) {
    (void)state;
    struct gf_memory memory = {0};
    long before = address_space_kb();
    assert_true(gf_memory_grow(&memory, LARGE));
    assert_in_range(address_space_kb(), before + LARGE / 1024, before + LARGE / 512);
    gf_memory_release(&memory);
    assert_null(memory.data);
    assert_int_equal(memory.size, 0);
    assert_true(address_space_kb() < before + 1024);
    gf_memory_release(&memory);
    assert_true(gf_memory_grow(&memory, 1));
    gf_memory_release(&memory);
}

/* In a child: the limit cannot be lifted again. */
static void grow_beyond_the_limit(void *unused) {
    (void)unused;
    struct gf_memory memory = {0}, empty = {0};
    GF_CHILD_CHECK(gf_memory_grow(&memory, 1));
    memset(memory.data, 'x', memory.size);
    struct gf_memory before = memory;
    limit_address_space(LARGE / 2 / 1024);
    GF_CHILD_CHECK(!gf_memory_grow(&memory, LARGE));
    GF_CHILD_CHECK(memory.data == before.data && memory.size == before.size);
    for (size_t k = 0; k < memory.size; k++)
        GF_CHILD_CHECK(((const char *)memory.data)[k] == 'x');
    GF_CHILD_CHECK(!gf_memory_grow(&empty, LARGE));
    GF_CHILD_CHECK(!empty.data && empty.size == 0);
    GF_CHILD_CHECK(gf_memory_grow(&memory, LARGE / 4));
    gf_memory_release(&memory);
}

static void without_memory_nothing_changes(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* the sanitizer has taken more address space than a limit could allow */
#endif
    char text[512];
    int status = gf_test_child(grow_beyond_the_limit, NULL, text, sizeof text);
    assert_child_succeeded(status, text);
}

static void a_size_beyond_all_addresses_is_refused(void **state) {
    (void)state;
    struct gf_memory memory = {0};
    assert_false(gf_memory_grow(&memory, SIZE_MAX));
    assert_false(gf_memory_grow(&memory, SIZE_MAX / 2));
    assert_null(memory.data);
    assert_int_equal(memory.size, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_bytes_are_zero_and_as_many_as_asked_for),
        cmocka_unit_test(sizes_are_powers_of_two),
        cmocka_unit_test(growing_keeps_what_was_there_and_adds_zeros),
        cmocka_unit_test(enough_memory_stays_where_it_is),
        cmocka_unit_test(released_memory_goes_back_to_the_kernel),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(a_size_beyond_all_addresses_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
