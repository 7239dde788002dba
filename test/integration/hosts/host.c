#include "host.h"

#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gcfreeze.h"

#define MEMORY_LIMIT (1UL << 30)

struct host_python py;
struct host_options host_options;

/* A scenario that leaks must not take the machine with it. */
__attribute__((constructor)) static void limit_memory(void) {
    const struct rlimit limit = {MEMORY_LIMIT, MEMORY_LIMIT};
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        host_fail("setrlimit failed");
}

void host_fail(const char *what) {
    fprintf(stderr, "host: %s\n", what);
    _exit(1);
}

void *host_open(const char *library, int scope) {
    void *handle = dlopen(library, RTLD_NOW | scope);
    if (!handle)
        host_fail(dlerror());
#define X(returns, name, arguments)                                                                \
    *(void **)&py.name = dlsym(handle, #name);                                                     \
    if (!py.name)                                                                                  \
        host_fail("no " #name);
    HOST_PYTHON(X)
#undef X
    return handle;
}

void host_run(const char *format, ...) {
    char code[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(code, sizeof code, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof code)
        host_fail("code is too long");
    if (py.PyRun_SimpleString(code) != 0)
        host_fail("Python code failed");
}

bool host_repairs_need_hooks(void) {
    int minor = 0;
    if (sscanf(py.Py_GetVersion(), "3.%d", &minor) != 1)
        host_fail("not a version of Python 3");
    return minor >= 13;
}

void host_make_heap(void) {
    host_run("import gc, json, os\nheap = [[i] for i in range(30000)]");
}

void host_start(int signals) {
    py.Py_InitializeEx(signals);
    host_make_heap();
}

void host_begin(void) {
    host_open(host_options.library, host_options.scope);
    host_start(host_options.signals);
}

/* Not to stdout: in the child of forkpty that is the terminal. */
static int report_to(void) {
    static int fd;
    if (fd == 0)
        fd = dup(STDOUT_FILENO);
    return fd;
}

void host_report_collector(const char *who) {
    host_run("os.write(%d, (json.dumps({'who': '%s', 'threshold': gc.get_threshold(),"
             " 'enabled': gc.isenabled(), 'frozen': gc.get_freeze_count()}) + '\\n').encode())",
             report_to(), who);
}

void host_repair(void) {
    if (!host_repairs_need_hooks())
        py.PyOS_AfterFork_Child();
    host_report_collector("child");
}

static int count_entries(const char *folder) {
    int count = 0;
    DIR *entries = opendir(folder);
    if (!entries)
        host_fail(folder);
    while (readdir(entries))
        count++;
    closedir(entries);
    return count;
}

/* Bytes that malloc has handed out; 0 with musl, which does not tell. */
static size_t allocated(void) {
#ifdef __GLIBC__
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

void host_report_holdings(void) {
    int states = 0;
    void *interpreter = py.PyInterpreterState_Head();
    for (; interpreter; interpreter = py.PyInterpreterState_Next(interpreter)) {
        void *state = py.PyInterpreterState_ThreadHead(interpreter);
        for (; state; state = py.PyThreadState_Next(state))
            states++;
    }
    int descriptors = count_entries("/proc/self/fd");
    int mappings = count_entries("/proc/self/map_files");
    dprintf(report_to(),
            "{\"who\": \"holdings\", \"descriptors\": %d, \"mappings\": %d, \"malloc\": %zu,"
            " \"states\": %d}\n",
            descriptors, mappings, allocated(), states);
}

void host_report_status(void) {
    int (*get)(struct gcfreeze_status *) = NULL;
    const char *(*name)(int32_t) = NULL;
    *(void **)&get = dlsym(RTLD_DEFAULT, "gcfreeze_status");
    *(void **)&name = dlsym(RTLD_DEFAULT, "gcfreeze_reason_name");
    struct gcfreeze_status status = {.size = sizeof status};
    if (!get || !name)
        return;
    if (get(&status) != 0)
        host_fail("gcfreeze_status failed");
    dprintf(report_to(),
            "{\"who\": \"status\", \"attached\": %d, \"python\": \"%s\", \"seen\": %lu,"
            " \"frozen\": %lu, \"last\": \"%s\", \"skipped\": {",
            status.attached, status.python, (unsigned long)status.forks_seen,
            (unsigned long)status.forks_frozen, name(status.last_reason));
    const char *separator = "";
    for (int reason = 0; reason < GCFREEZE_REASON_COUNT; reason++) {
        if (status.skipped[reason] == 0)
            continue;
        dprintf(report_to(), "%s\"%s\": %lu", separator, name(reason),
                (unsigned long)status.skipped[reason]);
        separator = ", ";
    }
    dprintf(report_to(), "}}\n");
}

void host_fork_with(pid_t (*fork_function)(void), void (*in_child)(void)) {
    report_to();
    pid_t pid = fork_function();
    if (pid < 0)
        host_fail("fork failed");
    if (pid == 0) {
        alarm(60); /* alarms are not inherited */
        if (in_child)
            in_child();
        _exit(0);
    }
    int status = -1;
    if (waitpid(pid, &status, 0) != pid)
        host_fail("waitpid failed");
    if (status != 0) {
        fprintf(stderr, "host: child %d ended with wait status 0x%x\n", (int)pid, status);
        _exit(1);
    }
}

void host_fork(void (*in_child)(void)) {
    host_fork_with(fork, in_child);
}

void host_in_thread(void *(*work)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, argument) != 0 || pthread_join(thread, NULL) != 0)
        host_fail("no thread");
}
