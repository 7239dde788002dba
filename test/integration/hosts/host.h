/* What the scenarios of embed.c stand on: Python's API without its headers, forks that are waited
 * for, and reports as one JSON object a line.
 *
 * Everything that goes wrong ends the host with a message and status 1.
 */
#ifndef GF_TEST_HOST_H
#define GF_TEST_HOST_H

#include <stdbool.h>
#include <sys/types.h>

/* X(returns, name, arguments): looked up with dlsym in the object that host_open opens */
#define HOST_PYTHON(X)                                                                             \
    X(const char *, Py_GetVersion, (void))                                                         \
    X(void, Py_InitializeEx, (int))                                                                \
    X(int, Py_FinalizeEx, (void))                                                                  \
    X(int, PyRun_SimpleString, (const char *))                                                     \
    X(void *, PyEval_SaveThread, (void))                                                           \
    X(void, PyEval_RestoreThread, (void *))                                                        \
    X(int, PyGILState_Ensure, (void))                                                              \
    X(void, PyGILState_Release, (int))                                                             \
    X(void *, PyThreadState_Swap, (void *))                                                        \
    X(void *, PyThreadState_Next, (void *))                                                        \
    X(void *, PyInterpreterState_Head, (void))                                                     \
    X(void *, PyInterpreterState_Next, (void *))                                                   \
    X(void *, PyInterpreterState_ThreadHead, (void *))                                             \
    X(void *, Py_NewInterpreter, (void))                                                           \
    X(void, Py_EndInterpreter, (void *))                                                           \
    X(void, PyOS_BeforeFork, (void))                                                               \
    X(void, PyOS_AfterFork_Parent, (void))                                                         \
    X(void, PyOS_AfterFork_Child, (void))

struct host_python {
#define X(returns, name, arguments) returns(*name) arguments;
    HOST_PYTHON(X)
#undef X
};

extern struct host_python py;

/* Opens libpython with RTLD_NOW and `scope`, RTLD_LOCAL or RTLD_GLOBAL. Returns dlopen's handle. */
void *host_open(const char *library, int scope);

/* What the command line says: the library to open, with which scope, and Py_InitializeEx's
 * argument. */
extern struct host_options {
    const char *library;
    int scope, signals;
} host_options;

/* Opens the library and starts the interpreter as the command line says. */
void host_begin(void);

/* In a child: what a host does there, and a report. From 3.13 on PyOS_AfterFork_Child insists on
 * PyOS_BeforeFork; a host without either, like uWSGI by default, goes on as it is. */
void host_repair(void);

/* Py_InitializeEx(signals), and a heap worth freezing. */
void host_start(int signals);

/* In the current interpreter. */
void host_make_heap(void);

/* Is this a version whose PyOS_AfterFork_Child aborts without PyOS_BeforeFork? */
bool host_repairs_need_hooks(void);

/* Runs Python code; the calling thread is attached. */
void host_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line with the collector's state, read by Python code; the calling thread is attached. */
void host_report_collector(const char *who);

/* A line with the library's own account. Prints nothing if it is not preloaded. */
void host_report_status(void);

/* A line with what this process holds: descriptors, mappings, bytes of malloc, thread states. */
void host_report_holdings(void);

void host_fail(const char *what) __attribute__((noreturn));

/* Calls `fork_function`; the child runs `in_child` (may be NULL) and exits with 0, the parent waits
 * for it. A child that fails or hangs fails the host. */
void host_fork_with(pid_t (*fork_function)(void), void (*in_child)(void));
void host_fork(void (*in_child)(void));

/* Runs `work` in a thread of its own and waits for its end. The thread must not need the caller's
 * GIL. */
void host_in_thread(void *(*work)(void *), void *argument);

#endif
