/* Who is forking: the stack of the calling thread, compared with known procedures.
 *
 * Functions are told apart by the start of their procedure in the unwind tables, which stripping
 * leaves alone. os.fork is at depth 2 on every CPython tried, fork_exec at 2 to 4 (measured, 3.7 to
 * 3.15).
 */
#ifndef GF_PROCESS_CALLER_H
#define GF_PROCESS_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gf_caller {
    GF_CALLER_UNKNOWN,
    GF_CALLER_OS_FORK,
    GF_CALLER_OS_FORKPTY,
    GF_CALLER_EXEC,      /* fork_exec of subprocess: the child executes another program */
    GF_CALLER_C_HOST,    /* no Python on this thread's stack */
    GF_CALLER_EXTENSION, /* C code below a Python frame that is none of the above */
    GF_CALLER_SIGNAL     /* a signal handler interrupted something */
};

/* The word for logs: "os.fork", "C host", ... */
const char *gf_caller_name(enum gf_caller caller);

/* Entry points of the procedures to look for; 0 where one is not known. */
struct gf_landmarks {
    uintptr_t os_fork;
    uintptr_t os_forkpty;
    uintptr_t fork_exec;
    uintptr_t eval; /* the bytecode evaluator */
    uintptr_t host; /* by which a Python program hands itself over to a C host (pyuwsgi.run) */
    /* The interpreter's own code, where it is nobody else's as well; size 0: not known. Compilers
     * split the evaluator, and its other part is a procedure of its own (Debian's 3.13 to 3.15). */
    uintptr_t code;
    size_t code_size;
};

/* A stack, innermost frame first. */
struct gf_trace {
    enum gf_caller caller; /* the innermost landmark: UNKNOWN if there was none */
    bool complete;         /* the walk reached the outermost frame */
    bool python;           /* the evaluator was on the stack, or anything of the interpreter */
};

/* One frame more of a walk. Returns whether the walk is decided. Pure. */
bool gf_trace_add(struct gf_trace *trace, const struct gf_landmarks *landmarks, uintptr_t procedure,
                  bool signal_frame);

/* Walks the calling thread's stack until a landmark decides; see gf_unwind_walk. */
void gf_caller_walk(const struct gf_landmarks *landmarks, struct gf_trace *ret);

#endif
