#include "process/caller.h"

#include <stddef.h>

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

/* libunwind's own reader tests each stack page that it has not seen by reading from one end of a
 * pipe and writing to the other (src/x86_64/Ginit.c, write_validate). A daemon that closed all
 * descriptors may have given these numbers to a database by then. Frames with unwind tables need no
 * test. */
static int access_stack(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write,
                        void *cursor) {
    (void)space;
    (void)cursor;
    if (write)
        return -UNW_EINVAL; /* walking changes nothing */
    *value = *(const unw_word_t *)address;
    return 0;
}

bool gf_caller_open(void) {
    static bool tried; /* a library that is not there will not come, and looking for it costs */
    if (tried)
        return unwind.ready;
    tried = true;
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;

    int (*set_caching_policy)(unw_addr_space_t, unw_caching_policy_t);
    unw_accessors_t *(*get_accessors)(unw_addr_space_t);
    unw_addr_space_t *local = dlsym(library, NAME_OF(UNW_OBJ(local_addr_space)));
    /* POSIX lets dlsym's object pointer hold a function; ISO C has no cast for it */
    *(void **)&set_caching_policy = dlsym(library, NAME_OF(UNW_OBJ(set_caching_policy)));
    *(void **)&get_accessors = dlsym(library, NAME_OF(UNW_ARCH_OBJ(get_accessors)));
    *(void **)&unwind.getcontext = dlsym(library, NAME_OF(UNW_ARCH_OBJ(getcontext)));
    *(void **)&unwind.init_local = dlsym(library, NAME_OF(UNW_OBJ(init_local)));
    *(void **)&unwind.step = dlsym(library, NAME_OF(UNW_OBJ(step)));
    *(void **)&unwind.get_proc_info = dlsym(library, NAME_OF(UNW_OBJ(get_proc_info)));
    *(void **)&unwind.is_signal_frame = dlsym(library, NAME_OF(UNW_OBJ(is_signal_frame)));
    if (!local || !set_caching_policy || !get_accessors || !unwind.getcontext ||
        !unwind.init_local || !unwind.step || !unwind.get_proc_info || !unwind.is_signal_frame)
        return false;

    /* The cache has a lock: a thread that walks while another one forks would leave it taken in the
     * child for ever. A fork every now and then needs no cache. */
    if (set_caching_policy(*local, UNW_CACHE_NONE) != 0)
        return false;
    get_accessors(*local)->access_mem = access_stack;
    unwind.ready = true;

    struct gf_trace warm_up;
    gf_caller_walk(&(struct gf_landmarks){0}, &warm_up);
    return true;
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
