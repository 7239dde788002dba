/* A C program without Python whose children have a dynamic linker that is held for ever.
 *
 *   fork       the child forks again
 *   clone      so does a child that libc did not make
 *   sigpipe    the child ignores SIGPIPE, as an interpreter does that initializes
 *   crowd N    N children do both, of a parent with three threads inside of the linker; after a
 *              minute in one of them the program dies of SIGALRM
 *   both N     two threads fork N times each, and each child asks the dynamic linker; what the
 *              library asks it takes long in this program
 *
 * Says what it is about to do, because a child may hang. */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loader.h"

typedef int visitor(struct dl_phdr_info *, size_t, void *);
static int (*real)(visitor *, void *);
static bool slow;

struct visit {
    visitor *visit;
    void *context;
};

static int linger(struct dl_phdr_info *object, size_t size, void *context) {
    const struct visit *visit = context;
    for (volatile int i = 0; i < 20000; i++)
        continue;
    return visit->visit(object, size, visit->context);
}

/* Stands before libc's, for preloaded objects too. */
int dl_iterate_phdr(visitor *visit, void *context) {
    if (!real) /* a preloaded library's constructor is early */
        *(void **)&real = dlsym(RTLD_NEXT, "dl_iterate_phdr");
    struct visit slowly = {visit, context};
    return slow ? real(linger, &slowly) : real(visit, context);
}

static void say(const char *who, const char *what) {
    char line[128];
    int length = snprintf(line, sizeof line, "%d, %s: %s\n", (int)getpid(), who, what);
    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        abort();
}

static void expect_end(pid_t pid) {
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        abort();
}

static void fork_once(void) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    expect_end(pid);
}

static void ignore_sigpipe(void) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
}

static pid_t make_unseen(void) {
    loader_before_fork();
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        loader_in_child();
    else
        loader_after_fork();
    return pid;
}

static void child_does(const char *what) {
    pid_t (*make)(void) = strcmp(what, "clone") == 0 ? make_unseen : fork;
    pid_t pid = make();
    if (pid == 0) {
        say("child", what);
        if (strcmp(what, "sigpipe") == 0)
            ignore_sigpipe();
        else
            fork_once();
        _exit(0);
    }
    expect_end(pid);
}

static void crowd(long forks) {
    loader_crowd(3);
    for (long i = 0; i < forks; i++) {
        alarm(60);
        pid_t pid = fork();
        if (pid == 0) {
            ignore_sigpipe();
            fork_once();
            _exit(0);
        }
        expect_end(pid);
    }
}

static void *fork_and_ask(void *forks) {
    for (long i = 0; i < *(long *)forks; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            slow = false;
            loader_ask();
            _exit(0);
        }
        expect_end(pid);
    }
    return NULL;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    long number = argc > 2 ? atol(argv[2]) : 0;
    if (strcmp(what, "crowd") == 0) {
        crowd(number);
    } else if (strcmp(what, "both") == 0) {
        pthread_t other;
        say("parent", "two threads fork");
        slow = true;
        if (pthread_create(&other, NULL, fork_and_ask, &number) != 0)
            abort();
        fork_and_ask(&number);
        pthread_join(other, NULL);
    } else {
        loader_hold_at_forks();
        child_does(what);
    }
    say("parent", "done");
    return 0;
}
