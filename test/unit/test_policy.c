#include "support/child.h"

#include "core/policy.h"

/* A row: what is configured, what is known about the fork, and what must come out. Fields that a
 * row does not name have the value that matters least: GCFREEZE_WHEN=auto, min_new 0, no obstacle,
 * caller unknown, the hook. */
struct row {
    const char *what;
    struct gf_when when;
    long min_new;
    enum gf_collect collect;
    struct gf_facts facts;
    struct gf_decision decision;
};

#define OS_FORK             .caller = GF_CALLER_OS_FORK

/* What can come out. */
#define LEFT_ALONE(why)     {.reason = GCFREEZE_REASON_##why}
#define CHILD_RESTORED(why) {.reason = GCFREEZE_REASON_##why, .restore = true}
#define WORKER_ONLY(why)    {.reason = GCFREEZE_REASON_##why, .worker = true, .restore = true}
#define FREEZE(why)                                                                                \
    {.reason = GCFREEZE_REASON_##why, .worker = true, .restore = true, .freeze = true}
#define COLLECT_AND_FREEZE(why)                                                                    \
    {.reason = GCFREEZE_REASON_##why,                                                              \
     .worker = true,                                                                               \
     .restore = true,                                                                              \
     .freeze = true,                                                                               \
     .collect = true}

static const struct row callers[] = {
    {"os.fork", .facts = {.caller = GF_CALLER_OS_FORK}, .decision = FREEZE(FIRST_WORKER_FORK)},
    {"os.forkpty", .facts = {.caller = GF_CALLER_OS_FORKPTY},
     .decision = FREEZE(FIRST_WORKER_FORK)},
    {"a C host", .facts = {.caller = GF_CALLER_C_HOST, .moment = GF_MOMENT_WINDOW},
     .decision = FREEZE(FIRST_WORKER_FORK)},
    {"subprocess", .facts = {.caller = GF_CALLER_EXEC}, .decision = LEFT_ALONE(EXEC_BOUND)},
    {"an extension", .facts = {.caller = GF_CALLER_EXTENSION},
     .decision = CHILD_RESTORED(EXTENSION)},
    {"a signal handler", .facts = {.caller = GF_CALLER_SIGNAL},
     .decision = LEFT_ALONE(SIGNAL_HANDLER)},
    {"nobody knows who", .facts = {.caller = GF_CALLER_UNKNOWN},
     .decision = LEFT_ALONE(UNWINDING_OFF)},
    {"a caller that no enum names", .facts = {.caller = (enum gf_caller)77},
     .decision = LEFT_ALONE(UNWINDING_OFF)},
    {"subprocess, with GCFREEZE_WHEN=every", .when = {GF_WHEN_EVERY, 0},
     .facts = {.caller = GF_CALLER_EXEC}, .decision = LEFT_ALONE(EXEC_BOUND)},
    {"a page of a warm-up", .facts = {OS_FORK, .warming_up = true},
     .decision = CHILD_RESTORED(WARM_UP)},
    {"subprocess in a page of a warm-up", .facts = {.caller = GF_CALLER_EXEC, .warming_up = true},
     .decision = LEFT_ALONE(EXEC_BOUND)},
};

static const struct row automatic[] = {
    {"the first worker, few objects", .min_new = 100, .facts = {OS_FORK, .new_objects = 0},
     .decision = FREEZE(FIRST_WORKER_FORK)},
    {"the first worker, number of objects unknown", .min_new = 100,
     .facts = {OS_FORK, .new_objects = -1}, .decision = FREEZE(FIRST_WORKER_FORK)},
    {"workers came before, none was frozen for", .min_new = 100,
     .facts = {OS_FORK, .worker_forks = 3, .new_objects = 0},
     .decision = FREEZE(FIRST_WORKER_FORK)},
    {"one object too few", .min_new = 100,
     .facts = {OS_FORK, .worker_forks = 1, .freezes = 1, .new_objects = 99},
     .decision = WORKER_ONLY(NOTHING_NEW)},
    {"just enough objects", .min_new = 100, .collect = GF_COLLECT_NEVER,
     .facts = {OS_FORK, .worker_forks = 1, .freezes = 1, .new_objects = 100},
     .decision = FREEZE(HEAP_GROWN)},
    {"number of objects unknown", .min_new = 100,
     .facts = {OS_FORK, .worker_forks = 1, .freezes = 1, .new_objects = -1},
     .decision = WORKER_ONLY(NOTHING_NEW)},
    {"none are enough", .min_new = 0, .collect = GF_COLLECT_NEVER,
     .facts = {OS_FORK, .worker_forks = 1, .freezes = 1, .new_objects = 0},
     .decision = FREEZE(HEAP_GROWN)},
    {"none are enough, but the number is unknown", .min_new = 0,
     .facts = {OS_FORK, .worker_forks = 1, .freezes = 1, .new_objects = -1},
     .decision = WORKER_ONLY(NOTHING_NEW)},
};

static const struct row schedules[] = {
    {"never", .when = {GF_WHEN_NEVER, 0}, .facts = {OS_FORK, .new_objects = 1000000},
     .decision = WORKER_ONLY(POLICY_NEVER)},

    {"every: the first", .when = {GF_WHEN_EVERY, 0}, .facts = {OS_FORK},
     .decision = FREEZE(EVERY_FORK)},
    {"every: again, with nothing new", .when = {GF_WHEN_EVERY, 0}, .min_new = 100,
     .collect = GF_COLLECT_NEVER,
     .facts = {OS_FORK, .worker_forks = 9, .freezes = 9, .new_objects = 0},
     .decision = FREEZE(EVERY_FORK)},

    {"first: the first", .when = {GF_WHEN_FIRST, 0}, .facts = {OS_FORK},
     .decision = FREEZE(FIRST_WORKER_FORK)},
    {"first: the second, however much is new", .when = {GF_WHEN_FIRST, 0},
     .facts = {OS_FORK, .worker_forks = 1, .freezes = 1, .new_objects = 1000000},
     .decision = WORKER_ONLY(POLICY_FIRST)},
    {"first: the first freeze failed, the fork did not", .when = {GF_WHEN_FIRST, 0},
     .facts = {OS_FORK, .worker_forks = 1, .freezes = 0}, .decision = WORKER_ONLY(POLICY_FIRST)},
    {"first: the first fork failed, the freeze did not", .when = {GF_WHEN_FIRST, 0},
     .facts = {OS_FORK, .worker_forks = 0, .freezes = 1}, .decision = WORKER_ONLY(POLICY_FIRST)},

    {"after:0 is auto", .when = {GF_WHEN_AFTER, 0}, .facts = {OS_FORK},
     .decision = FREEZE(FIRST_WORKER_FORK)},
    {"after:3: two have passed", .when = {GF_WHEN_AFTER, 3}, .facts = {OS_FORK, .worker_forks = 2},
     .decision = WORKER_ONLY(POLICY_AFTER)},
    {"after:3: three have passed", .when = {GF_WHEN_AFTER, 3},
     .facts = {OS_FORK, .worker_forks = 3}, .decision = FREEZE(FIRST_WORKER_FORK)},
    {"after:3: frozen, and too little is new", .when = {GF_WHEN_AFTER, 3}, .min_new = 100,
     .facts = {OS_FORK, .worker_forks = 4, .freezes = 1, .new_objects = 99},
     .decision = WORKER_ONLY(NOTHING_NEW)},
    {"after:3: frozen, and enough is new", .when = {GF_WHEN_AFTER, 3}, .min_new = 100,
     .collect = GF_COLLECT_NEVER,
     .facts = {OS_FORK, .worker_forks = 4, .freezes = 1, .new_objects = 100},
     .decision = FREEZE(HEAP_GROWN)},
    {"after: the greatest number", .when = {GF_WHEN_AFTER, 1000000000},
     .facts = {OS_FORK, .worker_forks = 999999999}, .decision = WORKER_ONLY(POLICY_AFTER)},
};

static const struct row collections[] = {
    {"repeat: not before the first freeze", .collect = GF_COLLECT_REPEAT, .facts = {OS_FORK},
     .decision = FREEZE(FIRST_WORKER_FORK)},
    {"repeat: before the second", .collect = GF_COLLECT_REPEAT,
     .facts = {OS_FORK, .worker_forks = 1, .freezes = 1},
     .decision = COLLECT_AND_FREEZE(HEAP_GROWN)},
    {"repeat: before the second of every", .when = {GF_WHEN_EVERY, 0}, .collect = GF_COLLECT_REPEAT,
     .facts = {OS_FORK, .worker_forks = 1, .freezes = 1},
     .decision = COLLECT_AND_FREEZE(EVERY_FORK)},
    {"always: before the first too", .collect = GF_COLLECT_ALWAYS, .facts = {OS_FORK},
     .decision = COLLECT_AND_FREEZE(FIRST_WORKER_FORK)},
    {"always: not without a freeze", .min_new = 100, .collect = GF_COLLECT_ALWAYS,
     .facts = {OS_FORK, .worker_forks = 1, .freezes = 1, .new_objects = 99},
     .decision = WORKER_ONLY(NOTHING_NEW)},
    {"never: not before the second", .collect = GF_COLLECT_NEVER,
     .facts = {OS_FORK, .worker_forks = 1, .freezes = 1}, .decision = FREEZE(HEAP_GROWN)},
    {"always: not in the fork window, where no Python code may run", .collect = GF_COLLECT_ALWAYS,
     .facts = {OS_FORK, .moment = GF_MOMENT_WINDOW}, .decision = FREEZE(FIRST_WORKER_FORK)},
    {"repeat: not in the fork window either", .collect = GF_COLLECT_REPEAT,
     .facts = {OS_FORK, .moment = GF_MOMENT_WINDOW, .worker_forks = 1, .freezes = 1},
     .decision = FREEZE(HEAP_GROWN)},
};

static struct gf_decision decide(const struct row *row) {
    struct gf_config config = {
        .when = row->when, .min_new = row->min_new, .collect = (int)row->collect};
    struct gf_facts facts = row->facts;
    if (facts.moment == GF_MOMENT_STARTUP) /* what a row that does not say gets */
        facts.moment = GF_MOMENT_HOOK;
    return gf_policy_decide(&config, &facts);
}

static void check(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct gf_decision decision = decide(&rows[i]);
        const struct gf_decision *expected = &rows[i].decision;
        if (decision.reason != expected->reason || decision.worker != expected->worker ||
            decision.restore != expected->restore || decision.freeze != expected->freeze ||
            decision.collect != expected->collect) {
            fail_msg("%s: %s, worker %d, restore %d, freeze %d, collect %d", rows[i].what,
                     gcfreeze_reason_name((int32_t)decision.reason), decision.worker,
                     decision.restore, decision.freeze, decision.collect);
        }
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof *(rows))

static void only_forks_that_go_on_as_python_are_treated(void **state) {
    (void)state;
    CHECK(callers);
}

static void auto_freezes_first_and_when_the_heap_has_grown(void **state) {
    (void)state;
    CHECK(automatic);
}

static void the_schedule_decides_which_worker_forks_count(void **state) {
    (void)state;
    CHECK(schedules);
}

static void collecting_precedes_a_repeated_freeze_in_the_hook(void **state) {
    (void)state;
    CHECK(collections);
}

static void what_was_made_immortal_may_be_lost_up_to_one_live_heap(void **state) {
    (void)state;
    static const struct {
        const char *what;
        struct gf_balance balance;
        bool may;
    } rows[] = {
        {"the first time", {0, 0, 0}, true},
        {"a heap that grows", {0, 900, 1000}, true},
        {"a fresh table for each pool", {30, 30, 35}, false},
        {"a first small heap, dropped, and the real one", {18, 100, 102}, true},
        {"a fifth of the heap each time, the fifth time", {80, 20, 100}, true},
        {"and the sixth", {100, 20, 100}, false},
        {"half of the heap, the second time", {50, 50, 100}, true},
        {"and the third", {100, 50, 100}, false},
        {"little is new, and little may be lost", {99, 1, 100}, true},
        {"a heap that has shrunk", {500, 0, 100}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (gf_policy_may_mark(&rows[i].balance) != rows[i].may)
            fail_msg("%s", rows[i].what);
    }
}

/* Whatever part of the heap is replaced each time. */
static void a_steady_heap_never_loses_more_than_itself(void **state) {
    (void)state;
    for (long part = 1; part <= 100; part++) {
        struct gf_balance balance = {.lost = 0, .fresh = part, .live = 100};
        while (gf_policy_may_mark(&balance))
            balance.lost += part;
        if (balance.lost > 100)
            fail_msg("%ld of 100 each time: %ld lost", part, balance.lost);
    }
}

static void an_obstacle_wins_over_everything(void **state) {
    (void)state;
    for (int reason = GCFREEZE_REASON_EXEC_BOUND; reason < GCFREEZE_REASON_COUNT; reason++) {
        if (reason == GCFREEZE_REASON_EXTENSION)
            continue; /* what a caller is, and never an obstacle */
        struct row row = {
            .when = {GF_WHEN_EVERY, 0},
            .collect = GF_COLLECT_ALWAYS,
            .facts = {.obstacle = (enum gcfreeze_reason)reason, OS_FORK, .new_objects = 1000000},
        };
        struct gf_decision decision = decide(&row);
        assert_int_equal(decision.reason, reason);
        assert_false(decision.worker);
        assert_false(decision.restore);
        assert_false(decision.freeze);
        assert_false(decision.collect);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_forks_that_go_on_as_python_are_treated),
        cmocka_unit_test(auto_freezes_first_and_when_the_heap_has_grown),
        cmocka_unit_test(the_schedule_decides_which_worker_forks_count),
        cmocka_unit_test(collecting_precedes_a_repeated_freeze_in_the_hook),
        cmocka_unit_test(what_was_made_immortal_may_be_lost_up_to_one_live_heap),
        cmocka_unit_test(a_steady_heap_never_loses_more_than_itself),
        cmocka_unit_test(an_obstacle_wins_over_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
