#include "support/child.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/self.h"

/* ---- names ---- */

static void a_libc_without_arguments_leaves_the_names_empty(void **state) {
    (void)state;
    gf_self_init(0, NULL);
    assert_string_equal(gf_self_names()->program, "");
    assert_string_equal(gf_self_title(), "");
    assert_int_equal(gf_self_kin(), GF_KIN_SAME);
}

static void names_outlive_an_overwritten_command_line(void **state) {
    char program[] = "python3", script[] = "gunicorn";
    char *argv[] = {program, script, NULL};
    (void)state;
    gf_self_init(2, argv);
    memset(program, 'x', sizeof program - 1);
    memset(script, 'x', sizeof script - 1);
    assert_string_equal(gf_self_names()->program, "python3");
    assert_string_equal(gf_self_title(), "gunicorn");
}

/* ---- kin ---- */

/* What a child answers with its exit status: plain stores and system calls, as a vfork child may.
 */
static int kin_of_child(void *argument) {
    (void)argument;
    return (int)gf_self_kin();
}

static int exit_status(pid_t pid) {
    int status = 0;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static pid_t clone_child(int flags, int (*body)(void *argument)) {
    static char stack[256 * 1024] __attribute__((aligned(16)));
    return clone(body, stack + sizeof stack, flags | SIGCHLD, NULL);
}

static int kin_of_borrowing_grandchild(void *argument) {
    (void)argument;
    pid_t pid = clone_child(CLONE_VM | CLONE_VFORK, kin_of_child);
    int status = 0;
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static void the_loading_process_is_the_same(void **state) {
    (void)state;
    gf_self_init(0, NULL);
    assert_int_equal(gf_self_kin(), GF_KIN_SAME);
    assert_int_equal(gf_self_pid(), getpid());
}

static void a_forked_child_is_a_copy_until_it_says_otherwise(void **state) {
    (void)state;
    gf_self_init(0, NULL);
    assert_int_equal(gf_self_kin(), GF_KIN_SAME);
    pid_t pid = fork();
    if (pid == 0) {
        bool copy = gf_self_kin() == GF_KIN_COPY && gf_self_kin() == GF_KIN_COPY;
        bool stale = gf_self_pid() != getpid();
        gf_self_child();
        bool same = gf_self_kin() == GF_KIN_SAME && gf_self_pid() == getpid();
        /* and its own children are told apart again */
        pid_t grandchild = fork();
        if (grandchild == 0)
            _exit((int)gf_self_kin());
        int status = 0;
        waitpid(grandchild, &status, 0);
        _exit(copy && stale && same && WEXITSTATUS(status) == (int)GF_KIN_COPY ? 0 : 1);
    }
    assert_int_equal(exit_status(pid), 0);
    assert_int_equal(gf_self_kin(), GF_KIN_SAME);
}

static void a_fork_that_passed_libc_by_is_a_copy(void **state) {
    (void)state;
    gf_self_init(0, NULL);
    assert_int_equal(gf_self_kin(), GF_KIN_SAME);
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        syscall(SYS_exit_group, (int)gf_self_kin());
    assert_int_equal(exit_status(pid), GF_KIN_COPY);
}

/* What daemon(3) does: the parent ends, and the child goes on. */
static enum gf_kin kin_of_daemon(void) {
    int ends[2];
    char kin = 99;
    assert_int_equal(pipe(ends), 0);
    pid_t parent = fork();
    if (parent == 0) {
        parent = getpid();
        gf_self_init(0, NULL);
        if (fork() != 0)
            _exit(0);
        while (getppid() == parent)
            sched_yield();
        kin = (char)gf_self_kin();
        gf_self_child();
        if (gf_self_kin() != GF_KIN_SAME || write(ends[1], &kin, 1) != 1)
            _exit(1);
        _exit(0);
    }
    assert_int_equal(exit_status(parent), 0);
    assert_int_equal(read(ends[0], &kin, 1), 1);
    return (enum gf_kin)kin;
}

static void a_daemon_is_a_copy_though_nobody_asked_before(void **state) {
    (void)state;
    assert_int_equal(kin_of_daemon(), GF_KIN_COPY);
}

static void a_vfork_child_is_a_borrower_though_nobody_asked_before(void **state) {
    (void)state;
    gf_self_init(0, NULL);
    assert_int_equal(exit_status(clone_child(CLONE_VM | CLONE_VFORK, kin_of_child)),
                     GF_KIN_BORROWER);
    assert_int_equal(gf_self_kin(), GF_KIN_SAME);
}

static void asking_leaves_errno(void **state) {
    (void)state;
    gf_self_init(0, NULL);
    const struct rlimit none = {0, RLIM_INFINITY};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    errno = EXDEV;
    enum gf_kin kin = gf_self_kin();
    int after = errno;
    setrlimit(RLIMIT_AS, &before);
    assert_int_equal(kin, GF_KIN_SAME);
    assert_int_equal(after, EXDEV);
}

static void a_vfork_child_is_a_borrower(void **state) {
    (void)state;
    gf_self_init(0, NULL);
    assert_int_equal(gf_self_kin(), GF_KIN_SAME);
    assert_int_equal(exit_status(clone_child(CLONE_VM | CLONE_VFORK, kin_of_child)),
                     GF_KIN_BORROWER);
    assert_int_equal(gf_self_kin(), GF_KIN_SAME);
}

static void a_vfork_child_of_a_copy_is_left_alone_too(void **state) {
    (void)state;
    gf_self_init(0, NULL);
    assert_int_equal(gf_self_kin(), GF_KIN_SAME);
    pid_t pid = fork();
    if (pid == 0) {
        gf_self_child();
        _exit(kin_of_borrowing_grandchild(NULL));
    }
    assert_int_equal(exit_status(pid), GF_KIN_BORROWER);
}

/* ---- LD_PRELOAD ---- */

static const struct {
    const char *before;
    bool found;
    const char *after; /* NULL: not set any more */
} preloads[] = {
    {"libgcfreeze.so", true, NULL},
    {"/usr/lib/libgcfreeze.so", true, NULL},
    {"libgcfreeze.so.0", true, NULL},
    {"a.so:/usr/lib/libgcfreeze.so.0.1.0", true, "a.so"},
    {":libgcfreeze.so: ", true, NULL},
    {"libgcfreeze.so:/x/libgcfreeze.so", true, NULL},
    {"a.so:/x/libgcfreeze.so", true, "a.so"},
    {"/x/libgcfreeze.so:a.so", true, "a.so"},
    {"/x/libgcfreeze.so  a.so", true, "a.so"},
    {"a.so:libgcfreeze.so:b.so", true, "a.so:b.so"},
    {"a.so libgcfreeze.so b.so c.so", true, "a.so:b.so:c.so"},
    {"a.so:b.so:libgcfreeze.so:c.so::libgcfreeze.so", true, "a.so:b.so:c.so"},
    {"a.so b.so libgcfreeze.so", true, "a.so b.so"},
    /* nothing of ours: not a byte changes */
    {"a.so:b.so", false, "a.so:b.so"},
    {"a.so b.so", false, "a.so b.so"},
    {"a.so  b.so", false, "a.so  b.so"},
    {":a.so", false, ":a.so"},
    {"", false, ""},
    {" ", false, " "},
    {"libgcfreeze.sox", false, "libgcfreeze.sox"},
    {"libgcfreeze.so.0/x.so", false, "libgcfreeze.so.0/x.so"},
    {"xlibgcfreeze.so", false, "xlibgcfreeze.so"},
    {"/libgcfreeze.so/x.so", false, "/libgcfreeze.so/x.so"},
    {"/x/libgcfreeze.so/", false, "/x/libgcfreeze.so/"},
};

static void our_entry_and_no_other_leaves_ld_preload(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof preloads / sizeof *preloads; i++) {
        setenv("LD_PRELOAD", preloads[i].before, 1);
        bool found = gf_self_strip_preload("libgcfreeze.so");
        const char *after = getenv("LD_PRELOAD");
        bool right = preloads[i].after ? after && strcmp(after, preloads[i].after) == 0 : !after;
        if (found != preloads[i].found || !right)
            fail_msg("\"%s\": \"%s\"", preloads[i].before, after ? after : "(unset)");
    }
    unsetenv("LD_PRELOAD");
    assert_false(gf_self_strip_preload("libgcfreeze.so"));
    assert_null(getenv("LD_PRELOAD"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_libc_without_arguments_leaves_the_names_empty),
        cmocka_unit_test(names_outlive_an_overwritten_command_line),
        cmocka_unit_test(the_loading_process_is_the_same),
        cmocka_unit_test(a_forked_child_is_a_copy_until_it_says_otherwise),
        cmocka_unit_test(a_fork_that_passed_libc_by_is_a_copy),
        cmocka_unit_test(a_daemon_is_a_copy_though_nobody_asked_before),
        cmocka_unit_test(a_vfork_child_is_a_borrower_though_nobody_asked_before),
        cmocka_unit_test(asking_leaves_errno),
        cmocka_unit_test(a_vfork_child_is_a_borrower),
        cmocka_unit_test(a_vfork_child_of_a_copy_is_left_alone_too),
        cmocka_unit_test(our_entry_and_no_other_leaves_ld_preload),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
