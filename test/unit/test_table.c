#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/table.h"

bool __real_gf_memory_grow(struct gf_memory *memory, size_t size);
bool __wrap_gf_memory_grow(struct gf_memory *memory, size_t size);

static bool no_memory;

bool __wrap_gf_memory_grow(struct gf_memory *memory, size_t size) {
    return !no_memory && __real_gf_memory_grow(memory, size);
}

struct record {
    const void *key;
    size_t number;
    char more[40]; /* a size that is no power of two */
};

enum { MANY = 100000 };

/* Never 0, and as far apart as objects are. */
static const void *key(size_t number) {
    return (const void *)((number + 1) * 16);
}

static struct record *add(struct gf_table *table, size_t number) {
    bool new = false;
    struct record *record = gf_table_add(table, key(number), &new);
    assert_non_null(record);
    assert_ptr_equal(record->key, key(number));
    if (new) {
        assert_int_equal(record->number, 0);
        record->number = number + 1;
    }
    return record;
}

static void what_was_added_is_found_and_nothing_else(void **state) {
    struct gf_table table = {.record = sizeof(struct record)};
    (void)state;
    assert_null(gf_table_find(&table, key(0)));
    for (size_t i = 0; i < MANY; i += 2)
        add(&table, i);
    assert_int_equal(table.count, MANY / 2);
    for (size_t i = 0; i < MANY; i++) {
        const struct record *record = gf_table_find(&table, key(i));
        if (i % 2)
            assert_null(record);
        else
            assert_int_equal(record->number, i + 1);
    }
    gf_table_release(&table);
}

static void a_key_is_there_once(void **state) {
    struct gf_table table = {.record = sizeof(struct record)};
    bool new = true;
    (void)state;
    struct record *first = add(&table, 7);
    assert_ptr_equal(gf_table_add(&table, key(7), &new), first);
    assert_false(new);
    assert_int_equal(first->number, 8);
    assert_int_equal(table.count, 1);
    gf_table_release(&table);
}

static void records_may_be_keys_alone(void **state) {
    struct gf_table table = {.record = sizeof(void *)};
    bool new = false;
    (void)state;
    for (size_t i = 0; i < MANY; i++)
        assert_non_null(gf_table_add(&table, key(i), &new));
    for (size_t i = 0; i < MANY; i++)
        assert_non_null(gf_table_find(&table, key(i)));
    gf_table_release(&table);
}

static void at_most_half_is_in_use(void **state) {
    struct gf_table table = {.record = sizeof(struct record)};
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        add(&table, i);
        assert_true(2 * table.count <= table.capacity);
        assert_true(table.capacity * table.record <= table.memory.size);
    }
    gf_table_release(&table);
}

static void a_released_one_is_empty_and_may_be_used_again(void **state) {
    struct gf_table table = {.record = sizeof(struct record)};
    (void)state;
    gf_table_release(&table);
    add(&table, 1);
    gf_table_release(&table);
    assert_null(gf_table_find(&table, key(1)));
    assert_int_equal(table.count, 0);
    add(&table, 1);
    gf_table_release(&table);
}

static void without_memory_nothing_is_lost(void **state) {
    struct gf_table table = {.record = sizeof(struct record)};
    size_t number = 0;
    bool new = false;
    (void)state;
    no_memory = true;
    assert_null(gf_table_add(&table, key(0), &new));
    no_memory = false;
    add(&table, number++);
    no_memory = true;
    while (gf_table_add(&table, key(number), &new))
        number++;
    no_memory = false;
    assert_int_equal(table.count, number);
    assert_null(gf_table_find(&table, key(number)));
    while (number-- > 0)
        assert_non_null(gf_table_find(&table, key(number)));
    gf_table_release(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_and_nothing_else),
        cmocka_unit_test(a_key_is_there_once),
        cmocka_unit_test(records_may_be_keys_alone),
        cmocka_unit_test(at_most_half_is_in_use),
        cmocka_unit_test(a_released_one_is_empty_and_may_be_used_again),
        cmocka_unit_test(without_memory_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
