#include "life.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "host.h"

static void *saved; /* the main thread's state while it is detached */

/* ---- the interpreter's life ---- */

void life_no_interpreter(void) {
    host_fork(NULL);
    host_begin();
    host_fork(host_repair);
    host_report_collector("parent");
}

/* The child is the first to have an interpreter. */
static void initialize_in_child(void) {
    host_start(host_options.signals);
    host_fork(host_repair);
}

void life_before_initialize(void) {
    host_open(host_options.library, host_options.scope);
    host_fork(initialize_in_child);
}

void life_after_finalize(void) {
    host_begin();
    host_fork(host_repair);
    py.Py_FinalizeEx();
    host_fork(NULL);
}

void life_initialize_again(void) {
    life_after_finalize();
    host_start(host_options.signals);
    host_fork(host_repair);
    host_report_collector("parent");
}

void life_unloaded(void) {
    void *handle = host_open(host_options.library, host_options.scope);
    host_start(host_options.signals);
    host_fork(host_repair);
    py.Py_FinalizeEx();
    dlclose(handle);
    host_fork(NULL);
}

/* ---- several interpreters: the main one, whose state is `saved`, and `sub` ---- */

static void *sub;

static void begin_with_sub(void) {
    host_begin();
    saved = py.PyThreadState_Swap(NULL);
    py.PyThreadState_Swap(saved);
    sub = py.Py_NewInterpreter();
    if (!sub)
        host_fail("no sub-interpreter");
    host_make_heap();
    py.PyThreadState_Swap(saved);
}

static void report_both(const char *main_one, const char *sub_one) {
    host_report_collector(main_one);
    py.PyThreadState_Swap(sub);
    host_report_collector(sub_one);
    py.PyThreadState_Swap(saved);
}

static void report_both_in_child(void) {
    py.PyEval_RestoreThread(saved);
    report_both("child", "sub-child");
}

/* An interpreter with a thread state too many cannot be ended: CPython aborts. */
static void end_sub(void) {
    report_both("parent", "sub-parent");
    host_report_status();
    py.PyThreadState_Swap(sub);
    py.Py_EndInterpreter(sub);
    py.PyThreadState_Swap(saved);
    host_fork(host_repair);
}

void life_sub_detached(void) {
    begin_with_sub();
    py.PyEval_SaveThread();
    host_fork(report_both_in_child);
    py.PyEval_RestoreThread(saved);
    end_sub();
}

void life_sub_attached(void) {
    begin_with_sub();
    host_fork(NULL);
    end_sub();
}

void life_sub_current(void) {
    begin_with_sub();
    py.PyThreadState_Swap(sub);
    host_fork(NULL);
    py.PyThreadState_Swap(saved);
    end_sub();
}

/* From 3.12 on Python code makes interpreters with a GIL of their own. */
void life_sub_isolated(void) {
    host_begin();
    host_run("try: import _interpreters as interpreters\n"
             "except ImportError: import _xxsubinterpreters as interpreters\n"
             "sub = interpreters.create()\n"
             "interpreters.run_string(sub, 'heap = [[i] for i in range(30000)]')");
    saved = py.PyEval_SaveThread();
    host_fork(NULL);
    py.PyEval_RestoreThread(saved);
    host_report_collector("parent");
    host_run("reader, writer = os.pipe()\n"
             "interpreters.run_string(sub, 'import gc, os; os.write(%%d, %%s)'"
             " %% (writer, 'str(gc.get_freeze_count()).encode()'))\n"
             "isolated = int(os.read(reader, 99))\n"
             "assert isolated < 30000, isolated");
}

/* Another thread makes interpreters and ends them, until it is told to stop. An interpreter that
 * has a thread state more than its owner knows of cannot be ended: CPython aborts. */
static volatile bool stop_ending;
static void fork_many(void);

static void *make_and_end(void *unused) {
    int state = py.PyGILState_Ensure();
    void *own = py.PyThreadState_Swap(NULL);
    py.PyThreadState_Swap(own);
    while (!stop_ending) {
        void *made = py.Py_NewInterpreter();
        if (!made)
            host_fail("no sub-interpreter");
        py.PyEval_SaveThread();
        usleep(1000); /* whoever waits for the GIL may have it */
        py.PyEval_RestoreThread(made);
        py.Py_EndInterpreter(made);
        py.PyThreadState_Swap(own);
    }
    py.PyGILState_Release(state);
    return unused;
}

void life_sub_ending(void) {
    pthread_t thread;
    host_begin();
    void *own = py.PyEval_SaveThread();
    if (pthread_create(&thread, NULL, make_and_end, NULL) != 0)
        host_fail("no thread");
    fork_many();
    stop_ending = true;
    pthread_join(thread, NULL);
    py.PyEval_RestoreThread(own);
}

/* ---- many forks: what is lost each time would show ---- */

static void fork_many(void) {
    const char *wanted = getenv("EMBED_FORKS");
    int forks = wanted ? atoi(wanted) : 0;
    for (int i = 1; i <= forks; i++) {
        alarm(60); /* a deadline for each, however many there are */
        host_fork(NULL);
        if (i == 100 || i == forks)
            host_report_holdings();
    }
}

void life_many_attached(void) {
    host_begin();
    fork_many();
}

void life_many_detached(void) {
    host_begin();
    saved = py.PyEval_SaveThread();
    fork_many();
}

void life_many_sub(void) {
    begin_with_sub();
    py.PyEval_SaveThread();
    fork_many();
}
