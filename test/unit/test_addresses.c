#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/addresses.h"

bool __real_gf_memory_grow(struct gf_memory *memory, size_t size);
bool __wrap_gf_memory_grow(struct gf_memory *memory, size_t size);

static bool no_memory;

bool __wrap_gf_memory_grow(struct gf_memory *memory, size_t size) {
    return !no_memory && __real_gf_memory_grow(memory, size);
}

enum { MIB = 1 << 20 };

static const void *at(uintptr_t number) {
    return (const void *)number;
}

static bool add(struct gf_addresses *addresses, uintptr_t number) {
    bool new = false;
    assert_true(gf_addresses_add(addresses, at(number), &new));
    assert_true(gf_addresses_have(addresses, at(number)));
    return new;
}

static void what_was_added_is_there_and_nothing_else(void **state) {
    (void)state;
    struct gf_addresses addresses = {0};
    assert_false(gf_addresses_have(&addresses, at(16)));
    for (uintptr_t number = MIB; number < 3 * MIB; number += 32)
        assert_true(add(&addresses, number));
    for (uintptr_t number = MIB; number < 3 * MIB; number += 32) {
        assert_false(add(&addresses, number));
        assert_false(gf_addresses_have(&addresses, at(number + 16)));
    }
    assert_false(gf_addresses_have(&addresses, at(3 * MIB)));
    gf_addresses_release(&addresses);
    assert_false(gf_addresses_have(&addresses, at(MIB)));
    gf_addresses_release(&addresses);
}

/* Parts move when there are more of them. */
static void addresses_far_apart_stay(void **state) {
    (void)state;
    enum { MANY = 1000 };
    struct gf_addresses addresses = {0};
    for (uintptr_t i = 0; i < MANY; i++)
        assert_true(add(&addresses, UINT64_C(0x7f0000000000) + i * 5 * MIB + i * 16));
    for (uintptr_t i = 0; i < MANY; i++) {
        assert_false(add(&addresses, UINT64_C(0x7f0000000000) + i * 5 * MIB + i * 16));
        assert_false(gf_addresses_have(&addresses, at(i * 5 * MIB + i * 16)));
    }
    gf_addresses_release(&addresses);
}

/* Static objects begin at any multiple of 8. */
static void an_object_that_begins_between_is_one(void **state) {
    (void)state;
    struct gf_addresses addresses = {0};
    assert_true(add(&addresses, MIB + 8));
    assert_true(add(&addresses, MIB + 24));
    assert_false(add(&addresses, MIB + 8));
    gf_addresses_release(&addresses);
}

static void without_memory_nothing_changes(void **state) {
    (void)state;
    struct gf_addresses addresses = {0};
    bool new = false;
    no_memory = true;
    assert_false(gf_addresses_add(&addresses, at(MIB), &new));
    no_memory = false;
    assert_true(add(&addresses, MIB));
    no_memory = true;
    uintptr_t number = 2 * MIB;
    while (gf_addresses_add(&addresses, at(number), &new))
        number += MIB;
    assert_false(gf_addresses_have(&addresses, at(number)));
    for (uintptr_t before = MIB; before < number; before += MIB)
        assert_true(gf_addresses_have(&addresses, at(before)));
    assert_true(gf_addresses_add(&addresses, at(MIB + 16), &new)); /* there is room in this part */
    no_memory = false;
    gf_addresses_release(&addresses);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_there_and_nothing_else),
        cmocka_unit_test(addresses_far_apart_stay),
        cmocka_unit_test(an_object_that_begins_between_is_one),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
