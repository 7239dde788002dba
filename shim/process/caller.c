#include "process/caller.h"

#include <stddef.h>

#include "process/unwind.h"

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
    if (procedure == landmarks->eval || procedure - landmarks->code < landmarks->code_size)
        trace->python = true;
    if (procedure == landmarks->os_fork)
        trace->caller = GF_CALLER_OS_FORK;
    else if (procedure == landmarks->os_forkpty)
        trace->caller = GF_CALLER_OS_FORKPTY;
    else if (procedure == landmarks->fork_exec)
        trace->caller = GF_CALLER_EXEC;
    else if (procedure == landmarks->host && !trace->python) /* else the host has called Python */
        trace->caller = GF_CALLER_C_HOST;
    return trace->caller != GF_CALLER_UNKNOWN;
}

struct walk {
    const struct gf_landmarks *landmarks;
    struct gf_trace *trace;
};

static bool add_frame(uintptr_t procedure, bool signal_frame, void *context) {
    const struct walk *walk = context;
    return gf_trace_add(walk->trace, walk->landmarks, procedure, signal_frame);
}

void gf_caller_walk(const struct gf_landmarks *landmarks, struct gf_trace *ret) {
    *ret = (struct gf_trace){0};
    ret->complete = gf_unwind_walk(add_frame, &(struct walk){landmarks, ret});
}
