#include "process/caller.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/loader.h"

/* Types and constants only: the functions come from dlopen, under the names that the header's own
 * macros give them. */
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#define NAME_OF(symbol)          NAME_OF_EXPANDED(symbol)
#define NAME_OF_EXPANDED(symbol) #symbol

enum { MAX_FRAMES = 256 };

static struct {
    bool ready;
    int (*getcontext)(unw_tdep_context_t *);
    int (*init_local)(unw_cursor_t *, unw_context_t *);
    int (*step)(unw_cursor_t *);
    int (*get_proc_info)(unw_cursor_t *, unw_proc_info_t *);
    int (*is_signal_frame)(unw_cursor_t *);
    int (*set_caching_policy)(unw_addr_space_t, unw_caching_policy_t);
    unw_addr_space_t *local;
} unwind;

const char *gf_caller_name(enum gf_caller caller) {
    switch (caller) {
    case GF_CALLER_OS_FORK:
        return "os.fork";
    case GF_CALLER_OS_FORKPTY:
        return "os.forkpty";
    case GF_CALLER_EXEC:
        return "fork_exec";
    case GF_CALLER_C_HOST:
        return "C host";
    case GF_CALLER_EXTENSION:
        return "extension";
    case GF_CALLER_SIGNAL:
        return "signal handler";
    case GF_CALLER_UNKNOWN:
        break;
    }
    return "unknown";
}

bool gf_trace_add(struct gf_trace *trace, const struct gf_landmarks *landmarks, uintptr_t procedure,
                  bool signal_frame) {
    if (signal_frame) {
        trace->caller = GF_CALLER_SIGNAL;
        return true;
    }
    if (procedure == 0)
        return false;
    if (procedure == landmarks->eval)
        trace->python = true;
    if (procedure == landmarks->os_fork)
        trace->caller = GF_CALLER_OS_FORK;
    else if (procedure == landmarks->os_forkpty)
        trace->caller = GF_CALLER_OS_FORKPTY;
    else if (procedure == landmarks->fork_exec)
        trace->caller = GF_CALLER_EXEC;
    return trace->caller != GF_CALLER_UNKNOWN;
}

/* The first call makes libunwind initialize, and that opens a pipe, with which it would test
 * addresses of frames without unwind tables (1.6, src/x86_64/Ginit.c, open_pipe). The host would
 * find two descriptors that it does not know. So the call is made in a child that shares our
 * memory, but has descriptors and limits of its own, and may open none. libunwind goes on without a
 * pipe, and we never come to frames that would need one. */
static int first_call(void *unused) {
    const struct rlimit none = {0, 0};
    struct gf_trace trace;
    (void)unused;
    if (setrlimit(RLIMIT_NOFILE, &none) != 0)
        return 1;
    /* The cache has a lock: a thread that walks while another one forks would leave it taken in the
     * child for ever. A fork every now and then needs no cache. */
    if (unwind.set_caching_policy(*unwind.local, UNW_CACHE_NONE) != 0)
        return 1;
    gf_caller_walk(&(struct gf_landmarks){0}, &trace);
    return 0;
}

/* Returns whether the first call was made. The child sends no signal when it ends, and only who
 * asks for its like (__WCLONE) can wait for it. */
static bool initialize(void) {
    enum { STACK_SIZE = 128 * 1024 };
    int status = -1;
    char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return false;
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before); /* no handler of the host's may run in the child */
    pid_t child = clone(first_call, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK, NULL);
    while (child > 0 && waitpid(child, &status, (int)__WCLONE) < 0 && errno == EINTR)
        continue;
    sigprocmask(SIG_SETMASK, &before, NULL);
    munmap(stack, STACK_SIZE);
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool gf_caller_open(void) {
    static bool tried; /* a library that is not there will not come, and looking for it costs */
    if (tried)
        return unwind.ready;
    tried = true;
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;

    unwind.local = dlsym(library, NAME_OF(UNW_OBJ(local_addr_space)));
    /* POSIX lets dlsym's object pointer hold a function; ISO C has no cast for it */
    *(void **)&unwind.set_caching_policy = dlsym(library, NAME_OF(UNW_OBJ(set_caching_policy)));
    *(void **)&unwind.getcontext = dlsym(library, NAME_OF(UNW_ARCH_OBJ(getcontext)));
    *(void **)&unwind.init_local = dlsym(library, NAME_OF(UNW_OBJ(init_local)));
    *(void **)&unwind.step = dlsym(library, NAME_OF(UNW_OBJ(step)));
    *(void **)&unwind.get_proc_info = dlsym(library, NAME_OF(UNW_OBJ(get_proc_info)));
    *(void **)&unwind.is_signal_frame = dlsym(library, NAME_OF(UNW_OBJ(is_signal_frame)));
    if (!unwind.local || !unwind.set_caching_policy || !unwind.getcontext || !unwind.init_local ||
        !unwind.step || !unwind.get_proc_info || !unwind.is_signal_frame)
        return false;

    unwind.ready = true;
    unwind.ready = initialize();
    return unwind.ready;
}

bool gf_caller_can_walk(void) {
    return unwind.ready;
}

void gf_caller_walk(const struct gf_landmarks *landmarks, struct gf_trace *ret) {
    *ret = (struct gf_trace){0};
    if (!unwind.ready)
        return;
    unw_context_t context;
    unw_cursor_t cursor;
    unw_proc_info_t procedure;
    if (unwind.getcontext(&context) != 0 || unwind.init_local(&cursor, &context) != 0)
        return;
    for (int depth = 0; depth < MAX_FRAMES; depth++) {
        /* Without tables, libunwind would follow frame pointers and test addresses with a pipe of
         * its own; the host could find descriptors it does not know. */
        if (unwind.get_proc_info(&cursor, &procedure) != 0)
            return;
        if (gf_trace_add(ret, landmarks, procedure.start_ip, unwind.is_signal_frame(&cursor) > 0))
            return;
        int stepped = unwind.step(&cursor);
        if (stepped <= 0) {
            ret->complete = stepped == 0;
            return;
        }
    }
}
