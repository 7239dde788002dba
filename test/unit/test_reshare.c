/* When arenas are copied and when passes are made: the clock and the count of page faults are the
 * test's own. */
#include "support/child.h"

#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/reshare.h"
#include "support/arena.h"
#include "support/companion.h"
#include "support/fake.h"

enum { SECOND = 1000000, INTERVAL = 10 * SECOND, SLICE = 3000, IDLE = 500000 };

/* 8 MiB, in pages */
static long much(void) {
    return (8L << 20) / (long)gf_page_size();
}

/* ---- the clock, and page faults ---- */

static int64_t now_us = 1000 * (int64_t)SECOND;
static int64_t used_us; /* by the process, of the processor */
static int64_t tick_us; /* how long everything takes: the clock goes on at each look */
static long faults;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret) {
    if (clock == CLOCK_PROCESS_CPUTIME_ID) {
        *ret = (struct timespec){.tv_sec = used_us / SECOND, .tv_nsec = used_us % SECOND * 1000};
        return 0;
    }
    if (clock != CLOCK_MONOTONIC)
        return __real_clock_gettime(clock, ret);
    now_us += tick_us;
    *ret = (struct timespec){.tv_sec = now_us / SECOND, .tv_nsec = now_us % SECOND * 1000};
    return 0;
}

int __wrap_getrusage(int who, struct rusage *ret);
int __wrap_getrusage(int who, struct rusage *ret) {
    (void)who;
    *ret = (struct rusage){.ru_minflt = faults};
    return 0;
}

/* ---- a process with an arena that is copied ---- */

static char *arena;

static void start(void) {
    static char *environment[] = {"GCFREEZE_RESHARE=on", NULL};
    gf_fake_start(environment);
    gf_engine_startup();
    gf_fake.arenas = true;
    arena = gf_arena_new();
    struct gf_event event = {0};
    gf_reshare_prepare(&event);
    assert_int_equal(event.snapshot, GCFREEZE_REASON_NONE);
    assert_int_equal(event.snapshot_bytes, gf_arena_bytes());
    gf_reshare_child();
    assert_int_equal(gf_reshare_plan(-1, true), -1); /* the first wait begins the interval */
}

/* A busy second. */
static void make_it_worthwhile(void) {
    used_us += SECOND;
    faults += much();
}

/* A slice; the clock goes on by `tick` at each look at it: one a run. */
static void slice(int64_t left_us, int64_t tick) {
    tick_us = tick;
    gf_reshare_slice(left_us, GF_CUT_ALONE);
    tick_us = 0;
}

/* One whole pass now. */
static void pass(void) {
    make_it_worthwhile();
    now_us += 20 * (int64_t)INTERVAL; /* the rarest */
    uint64_t before = gf_fake_status().passes;
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    slice(-1, 0);
    assert_int_equal(gf_fake_status().passes, before + 1);
}

/* ---- copies ---- */

static void switched_off_nothing_is_due(void **state) {
    (void)state;
    gf_fake_start(NULL);
    assert_false(gf_reshare_is_due(true));
    assert_false(gf_reshare_armed);
}

static void copies_are_due_with_a_freeze_and_again_if_some_are_missing(void **state) {
    static char *environment[] = {"GCFREEZE_RESHARE=on", NULL};
    struct gf_event event = {0};
    (void)state;
    gf_fake_start(environment);
    assert_true(gf_reshare_is_due(true));
    assert_false(gf_reshare_is_due(false));
    gf_reshare_prepare(&event); /* the interpreter's arenas are unknown */
    assert_int_equal(event.snapshot, GCFREEZE_REASON_NO_ARENAS);
    assert_true(event.reshared);
    assert_false(gf_reshare_armed);
    assert_true(gf_reshare_is_due(false));
    gf_fake.arenas = true;
    gf_arena_new();
    gf_reshare_prepare(&event);
    assert_int_equal(event.snapshot, GCFREEZE_REASON_NONE);
    assert_true(gf_reshare_armed);
    assert_false(gf_reshare_is_due(false));
    assert_int_equal(gf_fake_status().snapshot_bytes, gf_arena_bytes());
}

/* ---- when a pass is due ---- */

static void a_pass_is_due_an_interval_after_the_first_wait(void **state) {
    (void)state;
    start();
    make_it_worthwhile();
    assert_int_equal(gf_reshare_plan(-1, true), INTERVAL);
    now_us += INTERVAL - 1;
    assert_int_equal(gf_reshare_plan(-1, true), 1);
    assert_int_equal(gf_reshare_plan(2, true), 1);
    assert_int_equal(gf_reshare_plan(1, true), -1); /* that wait will be over */
    now_us += 1;
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    assert_int_equal(gf_reshare_plan(1, true), 0);
    assert_int_equal(gf_reshare_plan(0, true), -1); /* that is no wait */
}

static void a_pass_is_due_only_if_much_looks_regainable(void **state) {
    (void)state;
    start();
    now_us += INTERVAL;
    used_us += SECOND;
    faults = much() - 1;
    assert_int_equal(gf_reshare_plan(-1, true), -1);
    faults = much();
    assert_int_equal(gf_reshare_plan(-1, true), 0);
}

static void only_page_faults_since_the_last_pass_count(void **state) {
    (void)state;
    start();
    pass();
    now_us += 20 * (int64_t)INTERVAL;
    faults += much() - 1;
    assert_int_equal(gf_reshare_plan(-1, true), -1);
    faults += 1;
    assert_int_equal(gf_reshare_plan(-1, true), 0);
}

/* In intervals from the beginning of a pass to the next. */
static int64_t next_after_pass(void) {
    pass();
    make_it_worthwhile();
    return (gf_reshare_plan(-1, true) + INTERVAL / 2) / INTERVAL;
}

static void passes_that_regain_little_become_rare_and_stay_so(void **state) {
    static const int64_t intervals[] = {2, 4, 8, 16, 16, 16, 16};
    (void)state;
    start();
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++)
        assert_int_equal(next_after_pass(), intervals[i]);
}

static void a_pass_that_regains_much_makes_the_next_one_come_soon(void **state) {
    char *more[32];
    const size_t arenas = (size_t)much() / GF_ARENA_PAGES;
    struct gf_event event = {0};
    (void)state;
    start();
    assert_in_range(arenas, 1, sizeof more / sizeof *more);
    for (size_t i = 0; i < arenas; i++)
        more[i] = gf_arena_new();
    gf_reshare_prepare(&event);
    assert_int_equal(next_after_pass(), 2);
    assert_int_equal(next_after_pass(), 4);
    for (size_t i = 0; i < arenas; i++)
        gf_arena_touch_all(more[i]);
    assert_int_equal(next_after_pass(), 1);
    assert_int_equal(gf_fake_status().pages_given_back, much());
    assert_int_equal(next_after_pass(), 2);
}

/* ---- the budget ---- */

static void touch_every_other(void) {
    for (size_t page = 0; page < GF_ARENA_PAGES; page += 2)
        gf_arena_touch(arena, page);
}

static void start_with_a_pass_due(void) {
    start();
    touch_every_other(); /* 32 runs */
    make_it_worthwhile();
    now_us += INTERVAL;
}

static void a_slice_between_requests_ends_after_a_millisecond(void **state) {
    (void)state;
    start_with_a_pass_due();
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    slice(-1, 200); /* a look at the clock, and so a run */
    assert_in_range(gf_arena_copies(arena), 32 - 6, 32 - 4);
    assert_int_equal(gf_fake_status().passes, 0);
}

static void a_slice_in_an_idle_process_ends_after_three(void **state) {
    (void)state;
    start();
    touch_every_other();
    faults += much(); /* and no work */
    now_us += INTERVAL;
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    slice(-1, 500);
    assert_in_range(gf_arena_copies(arena), 32 - 7, 32 - 5);
}

static void a_slice_never_outlasts_its_wait(void **state) {
    (void)state;
    start_with_a_pass_due();
    assert_int_equal(gf_reshare_plan(600, true), 0);
    slice(600, 200);
    assert_in_range(gf_arena_copies(arena), 32 - 4, 32 - 2);
}

static void between_requests_two_percent_of_the_work_are_spent(void **state) {
    (void)state;
    start_with_a_pass_due(); /* after a second of work: 20 ms */
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    slice(-1, 21000);
    int64_t wait = gf_reshare_plan(-1, true); /* then it waits for idleness */
    assert_in_range(wait, IDLE - 100000, IDLE);
    assert_int_equal(gf_reshare_plan(wait, true), -1);
    now_us += wait;
    used_us += 10 * (int64_t)SECOND; /* much work */
    assert_int_equal(gf_reshare_plan(-1, true), 0);
}

static void a_busy_process_looks_for_idleness_where_its_waits_begin(void **state) {
    (void)state;
    start_with_a_pass_due();
    slice(-1, 21000); /* all that it may spend for now */
    assert_int_equal(gf_reshare_plan(SECOND, true), -1);
    assert_int_equal(gf_reshare_plan(INTERVAL, true), -1);
    assert_in_range(gf_reshare_plan(INTERVAL + 1, true), 1, IDLE); /* too long to see it after */
    now_us += SECOND;
    assert_int_equal(gf_reshare_plan(SECOND, true), 0); /* it has waited for a second */
}

static void work_in_the_meantime_puts_a_slice_off(void **state) {
    (void)state;
    start_with_a_pass_due();
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    int64_t began = now_us;
    slice(-1, 21000);
    used_us += now_us - began;
    int64_t wait = gf_reshare_plan(-1, true);
    size_t copies = gf_arena_copies(arena);
    now_us += wait;
    used_us += wait / 10;
    slice(-1, 0);
    assert_int_equal(gf_arena_copies(arena), copies);
    assert_int_equal(gf_reshare_plan(-1, false), IDLE);
    now_us += IDLE; /* and no more work */
    slice(-1, 0);
    assert_true(gf_arena_copies(arena) < copies);
}

/* Passes that find much, at a millisecond a run, and would take 13 % of the time. */
static void passes_take_two_percent_of_the_time_at_most(void **state) {
    enum { ARENAS = 64 };
    char *arenas[ARENAS];
    int64_t began;
    uint64_t passes = 0;
    struct gf_event event = {0};
    (void)state;
    start();
    for (size_t i = 0; i < ARENAS; i++)
        arenas[i] = gf_arena_new();
    gf_reshare_prepare(&event);
    for (began = now_us; now_us < began + 1200 * (int64_t)SECOND;) {
        make_it_worthwhile();
        int64_t wait = gf_reshare_plan(-1, true);
        assert_true(wait >= 0);
        now_us += wait;
        int64_t start_us = now_us;
        slice(-1, 1000);
        assert_true(now_us - start_us <= 3 * SLICE);
        if (gf_fake_status().passes == passes)
            continue;
        passes++;
        for (size_t i = 0; i < ARENAS; i++) {
            for (size_t page = 0; page < GF_ARENA_PAGES; page++) {
                if (page % 3 != 2)
                    gf_arena_touch(arenas[i], page);
            }
        }
    }
    assert_in_range(passes, 7, 33);
    int64_t spent = gf_fake_status().pass_us;
    assert_true(spent * 1000 <= 21 * (now_us - began));
    assert_true(spent * 1000 >= 15 * (now_us - began)); /* and they use it */
}

/* ---- one at a time ---- */

static size_t nested;

static void slice_again(void) {
    gf_fake.at_version = NULL; /* the status has the version, too */
    nested++;
    assert_int_equal(gf_reshare_plan(-1, true), -1);
    uint64_t passes = gf_fake_status().passes;
    slice(-1, 0);
    assert_int_equal(gf_fake_status().passes, passes);
}

static void a_slice_is_not_begun_in_a_slice(void **state) {
    (void)state;
    start();
    now_us += INTERVAL;
    make_it_worthwhile();
    gf_fake.at_version = slice_again;
    slice(-1, 0);
    assert_int_equal(nested, 1);
}

/* ---- threads, and what is told ---- */

static void passes_stop_beside_threads_and_go_on_after_them(void **state) {
    struct gf_companion companion;
    (void)state;
    start();
    touch_every_other();
    gf_companion_start(&companion);
    make_it_worthwhile();
    now_us += INTERVAL;
    assert_int_equal(gf_reshare_cut(false, true, NULL), GF_CUT_NOT);
    assert_int_equal(gf_fake_status().pass_reason, GCFREEZE_REASON_NONE); /* none was due */
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    assert_int_equal(gf_reshare_cut(true, true, NULL), GF_CUT_NOT);
    assert_int_equal(gf_fake_status().pass_reason, GCFREEZE_REASON_THREADS);
    assert_int_equal(gf_fake_status().passes, 0);
    assert_int_equal(gf_arena_copies(arena), 32);
    gf_companion_end(&companion);
    assert_int_equal(gf_reshare_cut(true, true, NULL), GF_CUT_ALONE);
    pass();
    assert_int_equal(gf_fake_status().pass_reason, GCFREEZE_REASON_NONE);
    assert_int_equal(gf_fake_status().pages_given_back, 32);
}

static void threads_that_come_in_the_middle_of_a_pass_end_it(void **state) {
    struct gf_companion companion;
    (void)state;
    start_with_a_pass_due();
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    slice(-1, 1000);
    size_t left = gf_arena_copies(arena);
    assert_in_range(left, 1, 31);
    gf_companion_start(&companion);
    slice(-1, 0);
    assert_int_equal(gf_arena_copies(arena), left);
    assert_int_equal(gf_fake_status().pass_reason, GCFREEZE_REASON_THREADS);
    assert_int_equal(gf_fake_status().passes, 1); /* it gave some back */
    assert_int_equal(gf_fake_status().pages_given_back, 32 - left);
    gf_companion_end(&companion);
}

static void a_wait_without_a_mask_is_cut_for_python_alone(void **state) {
    (void)state;
    start_with_a_pass_due();
    assert_int_equal(gf_reshare_cut(true, false, NULL), GF_CUT_ALONE_ONCE);
    gf_fake.foreign = true;
    assert_int_equal(gf_reshare_cut(true, false, NULL), GF_CUT_NOT);
    assert_int_equal(gf_reshare_cut(true, true, NULL), GF_CUT_ALONE);
}

static void a_child_starts_to_count_anew(void **state) {
    (void)state;
    start();
    gf_arena_touch_all(arena);
    gf_arena_change(arena, 3);
    pass();
    struct gcfreeze_status status = gf_fake_status();
    assert_int_equal(status.passes, 1);
    assert_int_equal(status.pages_given_back, GF_ARENA_PAGES - 1);
    assert_int_equal(status.pages_kept, 1);
    gf_reshare_child();
    assert_true(gf_reshare_armed);
    faults = much(); /* the kernel counts a child's from 0 */
    assert_int_equal(gf_reshare_plan(-1, true), INTERVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(switched_off_nothing_is_due),
        cmocka_unit_test(copies_are_due_with_a_freeze_and_again_if_some_are_missing),
        cmocka_unit_test(a_pass_is_due_an_interval_after_the_first_wait),
        cmocka_unit_test(a_pass_is_due_only_if_much_looks_regainable),
        cmocka_unit_test(only_page_faults_since_the_last_pass_count),
        cmocka_unit_test(passes_that_regain_little_become_rare_and_stay_so),
        cmocka_unit_test(a_pass_that_regains_much_makes_the_next_one_come_soon),
        cmocka_unit_test(a_slice_between_requests_ends_after_a_millisecond),
        cmocka_unit_test(a_slice_in_an_idle_process_ends_after_three),
        cmocka_unit_test(a_slice_never_outlasts_its_wait),
        cmocka_unit_test(between_requests_two_percent_of_the_work_are_spent),
        cmocka_unit_test(a_busy_process_looks_for_idleness_where_its_waits_begin),
        cmocka_unit_test(work_in_the_meantime_puts_a_slice_off),
        cmocka_unit_test(passes_take_two_percent_of_the_time_at_most),
        cmocka_unit_test(a_slice_is_not_begun_in_a_slice),
        cmocka_unit_test(passes_stop_beside_threads_and_go_on_after_them),
        cmocka_unit_test(threads_that_come_in_the_middle_of_a_pass_end_it),
        cmocka_unit_test(a_wait_without_a_mask_is_cut_for_python_alone),
        cmocka_unit_test(a_child_starts_to_count_anew),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
