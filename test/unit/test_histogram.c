#include "support/child.h"

#include "histogram.h"

static struct gf_histogram histogram;

static int clear(void **state) {
    (void)state;
    histogram = (struct gf_histogram){0};
    return 0;
}

static void nothing_added_is_zero(void **state) {
    (void)state;
    assert_int_equal(gf_histogram_at(&histogram, 0.5), 0);
    assert_int_equal(gf_histogram_at(&histogram, 1), 0);
}

static void small_values_are_exact(void **state) {
    (void)state;
    for (uint64_t value = 1; value <= 100; value++)
        gf_histogram_add(&histogram, value);
    assert_int_equal(gf_histogram_at(&histogram, 0), 1);
    assert_int_equal(gf_histogram_at(&histogram, 0.5), 50);
    assert_int_equal(gf_histogram_at(&histogram, 0.99), 99);
    assert_int_equal(gf_histogram_at(&histogram, 0.991), 100);
    assert_int_equal(gf_histogram_at(&histogram, 1), 100);
}

static void every_value_is_kept_within_one_percent(void **state) {
    (void)state;
    for (uint64_t value = 1; value < UINT64_C(1) << 38; value += value / 7 + 1) {
        clear(NULL);
        gf_histogram_add(&histogram, value);
        gf_histogram_add(&histogram, UINT64_C(1) << 39); /* so that `longest` is not the answer */
        uint64_t found = gf_histogram_at(&histogram, 0.5);
        uint64_t error = found > value ? found - value : value - found;
        assert_true(error * 100 <= value);
    }
}

static void neighbours_of_a_power_of_two_keep_their_order(void **state) {
    (void)state;
    for (int bits = 1; bits < 38; bits++) {
        uint64_t last = 0;
        for (uint64_t value = (UINT64_C(1) << bits) - 1; value <= (UINT64_C(1) << bits) + 1;
             value++) {
            clear(NULL);
            gf_histogram_add(&histogram, value);
            gf_histogram_add(&histogram, UINT64_C(1) << 39);
            uint64_t found = gf_histogram_at(&histogram, 0.5);
            assert_true(found >= last);
            last = found;
        }
    }
}

static void the_longest_is_exact(void **state) {
    (void)state;
    gf_histogram_add(&histogram, 123456789);
    gf_histogram_add(&histogram, 5);
    assert_int_equal(gf_histogram_at(&histogram, 1), 123456789);
}

static void a_value_beyond_all_places_is_counted(void **state) {
    (void)state;
    gf_histogram_add(&histogram, UINT64_MAX);
    gf_histogram_add(&histogram, 1);
    assert_int_equal(histogram.total, 2);
    assert_int_equal(gf_histogram_at(&histogram, 0.5), 1);
    assert_true(gf_histogram_at(&histogram, 1) > UINT64_C(1) << 38);
}

static void merging_adds(void **state) {
    static struct gf_histogram other;
    (void)state;
    gf_histogram_add(&histogram, 10);
    gf_histogram_add(&other, 20);
    gf_histogram_add(&other, 30);
    gf_histogram_merge(&histogram, &other);
    assert_int_equal(histogram.total, 3);
    assert_int_equal(gf_histogram_at(&histogram, 0.5), 20);
    assert_int_equal(histogram.longest, 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_added_is_zero, clear),
        cmocka_unit_test_setup(small_values_are_exact, clear),
        cmocka_unit_test_setup(every_value_is_kept_within_one_percent, clear),
        cmocka_unit_test_setup(neighbours_of_a_power_of_two_keep_their_order, clear),
        cmocka_unit_test_setup(the_longest_is_exact, clear),
        cmocka_unit_test_setup(a_value_beyond_all_places_is_counted, clear),
        cmocka_unit_test_setup(merging_adds, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
