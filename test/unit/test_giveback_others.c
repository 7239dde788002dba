/* Beside threads: what is asked of them, and what their answers come to. They are none of this
 * process; what they do is written here. */
#include "support/child.h"

#include <stdbool.h>
#include <time.h>

#include "pages/giveback.h"
#include "process/threads.h"
#include "support/arena.h"

/* Looks before somebody has run; looks at which somebody has; and the byte that he wrote. */
static int calm, disturbed;
static char *written;

/* Somebody runs; somebody who has run does so still. */
static bool awake, runs_on;
static int falls_asleep; /* after so many looks */

bool __wrap_gf_others_sleep(struct gf_others *ret);
bool __wrap_gf_others_sleep(struct gf_others *ret) {
    ret->count = 0;
    if (falls_asleep > 0 && --falls_asleep == 0)
        awake = false;
    return !awake;
}

bool __wrap_gf_others_still_sleep(const struct gf_others *others);
bool __wrap_gf_others_still_sleep(const struct gf_others *others) {
    (void)others;
    if (calm-- > 0 || disturbed == 0)
        return true;
    disturbed--;
    awake = runs_on;
    if (written)
        *written = 'w';
    return false;
}

/* A tenth of a millisecond goes by between two looks. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret) {
    static long now_us;
    (void)clock;
    now_us += 100;
    *ret = (struct timespec){.tv_sec = now_us / 1000000, .tv_nsec = now_us % 1000000 * 1000};
    return 0;
}

static char *new_copied_arena(void) {
    char *arena = gf_arena_new();
    gf_arena_snapshot();
    return arena;
}

static void go_on(struct gf_pass *pass, bool over, enum gcfreeze_reason expected) {
    enum gcfreeze_reason reason = GCFREEZE_REASON_RACED;
    assert_int_equal(gf_giveback_shared(pass, INT64_MAX, &reason), over);
    assert_string_equal(gcfreeze_reason_name((int32_t)reason),
                        gcfreeze_reason_name((int32_t)expected));
}

static void who_runs_before_the_first_look_ends_the_slice(void **state) {
    struct gf_pass pass = {0};
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    awake = true;
    go_on(&pass, false, GCFREEZE_REASON_BUSY_THREADS);
    assert_int_equal(gf_arena_copies(arena), GF_ARENA_PAGES);
}

/* Whoever has just got the interpreter and waits for more to do. */
static void who_is_about_to_sleep_is_waited_for(void **state) {
    struct gf_pass pass = {0};
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    awake = true;
    falls_asleep = 3;
    go_on(&pass, true, GCFREEZE_REASON_NONE);
    assert_int_equal(pass.given, GF_ARENA_PAGES);
    assert_int_equal(gf_arena_copies(arena), 0);
}

static void who_runs_now_and_then_is_asked_again(void **state) {
    struct gf_pass pass = {0};
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    disturbed = 2;
    go_on(&pass, true, GCFREEZE_REASON_NONE);
    assert_int_equal(pass.given, GF_ARENA_PAGES);
    assert_int_equal(gf_arena_copies(arena), 0);
}

static void who_runs_again_and_again_ends_the_slice(void **state) {
    struct gf_pass pass = {0};
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    disturbed = 3;
    go_on(&pass, false, GCFREEZE_REASON_BUSY_THREADS);
    assert_int_equal(pass.given + pass.kept, 0);
    assert_int_equal(gf_arena_copies(arena), GF_ARENA_PAGES);
    go_on(&pass, true, GCFREEZE_REASON_NONE);
    assert_int_equal(pass.given, GF_ARENA_PAGES);
}

static void who_runs_on_ends_the_slice(void **state) {
    struct gf_pass pass = {0};
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    disturbed = 1;
    runs_on = true;
    go_on(&pass, false, GCFREEZE_REASON_BUSY_THREADS);
    assert_int_equal(gf_arena_copies(arena), GF_ARENA_PAGES);
}

static void what_was_written_since_the_comparison_is_seen_before_the_move(void **state) {
    struct gf_pass pass = {0};
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    disturbed = 1;
    written = &arena[9 * gf_page_size() + 77];
    go_on(&pass, true, GCFREEZE_REASON_NONE);
    assert_int_equal(*written, 'w');
    assert_int_equal(pass.given, 0);
    assert_int_equal(pass.kept, GF_ARENA_PAGES);
    assert_int_equal(gf_arena_copies(arena), GF_ARENA_PAGES);
}

static void a_run_goes_on_where_it_was_disturbed(void **state) {
    struct gf_pass pass = {0};
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    gf_arena_change(arena, 20);
    calm = 1;
    disturbed = 3;
    go_on(&pass, false, GCFREEZE_REASON_BUSY_THREADS);
    assert_int_equal(pass.given, 20);
    assert_int_equal(pass.kept, 1);
    go_on(&pass, true, GCFREEZE_REASON_NONE);
    assert_int_equal(pass.given, GF_ARENA_PAGES - 1);
    assert_int_equal(pass.kept, 1);
    assert_int_equal(gf_arena_copies(arena), 1);
}

/* Each part of a run costs another look at all threads: 1 us each. */
static void a_slice_may_end_between_two_parts_of_a_run(void **state) {
    struct gf_pass pass = {0};
    enum gcfreeze_reason reason = GCFREEZE_REASON_RACED;
    (void)state;
    char *arena = new_copied_arena();
    gf_arena_touch_all(arena);
    for (size_t page = 0; page < GF_ARENA_PAGES; page += 16)
        gf_arena_change(arena, page);
    for (size_t parts = 1; parts <= 4; parts++) {
        assert_false(gf_giveback_shared(&pass, 0, &reason)); /* one part at least in each */
        assert_int_equal(reason, GCFREEZE_REASON_NONE);
        assert_int_equal(pass.given, parts * 15);
        assert_int_equal(gf_arena_copies(arena), GF_ARENA_PAGES - parts * 15);
    }
    go_on(&pass, true, GCFREEZE_REASON_NONE);
    assert_int_equal(pass.given, 60);
    assert_int_equal(pass.kept, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_runs_before_the_first_look_ends_the_slice),
        cmocka_unit_test(who_is_about_to_sleep_is_waited_for),
        cmocka_unit_test(who_runs_now_and_then_is_asked_again),
        cmocka_unit_test(who_runs_again_and_again_ends_the_slice),
        cmocka_unit_test(who_runs_on_ends_the_slice),
        cmocka_unit_test(what_was_written_since_the_comparison_is_seen_before_the_move),
        cmocka_unit_test(a_run_goes_on_where_it_was_disturbed),
        cmocka_unit_test(a_slice_may_end_between_two_parts_of_a_run),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
