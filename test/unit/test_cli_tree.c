/* Views of process trees, with processes of this test. What the library did in them is for
 * test/cli: here it is not loaded. */
#include "support/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tree.h"

enum { CHILDREN = 4, ALL = CHILDREN + 1 };

static pid_t children[CHILDREN];

static void start(void) {
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            alarm(120);
            for (;;)
                pause();
        }
        assert_true(children[i] > 0);
    }
}

static void end(void) {
    for (int i = 0; i < CHILDREN; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
}

static size_t readable(const struct gf_view *view) {
    size_t count = 0;
    for (size_t i = 0; i < view->trees[0].count; i++)
        count += view->trees[0].members[i].readable;
    return count;
}

static void a_tree_is_a_parent_and_its_descendants(void **state) {
    (void)state;
    struct gf_tree tree;
    start();
    assert_true(gf_tree_sample(getpid(), &tree));
    assert_int_equal(tree.count, ALL);
    assert_int_equal(tree.closed, 0);
    assert_int_equal(tree.members[0].process.pid, getpid());
    assert_int_equal(tree.members[0].role, GF_ROLE_PARENT);
    for (int i = 0; i < CHILDREN; i++) {
        const struct gf_member *member = &tree.members[i + 1];
        assert_int_equal(member->process.pid, children[i]);
        assert_int_equal(member->depth, 1);
        assert_int_equal(member->role, GF_ROLE_WORKER);
        assert_int_equal(member->answer, GF_PAGE_NOT_LOADED);
        assert_true(member->use.rss > 0);
        assert_true(member->use.own <= member->use.rss);
    }
    assert_int_equal(tree.snapshot_kib, 0);
    assert_true(tree.total_kib > 0);
    gf_tree_release(&tree);
    end();
}

static void a_view_without_a_budget_reads_all_figures(void **state) {
    (void)state;
    struct gf_known_list known = {0};
    struct gf_view view;
    start();
    assert_true(gf_view_take(&known, getpid(), 0, &view));
    assert_int_equal(readable(&view), ALL);
    assert_int_equal(view.waiting, 0);
    gf_view_release(&view);
    gf_known_release(&known);
    end();
}

static void a_small_budget_reads_figures_in_turn(void **state) {
    (void)state;
    struct gf_known_list known = {0};
    struct gf_view view;
    int64_t last[ALL] = {0};
    start();
    for (size_t round = 1; round <= 2 * ALL; round++) {
        int changed = 0;
        assert_true(gf_view_take(&known, getpid(), 1, &view));
        assert_int_equal(view.trees[0].count, ALL);
        assert_int_equal(view.waiting, ALL - 1);
        /* what has not had its turn yet is neither readable nor closed; then old figures stay */
        assert_int_equal(readable(&view), round < ALL ? round : ALL);
        assert_int_equal(view.trees[0].closed, 0);
        for (size_t i = 0; i < ALL; i++) {
            const pid_t pid = view.trees[0].members[i].process.pid;
            const int64_t read_us = gf_known_find(&known, pid)->read_us;
            changed += read_us != last[i];
            last[i] = read_us;
        }
        assert_int_equal(changed, 1);
        gf_view_release(&view);
    }
    gf_known_release(&known);
    end();
}

static void who_has_ended_is_left_out(void **state) {
    (void)state;
    struct gf_known_list known = {0};
    struct gf_view view;
    start();
    assert_true(gf_view_take(&known, getpid(), 0, &view));
    gf_view_release(&view);
    kill(children[1], SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)children[1], &info, WEXITED | WNOWAIT), 0); /* a zombie */
    assert_true(gf_view_take(&known, getpid(), 0, &view));
    assert_int_equal(view.trees[0].count, ALL - 1);
    for (size_t i = 0; i < view.trees[0].count; i++)
        assert_int_not_equal(view.trees[0].members[i].process.pid, children[1]);
    gf_view_release(&view);
    gf_known_release(&known);
    end();
}

static void no_such_process(void **state) {
    (void)state;
    struct gf_tree tree;
    pid_t gone = fork();
    if (gone == 0)
        _exit(0);
    waitpid(gone, NULL, 0);
    errno = 0;
    assert_false(gf_tree_sample(gone, &tree));
    assert_int_equal(errno, ESRCH);
    assert_false(gf_tree_sample(0, &tree));
    assert_int_equal(errno, ESRCH);
}

static void another_program_in_the_same_process_is_not_known(void **state) {
    (void)state;
    struct gf_known_list known = {0};
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        alarm(120);
        if (read(ends[0], &byte, 1) == 1)
            execl("/bin/sleep", "sleep", "120", (char *)NULL);
        _exit(1);
    }
    assert_true(gf_known_update(&known));
    assert_true(gf_known_measure(gf_known_find(&known, child), NULL));
    assert_int_equal(write(ends[1], "x", 1), 1);
    const uint64_t stack = gf_known_find(&known, child)->process.stack;
    while (gf_known_find(&known, child)->process.stack == stack)
        assert_true(gf_known_update(&known));
    assert_false(gf_known_find(&known, child)->read);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    gf_known_release(&known);
}

static void a_process_that_is_no_group_of_its_own_has_none(void **state) {
    (void)state;
    const pid_t nobody = -2;
    assert_int_equal(gf_memory_of_group(getpid(), &nobody, 1), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_is_a_parent_and_its_descendants),
        cmocka_unit_test(a_view_without_a_budget_reads_all_figures),
        cmocka_unit_test(a_small_budget_reads_figures_in_turn),
        cmocka_unit_test(who_has_ended_is_left_out),
        cmocka_unit_test(no_such_process),
        cmocka_unit_test(another_program_in_the_same_process_is_not_known),
        cmocka_unit_test(a_process_that_is_no_group_of_its_own_has_none),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
