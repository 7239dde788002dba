/* When arenas are copied and when passes are made: the clock and the count of page faults are the
 * test's own. */
#include "support/child.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/reshare.h"
#include "process/threads.h"
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
static int64_t tick_us; /* how long everything in a slice takes: clocks go on at each look */
static int64_t ticked_us;
static long faults;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret) {
    if (clock == CLOCK_PROCESS_CPUTIME_ID) {
        const int64_t used = used_us + ticked_us;
        *ret = (struct timespec){.tv_sec = used / SECOND, .tv_nsec = used % SECOND * 1000};
        return 0;
    }
    if (clock != CLOCK_MONOTONIC)
        return __real_clock_gettime(clock, ret);
    now_us += tick_us;
    ticked_us += tick_us;
    *ret = (struct timespec){.tv_sec = now_us / SECOND, .tv_nsec = now_us % SECOND * 1000};
    return 0;
}

int __wrap_getrusage(int who, struct rusage *ret);
int __wrap_getrusage(int who, struct rusage *ret) {
    (void)who;
    *ret = (struct rusage){.ru_minflt = faults};
    return 0;
}

/* It waits for a processor as long as it has one: it is busy where it works. */
bool __real_gf_file_read(const char *path, char *ret, size_t size);
bool __wrap_gf_file_read(const char *path, char *ret, size_t size);
bool __wrap_gf_file_read(const char *path, char *ret, size_t size) {
    if (strcmp(path, "/proc/thread-self/schedstat") != 0)
        return __real_gf_file_read(path, ret, size);
    snprintf(ret, size, "0 %lld 1\n", (long long)used_us * 1000);
    return true;
}

/* ---- a process with an arena that is copied ---- */

static char *arena;

static void start_with(const char *threads) {
    char *environment[] = {"GCFREEZE_RESHARE=on", (char *)(uintptr_t)threads, NULL};
    gf_fake_start(environment);
    gf_engine_startup();
    gf_fake.arenas = true;
    arena = gf_arena_new();
    struct gf_event event = {0};
    gf_reshare_prepare(&event);
    assert_int_equal(event.snapshot, GCFREEZE_REASON_NONE);
    assert_int_equal(event.snapshot_bytes, gf_arena_bytes());
    gf_reshare_child();
    assert_int_equal(gf_reshare_plan(-1, true), INTERVAL); /* it begins with the first wait */
}

static void start(void) {
    start_with(NULL);
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
    now_us += INTERVAL;
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

static void change_all(void) {
    for (size_t page = 0; page < GF_ARENA_PAGES; page++)
        gf_arena_change(arena, page);
}

/* A pass that finds nothing different, an interval ago. */
static void start_after_a_pass(void) {
    start();
    pass();
    now_us += INTERVAL;
}

static void a_process_that_has_done_nothing_makes_no_pass(void **state) {
    (void)state;
    start_after_a_pass();
    used_us += 100; /* a wait has ended, and another begins */
    assert_int_equal(gf_reshare_plan(-1, true), -1);
    now_us += 1000 * (int64_t)INTERVAL;
    assert_int_equal(gf_reshare_plan(-1, true), -1);
    assert_int_equal(gf_fake_status().pass_running, 0);
}

static void pages_that_were_copied_since_a_pass_began_make_another_due(void **state) {
    (void)state;
    start_after_a_pass();
    faults += 127;
    assert_int_equal(gf_reshare_plan(-1, true), -1);
    assert_int_equal(gf_fake_status().regainable_bytes, 127 * gf_page_size());
    faults += 1;
    assert_int_equal(gf_reshare_plan(-1, true), 0);
}

/* Whoever makes pages equal again writes to each of them: ten in a microsecond at most. */
static void pages_that_differed_are_looked_at_again_after_work_on_as_many(void **state) {
    (void)state;
    start();
    change_all();
    pass();
    assert_int_equal(gf_fake_status().pages_kept, GF_ARENA_PAGES);
    now_us += INTERVAL;
    faults += 128 - GF_ARENA_PAGES;
    used_us += 200 + GF_ARENA_PAGES / 10;
    assert_int_equal(gf_reshare_plan(-1, true), 15 * INTERVAL);
    used_us += 1;
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    faults -= 1; /* with fewer pages it can wait, whatever was done */
    assert_int_equal(gf_reshare_plan(-1, true), 15 * INTERVAL);
}

static void little_work_makes_one_due_after_a_while(void **state) {
    (void)state;
    start();
    change_all();
    pass();
    used_us += 201;
    now_us += 16 * (int64_t)INTERVAL - 1;
    assert_int_equal(gf_reshare_plan(-1, true), 1);
    now_us += 1;
    assert_int_equal(gf_reshare_plan(-1, true), 0);
}

/* What a request has copied behind the pass counts, whenever the pass ends. */
static void what_is_copied_during_a_pass_makes_another_due(void **state) {
    (void)state;
    start();
    gf_arena_touch_all(arena);
    gf_arena_change(arena, 2);
    make_it_worthwhile();
    now_us += INTERVAL;
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    slice(-1, 2000);
    assert_int_equal(gf_fake_status().pass_running, 1);
    make_it_worthwhile();
    now_us += SECOND;
    slice(-1, 0);
    assert_int_equal(gf_fake_status().pass_running, 0);
    now_us += INTERVAL;
    assert_int_equal(gf_reshare_plan(-1, true), 0);
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

/* What it may have left behind is unknown. */
static void work_after_a_pass_that_ended_early_makes_another_due(void **state) {
    struct gf_companion companion;
    (void)state;
    start_with_a_pass_due();
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    gf_companion_start(&companion);
    slice(-1, 0);
    gf_companion_end(&companion);
    now_us += INTERVAL;
    assert_int_equal(gf_reshare_plan(-1, true), -1);
    used_us += 201;
    assert_int_equal(gf_reshare_plan(-1, true), 0);
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
    slice(-1, 40000);
    int64_t wait = gf_reshare_plan(-1, true); /* then it waits for idleness */
    assert_in_range(wait, IDLE - 200000, IDLE);
    assert_int_equal(gf_reshare_plan(wait, true), -1);
    now_us += wait;
    used_us += 10 * (int64_t)SECOND; /* much work */
    assert_int_equal(gf_reshare_plan(-1, true), 0);
}

static void a_busy_process_looks_for_idleness_where_its_waits_begin(void **state) {
    (void)state;
    start_with_a_pass_due();
    slice(-1, 40000); /* all that it may spend for now */
    assert_int_equal(gf_reshare_plan(IDLE, true), -1);
    assert_in_range(gf_reshare_plan(IDLE + 1, true), 1, IDLE); /* too long to see it after */
    now_us += SECOND;
    assert_int_equal(gf_reshare_plan(SECOND, true), 0); /* it has waited for a second */
}

static void work_in_the_meantime_puts_a_slice_off(void **state) {
    (void)state;
    start_with_a_pass_due();
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    int64_t began = now_us;
    slice(-1, 40000);
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
    uint64_t passes = gf_fake_status().passes;
    assert_int_equal(gf_reshare_plan(-1, true), INTERVAL); /* it looks again by then */
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

static int lines;

static void count_line(void) {
    lines++;
}

static void passes_stop_beside_threads_and_go_on_after_them(void **state) {
    struct gf_companion companion;
    (void)state;
    start();
    touch_every_other();
    gf_companion_start(&companion);
    make_it_worthwhile();
    gf_fake.at_version = count_line;
    for (int i = 0; i < 3; i++) {
        now_us += INTERVAL;
        assert_int_equal(gf_reshare_plan(-1, true), 0);
        assert_int_equal(gf_reshare_cut(true, NULL), GF_CUT_NOT);
        assert_int_equal(gf_reshare_plan(-1, true), -1); /* not before an interval has gone by */
    }
    assert_int_equal(lines, 1);
    now_us += INTERVAL;
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    assert_int_equal(gf_fake_status().pass_reason, GCFREEZE_REASON_THREADS);
    assert_int_equal(gf_fake_status().passes, 0);
    assert_int_equal(gf_arena_copies(arena), 32);
    gf_companion_end(&companion);
    assert_int_equal(gf_reshare_cut(true, NULL), GF_CUT_ALONE);
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

/* Of a host that has given the interpreter up, and whose other threads take no signals. */
static void start_in_host(struct gf_companion *companion) {
    struct gf_others others;
    sigset_t all, before;
    start_with("GCFREEZE_RESHARE_THREADS=on");
    gf_fake.foreign = gf_fake.in_host = true;
    touch_every_other();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    gf_companion_start(companion);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    while (!gf_others_sleep(&others))
        sched_yield();
    make_it_worthwhile();
    now_us += INTERVAL;
    assert_int_equal(gf_reshare_plan(-1, true), 0);
    gf_fake.calls[0] = '\0';
}

static void a_hosts_wait_is_cut_if_no_other_thread_takes_signals(void **state) {
    struct gf_companion deaf, other;
    sigset_t all;
    (void)state;
    start_in_host(&deaf);
    assert_int_equal(gf_reshare_cut(true, NULL), GF_CUT_BESIDE_DEAF);
    assert_int_equal(gf_reshare_cut(false, NULL), GF_CUT_NOT);
    gf_fake.in_host = false;
    assert_int_equal(gf_reshare_cut(true, NULL), GF_CUT_NOT);
    gf_fake.in_host = true;
    gf_companion_start(&other);
    while (gf_others_block_signals()) /* as long as it is being created */
        sched_yield();
    assert_int_equal(gf_reshare_cut(true, NULL), GF_CUT_NOT);
    assert_int_equal(gf_fake_status().pass_reason, GCFREEZE_REASON_NONE); /* another may be cut */
    now_us += INTERVAL;
    assert_int_equal(gf_reshare_cut(true, NULL), GF_CUT_NOT);
    assert_int_equal(gf_fake_status().pass_reason, GCFREEZE_REASON_FOREIGN_WAIT);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    assert_int_equal(gf_reshare_cut(true, NULL), GF_CUT_DEAF);
}

static void in_a_hosts_wait_the_interpreter_is_taken_only_if_it_is_free(void **state) {
    struct gf_companion companion;
    (void)state;
    start_in_host(&companion);
    gf_fake.failing = "take_free";
    gf_reshare_slice(-1, GF_CUT_BESIDE_DEAF);
    assert_string_equal(gf_fake_calls(), "take_free");
    assert_int_equal(gf_arena_copies(arena), 32);
    assert_int_equal(gf_fake_status().pass_reason, GCFREEZE_REASON_BUSY_THREADS);
    gf_fake.failing = NULL;
    now_us += SECOND;
    gf_reshare_slice(-1, GF_CUT_BESIDE_DEAF);
    assert_string_equal(gf_fake_calls(), "take_free leave");
    assert_int_equal(gf_arena_copies(arena), 0);
    assert_int_equal(gf_fake_status().pages_given_back, 32);
    gf_companion_end(&companion);
}

static void a_wait_without_a_mask_is_cut_for_python_alone(void **state) {
    (void)state;
    start_with_a_pass_due();
    assert_int_equal(gf_reshare_cut(false, NULL), GF_CUT_ALONE_ONCE);
    gf_fake.foreign = true;
    assert_int_equal(gf_reshare_cut(false, NULL), GF_CUT_NOT);
    assert_int_equal(gf_reshare_cut(true, NULL), GF_CUT_ALONE);
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
        cmocka_unit_test(a_process_that_has_done_nothing_makes_no_pass),
        cmocka_unit_test(pages_that_were_copied_since_a_pass_began_make_another_due),
        cmocka_unit_test(work_after_a_pass_that_ended_early_makes_another_due),
        cmocka_unit_test(pages_that_differed_are_looked_at_again_after_work_on_as_many),
        cmocka_unit_test(little_work_makes_one_due_after_a_while),
        cmocka_unit_test(what_is_copied_during_a_pass_makes_another_due),
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
        cmocka_unit_test(a_hosts_wait_is_cut_if_no_other_thread_takes_signals),
        cmocka_unit_test(in_a_hosts_wait_the_interpreter_is_taken_only_if_it_is_free),
        cmocka_unit_test(a_wait_without_a_mask_is_cut_for_python_alone),
        cmocka_unit_test(a_child_starts_to_count_anew),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
