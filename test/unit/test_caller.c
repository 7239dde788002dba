#include "support/child.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "process/caller.h"
#include "process/unwind.h"

/* ---- one frame at a time ---- */

static const struct gf_landmarks marks = {
    .os_fork = 0x100, .os_forkpty = 0x200, .fork_exec = 0x300, .eval = 0x400};
static const struct gf_landmarks hosted = {.os_fork = 0x100, .eval = 0x400, .host = 0x500};
static const struct gf_landmarks no_marks = {0};
static const struct gf_landmarks code = {
    .os_fork = 0x1100, .eval = 0x1400, .code = 0x1000, .code_size = 0x1000};

static const struct {
    const char *what;
    const struct gf_landmarks *landmarks;
    uintptr_t procedures[6]; /* innermost first; SIGNAL_FRAME for a signal's */
    enum gf_caller caller;
    bool python;
    size_t frames; /* that were looked at */
} stacks[] = {
#define SIGNAL_FRAME 0xdead
    {"nothing known", &marks, {0x1, 0x2}, GF_CALLER_UNKNOWN, false, 2},
    {"os.fork", &marks, {0x1, 0x100, 0x400}, GF_CALLER_OS_FORK, false, 2},
    {"os.forkpty", &marks, {0x1, 0x200}, GF_CALLER_OS_FORKPTY, false, 2},
    {"fork_exec", &marks, {0x1, 0x2, 0x3, 0x300}, GF_CALLER_EXEC, false, 4},
    {"fork_exec called by os.fork", &marks, {0x300, 0x100}, GF_CALLER_EXEC, false, 1},
    {"os.fork called by fork_exec", &marks, {0x100, 0x300}, GF_CALLER_OS_FORK, false, 1},
    {"an extension below Python", &marks, {0x1, 0x400, 0x2}, GF_CALLER_UNKNOWN, true, 3},
    {"os.fork further out than Python", &marks, {0x400, 0x100}, GF_CALLER_OS_FORK, true, 2},
    {"a signal handler", &marks, {0x1, SIGNAL_FRAME, 0x100}, GF_CALLER_SIGNAL, false, 2},
    {"a handler that calls os.fork", &marks, {0x100, SIGNAL_FRAME}, GF_CALLER_OS_FORK, false, 1},
    {"Python in a handler", &marks, {0x400, SIGNAL_FRAME}, GF_CALLER_SIGNAL, true, 2},
    {"an address in the middle", &marks, {0x101, 0x0ff}, GF_CALLER_UNKNOWN, false, 2},
    {"a part of the evaluator", &code, {0x1, 0x1000, 0x2}, GF_CALLER_UNKNOWN, true, 3},
    {"the interpreter's last procedure", &code, {0x1fff}, GF_CALLER_UNKNOWN, true, 1},
    {"before and behind the interpreter", &code, {0xfff, 0x2000}, GF_CALLER_UNKNOWN, false, 2},
    {"os.fork in the interpreter", &code, {0x1, 0x1100}, GF_CALLER_OS_FORK, true, 2},
    {"a host that Python made of itself", &hosted, {0x1, 0x500, 0x400}, GF_CALLER_C_HOST, false, 2},
    {"Python that such a host called", &hosted, {0x1, 0x400, 0x500}, GF_CALLER_UNKNOWN, true, 3},
    {"os.fork in such a host", &hosted, {0x1, 0x100, 0x400, 0x500}, GF_CALLER_OS_FORK, false, 2},
    {"no landmarks", &no_marks, {0x100, 0x400}, GF_CALLER_UNKNOWN, false, 2},
};

static void the_innermost_landmark_decides(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof stacks / sizeof *stacks; i++) {
        struct gf_trace trace = {0};
        size_t frames = 0;
        bool decided = false;
        while (!decided && stacks[i].procedures[frames] != 0) {
            uintptr_t procedure = stacks[i].procedures[frames++];
            decided =
                gf_trace_add(&trace, stacks[i].landmarks, procedure, procedure == SIGNAL_FRAME);
        }
        if (trace.caller != stacks[i].caller || trace.python != stacks[i].python ||
            frames != stacks[i].frames || decided != (trace.caller != GF_CALLER_UNKNOWN))
            fail_msg("%s: %s, python %d, %zu frames", stacks[i].what, gf_caller_name(trace.caller),
                     trace.python, frames);
    }
}

/* A landmark that is not known is 0, and so is the procedure of a frame that nobody knows. */
static void an_unknown_procedure_is_no_unknown_landmark(void **state) {
    struct gf_trace trace = {0};
    (void)state;
    assert_false(gf_trace_add(&trace, &no_marks, 0, false));
    assert_int_equal(trace.caller, GF_CALLER_UNKNOWN);
    assert_false(trace.python);
}

static void every_caller_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int i = GF_CALLER_UNKNOWN; i <= GF_CALLER_SIGNAL; i++) {
        for (int other = 0; other < i; other++)
            assert_string_not_equal(gf_caller_name((enum gf_caller)i),
                                    gf_caller_name((enum gf_caller)other));
    }
    assert_string_equal(gf_caller_name((enum gf_caller)77), "unknown");
}

/* ---- real stacks ---- */

/* Procedures of their own: not inlined, not cloned, not left by a jump. */
#define PROCEDURE __attribute__((noipa, noinline, noclone)) static void

struct walk {
    struct gf_landmarks landmarks;
    struct gf_trace trace;
    int frames; /* between the landmark and the walk */
    void (*inner)(struct walk *walk);
};

#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

PROCEDURE descend(struct walk *walk) {
    if (walk->frames-- > 0)
        descend(walk);
    else
        gf_caller_walk(&walk->landmarks, &walk->trace);
    NO_TAIL_CALL();
}

PROCEDURE outer_mark(struct walk *walk) {
    walk->inner(walk);
    NO_TAIL_CALL();
}

PROCEDURE inner_mark(struct walk *walk) {
    descend(walk);
    NO_TAIL_CALL();
}

static uintptr_t address_of(void (*procedure)(struct walk *walk)) {
    return (uintptr_t)procedure;
}

static void a_landmark_is_found_at_any_depth(void **state) {
    (void)state;
    assert_true(gf_unwind_open());
    for (int frames = 0; frames < 10; frames++) {
        struct walk walk = {.inner = descend, .frames = frames};
        walk.landmarks.os_fork = address_of(outer_mark);
        outer_mark(&walk);
        assert_int_equal(walk.trace.caller, GF_CALLER_OS_FORK);
        assert_false(walk.trace.python);
    }
}

static void the_nearest_landmark_wins(void **state) {
    struct walk walk = {.inner = inner_mark};
    (void)state;
    assert_true(gf_unwind_open());
    walk.landmarks.os_fork = address_of(outer_mark);
    walk.landmarks.fork_exec = address_of(inner_mark);
    outer_mark(&walk);
    assert_int_equal(walk.trace.caller, GF_CALLER_EXEC);

    walk = (struct walk){.inner = inner_mark};
    walk.landmarks.fork_exec = address_of(outer_mark);
    walk.landmarks.os_forkpty = address_of(inner_mark);
    outer_mark(&walk);
    assert_int_equal(walk.trace.caller, GF_CALLER_OS_FORKPTY);
}

static void the_evaluator_on_the_stack_is_noticed(void **state) {
    struct walk walk = {.inner = inner_mark};
    (void)state;
    assert_true(gf_unwind_open());
    walk.landmarks.eval = address_of(inner_mark);
    outer_mark(&walk);
    assert_int_equal(walk.trace.caller, GF_CALLER_UNKNOWN);
    assert_true(walk.trace.python);
    assert_true(walk.trace.complete);
}

static void a_stack_without_landmarks_is_walked_to_its_end(void **state) {
    struct walk walk = {.inner = descend};
    (void)state;
    assert_true(gf_unwind_open());
    outer_mark(&walk);
    assert_int_equal(walk.trace.caller, GF_CALLER_UNKNOWN);
    assert_true(walk.trace.complete);
    assert_false(walk.trace.python);
}

static void a_stack_that_is_too_deep_is_left_undecided(void **state) {
    struct walk walk = {.inner = descend, .frames = 300};
    (void)state;
    assert_true(gf_unwind_open());
    walk.landmarks.os_fork = address_of(outer_mark);
    outer_mark(&walk);
    assert_int_equal(walk.trace.caller, GF_CALLER_UNKNOWN);
    assert_false(walk.trace.complete);
}

static void *walk_in_thread(void *argument) {
    outer_mark(argument);
    return NULL;
}

static void a_threads_stack_has_an_end_too(void **state) {
    struct walk walk = {.inner = descend};
    pthread_t thread;
    (void)state;
    assert_true(gf_unwind_open());
    assert_int_equal(pthread_create(&thread, NULL, walk_in_thread, &walk), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(walk.trace.caller, GF_CALLER_UNKNOWN);
    assert_true(walk.trace.complete);
}

static struct walk *handled;

static void walk_in_handler(int number) {
    (void)number;
    handled->inner(handled);
}

PROCEDURE interrupted(struct walk *walk) {
    handled = walk;
    raise(SIGUSR1);
    NO_TAIL_CALL();
}

static void a_signal_handler_hides_what_it_interrupted(void **state) {
    struct walk walk = {.inner = descend};
    (void)state;
    assert_true(gf_unwind_open());
    signal(SIGUSR1, walk_in_handler);
    walk.landmarks.os_fork = address_of(interrupted);
    interrupted(&walk);
    assert_int_equal(walk.trace.caller, GF_CALLER_SIGNAL);

    /* what the handler itself calls is nearer */
    walk = (struct walk){.inner = inner_mark};
    walk.landmarks.os_fork = address_of(inner_mark);
    interrupted(&walk);
    assert_int_equal(walk.trace.caller, GF_CALLER_OS_FORK);
}

static void a_handler_on_a_stack_of_its_own_is_recognized(void **state) {
    static char stack[256 * 1024];
    const stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = walk_in_handler, .sa_flags = SA_ONSTACK};
    struct walk walk = {.inner = descend};
    (void)state;
    assert_true(gf_unwind_open());
    assert_int_equal(sigaltstack(&alternative, NULL), 0);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    interrupted(&walk);
    assert_int_equal(walk.trace.caller, GF_CALLER_SIGNAL);
}

#if defined(__x86_64__)
/* It has no tables; a guess by frame pointers would lead on to its caller. */
void untabled(void (*inner)(struct walk *walk), struct walk *walk);
__asm__(".pushsection .text\n"
        ".globl untabled\n"
        ".hidden untabled\n"
        "untabled:\n\t"
        "push %rbp\n\t"
        "mov %rsp, %rbp\n\t"
        "mov %rdi, %rax\n\t"
        "mov %rsi, %rdi\n\t"
        "call *%rax\n\t"
        "pop %rbp\n\t"
        "ret\n"
        ".popsection");

PROCEDURE through_untabled(struct walk *walk) {
    untabled(descend, walk);
    NO_TAIL_CALL();
}

static void a_frame_without_tables_ends_the_walk(void **state) {
    struct walk walk = {.inner = through_untabled};
    (void)state;
    assert_true(gf_unwind_open());
    walk.landmarks.os_fork = address_of(outer_mark);
    outer_mark(&walk);
    assert_int_equal(walk.trace.caller, GF_CALLER_UNKNOWN);
    assert_false(walk.trace.complete);
}
#endif

/* A frame whose tables say that it is at address 64: what it saved is looked for right below. */
PROCEDURE misled(struct walk *walk) {
    __asm__ volatile(".cfi_remember_state\n\t.cfi_escape 0x0f, 0x02, 0x08, 0x40");
    walk->inner(walk);
    __asm__ volatile(".cfi_restore_state" ::: "memory");
}

/* A frame whose tables say that where it is can be read at address 64. */
PROCEDURE misled_at_once(struct walk *walk) {
    __asm__ volatile(".cfi_remember_state\n\t.cfi_escape 0x0f, 0x03, 0x08, 0x40, 0x06");
    walk->inner(walk);
    __asm__ volatile(".cfi_restore_state" ::: "memory");
}

static void tables_that_lead_to_the_first_page_are_followed_no_further(void **state) {
    void (*const ways[])(struct walk *) = {misled, misled_at_once};
    (void)state;
    assert_true(gf_unwind_open());
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct walk walk = {.inner = descend, .trace = {.complete = true}};
        ways[i](&walk);
        assert_int_equal(walk.trace.caller, GF_CALLER_UNKNOWN);
        assert_false(walk.trace.complete);
    }
}

static void before_opening_nothing_is_walked(void **state) {
    struct walk walk = {.inner = descend};
    (void)state;
    assert_false(gf_unwind_ready());
    walk.landmarks.os_fork = address_of(outer_mark);
    memset(&walk.trace, 0xff, sizeof walk.trace);
    outer_mark(&walk);
    assert_int_equal(walk.trace.caller, GF_CALLER_UNKNOWN);
    assert_false(walk.trace.complete);
    assert_true(gf_unwind_open());
    assert_true(gf_unwind_ready());
    assert_true(gf_unwind_open());
}

enum { DESCRIPTORS = 64 };

static void list_descriptors(bool *ret) {
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        ret[fd] = fcntl(fd, F_GETFD) != -1;
}

/* libunwind would open a pipe when it is initialized, and again at the first page of a stack that
 * it has not seen: a thread's, say. */
static void the_host_finds_no_descriptor_that_it_does_not_know(void **state) {
    bool before[DESCRIPTORS], after[DESCRIPTORS];
    struct walk walk = {.inner = descend};
    pthread_t thread;
    (void)state;
    list_descriptors(before);
    assert_true(gf_unwind_open());
    list_descriptors(after);
    assert_memory_equal(after, before, sizeof before);

    outer_mark(&walk);
    assert_true(walk.trace.complete);
    assert_int_equal(pthread_create(&thread, NULL, walk_in_thread, &walk), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(walk.trace.complete);
    signal(SIGUSR1, walk_in_handler);
    interrupted(&walk);
    list_descriptors(after);
    assert_memory_equal(after, before, sizeof before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_innermost_landmark_decides),
        cmocka_unit_test(an_unknown_procedure_is_no_unknown_landmark),
        cmocka_unit_test(every_caller_has_a_name_of_its_own),
        cmocka_unit_test(a_landmark_is_found_at_any_depth),
        cmocka_unit_test(the_nearest_landmark_wins),
        cmocka_unit_test(the_evaluator_on_the_stack_is_noticed),
        cmocka_unit_test(a_stack_without_landmarks_is_walked_to_its_end),
        cmocka_unit_test(a_stack_that_is_too_deep_is_left_undecided),
        cmocka_unit_test(a_threads_stack_has_an_end_too),
        cmocka_unit_test(a_signal_handler_hides_what_it_interrupted),
        cmocka_unit_test(a_handler_on_a_stack_of_its_own_is_recognized),
#if defined(__x86_64__)
        cmocka_unit_test(a_frame_without_tables_ends_the_walk),
#endif
        cmocka_unit_test(tables_that_lead_to_the_first_page_are_followed_no_further),
        cmocka_unit_test(before_opening_nothing_is_walked),
        cmocka_unit_test(the_host_finds_no_descriptor_that_it_does_not_know),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
