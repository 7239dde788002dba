/* A C program that embeds Python without being linked to it, and forks in every way that a host may
 * think of.
 *
 *   embed LIBPYTHON local|global SIGNALS SCENARIO
 *   embed list
 *
 * SIGNALS is the argument of Py_InitializeEx. Prints reports (see host.h) and exits with 0 if every
 * child has.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "life.h"

enum { STRESS_FORKS = 200, HANG_AFTER = 300 };

static void *saved; /* the main thread's state while it is detached */

/* ---- what children do ---- */

static void repair_with_hooks(void) {
    py.PyOS_AfterFork_Child();
    host_report_collector("child");
}

static void attach_and_repair(void) {
    py.PyEval_RestoreThread(saved);
    host_repair();
}

static void repair_and_collect(void) {
    py.PyOS_AfterFork_Child();
    host_run("gc.collect()");
}

/* ---- the calling thread's state ---- */

static void attached(void) {
    host_begin();
    host_fork(host_repair);
    host_report_collector("parent");
}

static void detached(void) {
    host_begin();
    saved = py.PyEval_SaveThread();
    host_fork(attach_and_repair);
    py.PyEval_RestoreThread(saved);
    host_report_collector("parent");
}

static pid_t fork_with_hooks(void) {
    py.PyOS_BeforeFork();
    pid_t pid = fork();
    if (pid != 0)
        py.PyOS_AfterFork_Parent();
    return pid;
}

static void hooks(void) {
    host_begin();
    host_fork_with(fork_with_hooks, repair_with_hooks);
    host_report_collector("parent");
}

static pid_t fork_pty(void) {
    int terminal = -1;
    return forkpty(&terminal, NULL, NULL, NULL);
}

static void pty(void) {
    host_begin();
    host_fork_with(fork_pty, host_repair);
    host_report_collector("parent");
}

static void pty_detached(void) {
    host_begin();
    saved = py.PyEval_SaveThread();
    host_fork_with(fork_pty, attach_and_repair);
}

/* ---- threads ---- */

static void *take_gil_and_fork(void *unused) {
    int state = py.PyGILState_Ensure();
    host_fork(host_repair);
    py.PyGILState_Release(state);
    return unused;
}

static void thread_attached(void) {
    host_begin();
    saved = py.PyEval_SaveThread();
    host_in_thread(take_gil_and_fork, NULL);
    py.PyEval_RestoreThread(saved);
    host_report_collector("parent");
}

static void *only_fork(void *unused) {
    host_fork(NULL);
    return unused;
}

/* The main thread holds the GIL and waits for the forking thread. */
static void stranger(void) {
    host_begin();
    host_in_thread(only_fork, NULL);
    host_report_collector("parent");
}

/* The busy thread says through a pipe that Python code runs. It never gives the GIL up by itself: a
 * thread that did, again and again, would wake those who wait for it and be back before them, and
 * CPython's GIL lets them wait for minutes. */
static int busy_out[2];

static void *keep_busy(void *unused) {
    int state = py.PyGILState_Ensure();
    host_run("stop = []\n"
             "def busy():\n"
             "    os.write(%d, b'r')\n"
             "    while not stop:\n"
             "        rings = [[] for i in range(300)]\n"
             "        for ring in rings: ring.append(ring)\n"
             "        gc.collect()\n"
             "busy()\n",
             busy_out[1]);
    py.PyGILState_Release(state);
    return unused;
}

static pthread_t start_busy_thread(void) {
    pthread_t thread;
    char byte;
    if (pipe(busy_out) != 0 || pthread_create(&thread, NULL, keep_busy, NULL) != 0 ||
        read(busy_out[0], &byte, 1) != 1)
        host_fail("no busy thread");
    return thread;
}

static void stop_busy_thread(pthread_t thread) {
    int state = py.PyGILState_Ensure();
    host_run("stop.append(True)");
    py.PyGILState_Release(state);
    if (pthread_join(thread, NULL) != 0)
        host_fail("the busy thread does not stop");
}

static void stranger_busy(void) {
    host_begin();
    saved = py.PyEval_SaveThread();
    pthread_t busy = start_busy_thread();
    host_in_thread(only_fork, NULL);
    stop_busy_thread(busy);
    py.PyEval_RestoreThread(saved);
    host_report_collector("parent");
}

/* The forking thread is known but not attached; another one runs Python code. The child could take
 * no GIL, with or without us. */
static void detached_busy(void) {
    host_begin();
    saved = py.PyEval_SaveThread();
    pthread_t busy = start_busy_thread();
    host_fork(NULL);
    stop_busy_thread(busy);
    py.PyEval_RestoreThread(saved);
    host_report_collector("parent");
}

static void stress_detached(void) {
    host_begin();
    saved = py.PyEval_SaveThread();
    pthread_t busy = start_busy_thread();
    for (int i = 0; i < STRESS_FORKS; i++)
        host_fork(NULL);
    stop_busy_thread(busy);
}

static void stress_hooks(void) {
    host_begin();
    saved = py.PyEval_SaveThread();
    pthread_t busy = start_busy_thread();
    for (int i = 0; i < STRESS_FORKS; i++) {
        py.PyEval_RestoreThread(saved);
        host_fork_with(fork_with_hooks, repair_and_collect);
        saved = py.PyEval_SaveThread();
    }
    stop_busy_thread(busy);
}

static void *fork_often(void *unused) {
    for (int i = 0; i < STRESS_FORKS; i++)
        host_fork(NULL);
    return unused;
}

/* Two threads fork at once, without a thread state and detached, while a third one is busy. */
static void stress_threads(void) {
    pthread_t forking;
    host_begin();
    saved = py.PyEval_SaveThread();
    pthread_t busy = start_busy_thread();
    if (pthread_create(&forking, NULL, fork_often, NULL) != 0)
        host_fail("no thread");
    fork_often(NULL);
    pthread_join(forking, NULL);
    stop_busy_thread(busy);
}

/* ---- strange places ---- */

/* A collection in the middle of fork would run the application's callbacks and finalizers there. */
static void eager_collector(void) {
    int collections[2];
    char bytes[64];
    host_begin();
    if (pipe2(collections, O_NONBLOCK) != 0)
        host_fail("no pipe");
    host_run("gc.callbacks.append(lambda phase, info: os.write(%d, b'c'))\n"
             "gc.set_threshold(1)\n"
             "used_up = [[{}, ()] for i in range(1000)]  # no free lists to allocate from",
             collections[1]);
    for (int i = 0; i < 3; i++) {
        while (read(collections[0], bytes, sizeof bytes) > 0)
            continue;
        host_fork(NULL);
        if (read(collections[0], bytes, sizeof bytes) != -1)
            host_fail("Python code ran inside fork");
    }
}

static void fork_in_handler(int signum) {
    (void)signum;
    host_fork(NULL);
}

static void signal_handler(void) {
    host_begin();
    struct sigaction action = {.sa_handler = fork_in_handler};
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    saved = py.PyEval_SaveThread();
    raise(SIGUSR1);
    py.PyEval_RestoreThread(saved);
    host_report_collector("parent");
}

static void constructor(void) {
    const char *forking = getenv("EMBED_FORKING");
    host_begin();
    void *handle = dlopen(forking, RTLD_NOW);
    if (!handle || dlclose(handle) != 0)
        host_fail(dlerror());
    saved = py.PyEval_SaveThread();
    if (!dlopen(forking, RTLD_NOW))
        host_fail(dlerror());
}

/* A daemon closes what it did not open, and gets the same numbers again. */
static void reused_descriptors(void) {
    int own[2];
    char byte;
    host_begin();
    for (int fd = 3; fd < 64; fd++)
        close(fd);
    if (pipe2(own, O_NONBLOCK) != 0 || own[0] != 3 || own[1] != 4)
        host_fail("no pipe where the first one is expected");
    host_in_thread(only_fork, NULL); /* a stack that nobody has walked yet */
    host_fork(host_repair);
    if (fcntl(own[0], F_GETFD) == -1 || read(own[0], &byte, 1) != -1)
        host_fail("somebody used the host's descriptors");
}

/* Somebody has cancelled the forking thread, and fork is no cancellation point; nor does it touch
 * errno if it succeeds. */
static pid_t fork_cancelled(void) {
    pthread_cancel(pthread_self());
    errno = EXDEV;
    pid_t pid = fork();
    int error = errno;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    if (error != EXDEV)
        host_fail("fork changed errno");
    return pid;
}

static void cancelled(void) {
    host_begin();
    host_fork_with(fork_cancelled, host_repair);
    host_report_collector("parent");
}

/* As daemon(3) does it: a fork that nobody can interpose. 64-bit ARM has no SYS_fork. */
static pid_t hidden_fork(void) {
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void repair_and_fork(void) {
    host_repair();
    host_fork(host_repair);
    host_report_status();
}

static void daemonized(void) {
    host_begin();
    host_fork_with(hidden_fork, repair_and_fork);
}

__attribute__((noinline)) static void borrow_and_fork(void) {
    pid_t pid = vfork();
    if (pid < 0)
        host_fail("vfork failed");
    if (pid == 0) {
        int status = -1;
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        _exit(child < 0 || waitpid(child, &status, 0) != child || status != 0);
    }
    int status = -1;
    if (waitpid(pid, &status, 0) != pid || status != 0)
        host_fail("the vfork child failed");
}

static void borrower(void) {
    host_begin();
    borrow_and_fork();
    host_report_status();
    host_fork(host_repair);
}

static const struct {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    {"attached", attached},
    {"detached", detached},
    {"hooks", hooks},
    {"pty", pty},
    {"pty-detached", pty_detached},
    {"thread-attached", thread_attached},
    {"stranger", stranger},
    {"stranger-busy", stranger_busy},
    {"detached-busy", detached_busy},
    {"stress-detached", stress_detached},
    {"stress-hooks", stress_hooks},
    {"stress-threads", stress_threads},
    {"no-interpreter", life_no_interpreter},
    {"before-initialize", life_before_initialize},
    {"after-finalize", life_after_finalize},
    {"initialize-again", life_initialize_again},
    {"unloaded", life_unloaded},
    {"sub-detached", life_sub_detached},
    {"sub-attached", life_sub_attached},
    {"sub-current", life_sub_current},
    {"sub-isolated", life_sub_isolated},
    {"sub-ending", life_sub_ending},
    {"many-attached", life_many_attached},
    {"many-detached", life_many_detached},
    {"many-sub", life_many_sub},
    {"signal-handler", signal_handler},
    {"eager-collector", eager_collector},
    {"reused-descriptors", reused_descriptors},
    {"constructor", constructor},
    {"cancelled", cancelled},
    {"daemonized", daemonized},
    {"borrower", borrower},
};

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
            puts(scenarios[i].name);
        return 0;
    }
    if (argc != 5)
        host_fail("usage: embed LIBPYTHON local|global SIGNALS SCENARIO");
    host_options.library = argv[1];
    host_options.scope = strcmp(argv[2], "global") == 0 ? RTLD_GLOBAL : RTLD_LOCAL;
    host_options.signals = atoi(argv[3]);
    alarm(HANG_AFTER);
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        if (strcmp(scenarios[i].name, argv[4]) != 0)
            continue;
        scenarios[i].run();
        host_report_status();
        /* not exit(): a host that never finalizes is the common kind */
        fflush(NULL);
        _exit(0);
    }
    host_fail("no such scenario");
}
