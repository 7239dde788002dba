/* When slices may be made, and how long they may be: clocks and the kernel's word are the test's.
 */
#include "support/child.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "core/pace.h"

enum { MS = 1000, SECOND = 1000 * MS, INTERVAL = 10 * SECOND, SAVED = INTERVAL / 50 };

static int64_t now_us, used_us, delay_us;
static bool told; /* by the kernel: how long this thread waited for a processor */
static int looks;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret) {
    assert_int_equal(clock, CLOCK_PROCESS_CPUTIME_ID);
    looks++;
    *ret = (struct timespec){.tv_sec = used_us / SECOND, .tv_nsec = used_us % SECOND * 1000};
    return 0;
}

bool __wrap_gf_file_read(const char *path, char *ret, size_t size);
bool __wrap_gf_file_read(const char *path, char *ret, size_t size) {
    assert_string_equal(path, "/proc/thread-self/schedstat");
    snprintf(ret, size, "%lld %lld 7\n", (long long)used_us * 1000, (long long)delay_us * 1000);
    return told;
}

static void start(void) {
    now_us = 500 * (int64_t)SECOND;
    used_us = delay_us = 0;
    told = true;
    gf_pace_start(now_us, INTERVAL);
}

/* In `us` it has used so many per cent of a processor, and waited for one so long, in per cent of
 * what it used. */
static void work(int64_t us, int percent, int waited) {
    now_us += us;
    used_us += us * percent / 100;
    delay_us += us * percent / 100 * waited / 100;
}

static void nothing_may_be_taken_at_first(void **state) {
    (void)state;
    start();
    assert_in_range(gf_pace_wait(now_us), 1, SECOND);
}

static void an_idle_process_earns_two_percent_of_the_clock(void **state) {
    (void)state;
    start();
    work(SECOND, 0, 0);
    assert_int_equal(gf_pace_wait(now_us), 0);
    assert_true(gf_pace_is_idle());
    assert_int_equal(gf_pace_slice_us(now_us), 3 * MS);
    gf_pace_spent(20 * MS, 1000, false); /* nobody uses the pages again: they cost nothing more */
    const int64_t wait = gf_pace_wait(now_us);
    assert_in_range(wait, 1, 100);
    now_us += wait;
    assert_int_equal(gf_pace_wait(now_us), 0);
}

static void no_more_is_saved_than_an_interval_gives(void **state) {
    (void)state;
    start();
    work(100 * (int64_t)INTERVAL, 0, 0);
    assert_int_equal(gf_pace_wait(now_us), 0);
    gf_pace_spent(SAVED, 0, false);
    assert_true(gf_pace_wait(now_us) > 0);
}

static void a_calm_one_earns_as_much_and_pays_for_pages(void **state) {
    (void)state;
    start();
    work(SECOND, 50, 24);
    assert_int_equal(gf_pace_wait(now_us), 0);
    assert_false(gf_pace_is_idle());
    assert_int_equal(gf_pace_slice_us(now_us), MS);
    gf_pace_spent(16 * MS, 1000, false); /* and 4 for the pages: all of a second's */
    const int64_t wait = gf_pace_wait(now_us);
    assert_in_range(wait, 1, 100);
    now_us += wait;
    assert_int_equal(gf_pace_wait(now_us), 0);
}

static void a_busy_one_earns_two_percent_of_its_own_time(void **state) {
    (void)state;
    start();
    work(SECOND, 50, 30);
    assert_int_equal(gf_pace_wait(now_us), 0);
    assert_int_equal(gf_pace_slice_us(now_us), MS);
    gf_pace_spent(26 * MS, 1000, false); /* and 4: a second of work is to come */
    assert_in_range(gf_pace_wait(now_us), 400 * MS, 500 * MS); /* it may become idle */
    work(1800 * MS, 50, 30);
    assert_true(gf_pace_wait(now_us) > 0);
    work(400 * MS, 50, 30);
    assert_int_equal(gf_pace_wait(now_us), 0);
}

static void who_works_is_busy_where_the_kernel_does_not_tell(void **state) {
    (void)state;
    start();
    told = false;
    work(SECOND, 50, 0);
    gf_pace_wait(now_us);
    gf_pace_spent(29 * MS, 0, false);
    assert_in_range(gf_pace_wait(now_us), 400 * MS, 500 * MS);
}

static void a_busy_one_is_seen_to_have_become_idle(void **state) {
    (void)state;
    start();
    work(SECOND, 100, 100);
    assert_int_equal(gf_pace_wait(now_us), 0);
    assert_false(gf_pace_is_idle());
    now_us += 500 * MS;
    assert_int_equal(gf_pace_slice_us(now_us), 3 * MS);
    assert_true(gf_pace_is_idle());
}

/* The processor's time that slices use is not the application's. */
static void slices_make_nobody_busy(void **state) {
    (void)state;
    start();
    work(SECOND, 0, 0);
    gf_pace_wait(now_us);
    used_us += 10 * MS;
    gf_pace_spent(10 * MS, 0, false);
    now_us += 500 * MS;
    gf_pace_wait(now_us);
    assert_true(gf_pace_is_idle());
}

static void a_slice_that_could_do_nothing_costs_a_whole_one(void **state) {
    (void)state;
    start();
    work(SECOND, 0, 0);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(gf_pace_wait(now_us), 0);
        gf_pace_spent(10, 0, true);
    }
    assert_int_equal(gf_pace_wait(now_us), 0); /* 2 of 20 ms are left */
    gf_pace_spent(10, 0, true);
    assert_true(gf_pace_wait(now_us) > 0);
}

static void the_kernel_is_asked_only_where_its_answer_can_have_changed(void **state) {
    (void)state;
    start();
    const int64_t wait = gf_pace_wait(now_us);
    const int before = looks;
    assert_int_equal(gf_pace_wait(now_us + wait - 1), 1);
    assert_int_equal(looks, before);
    gf_pace_wait(now_us + wait);
    assert_true(looks > before);
}

static void a_slice_is_overdue_when_it_was_allowed_for_long(void **state) {
    (void)state;
    start();
    assert_true(gf_pace_wait(now_us) > 0);
    now_us += 10 * (int64_t)SECOND;
    assert_false(gf_pace_is_overdue(now_us)); /* nobody has looked */
    assert_int_equal(gf_pace_wait(now_us), 0);
    assert_false(gf_pace_is_overdue(now_us + 100 * MS - 1));
    assert_true(gf_pace_is_overdue(now_us + 100 * MS));
    gf_pace_spent(MS, 0, false);
    assert_false(gf_pace_is_overdue(now_us + 100 * MS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_may_be_taken_at_first),
        cmocka_unit_test(an_idle_process_earns_two_percent_of_the_clock),
        cmocka_unit_test(no_more_is_saved_than_an_interval_gives),
        cmocka_unit_test(a_calm_one_earns_as_much_and_pays_for_pages),
        cmocka_unit_test(a_busy_one_earns_two_percent_of_its_own_time),
        cmocka_unit_test(who_works_is_busy_where_the_kernel_does_not_tell),
        cmocka_unit_test(a_busy_one_is_seen_to_have_become_idle),
        cmocka_unit_test(slices_make_nobody_busy),
        cmocka_unit_test(a_slice_that_could_do_nothing_costs_a_whole_one),
        cmocka_unit_test(the_kernel_is_asked_only_where_its_answer_can_have_changed),
        cmocka_unit_test(a_slice_is_overdue_when_it_was_allowed_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
