/* libgcfreeze: what the preloaded library did in this process, and what it is to do.
 *
 * The library is meant to be preloaded, not linked: find these functions with dlsym, or from Python
 * with ctypes.CDLL(None). All but gcfreeze_immortalize may be called from any thread and at any
 * time; they take no lock, allocate nothing and call nothing of Python.
 */
#ifndef GCFREEZE_H
#define GCFREEZE_H

#include <stdint.h>

#define GCFREEZE_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* Every decision has one of these reasons. The number is the index into `skipped` below and the
 * word is what logs print. The list only grows at its end: numbers are part of the ABI.
 *
 * X(identifier, word, what it means) */
#define GCFREEZE_REASONS(X)                                                                        \
    X(NONE, "none", "nothing was decided yet")                                                     \
    /* reasons to freeze */                                                                        \
    X(FIRST_WORKER_FORK, "first-worker-fork", "the first fork of this process that is no exec")    \
    X(HEAP_GROWN, "heap-grown", "at least GCFREEZE_MIN_NEW objects came since the last freeze")    \
    X(EVERY_FORK, "every-fork", "GCFREEZE_WHEN=every")                                             \
    /* reasons to leave a fork alone */                                                            \
    X(EXEC_BOUND, "exec-bound", "the child will execute another program")                          \
    X(NOTHING_NEW, "nothing-new", "fewer than GCFREEZE_MIN_NEW objects since the last freeze")     \
    X(POLICY_NEVER, "policy-never", "GCFREEZE_WHEN=never")                                         \
    X(POLICY_FIRST, "policy-first", "GCFREEZE_WHEN=first, and the first fork has been")            \
    X(POLICY_AFTER, "policy-after", "GCFREEZE_WHEN=after:N lets this fork pass")                   \
    X(DISABLED, "disabled", "GCFREEZE=0")                                                          \
    X(FILTERED, "filtered", "GCFREEZE_ONLY or GCFREEZE_SKIP leaves this program out")              \
    X(NO_INTERPRETER, "no-interpreter", "no CPython in this process")                              \
    X(UNSUPPORTED, "unsupported", "a CPython that this library does not know how to treat")        \
    X(FREE_THREADED, "free-threaded", "a free-threaded CPython, in the fork or with threads")      \
    X(NOT_INITIALIZED, "not-initialized", "the interpreter is not initialized")                    \
    X(FINALIZING, "finalizing", "the interpreter is shutting down")                                \
    X(SUB_INTERPRETERS, "sub-interpreters", "several interpreters, and no way to them now")        \
    X(NO_THREAD_STATE, "no-thread-state", "the forking thread is unknown to the interpreter")      \
    X(GIL_TAKEN, "gil-taken",                                                                      \
      "another thread may hold the global interpreter lock, and wait for us")                      \
    X(EXTENSION, "extension", "C code called from Python forks by itself")                         \
    X(SIGNAL_HANDLER, "signal-handler", "the fork comes from a signal handler")                    \
    X(CONCURRENT, "concurrent", "another thread is in the middle of a fork")                       \
    X(UNWINDING_OFF, "unwinding-off",                                                              \
      "nobody can tell who is forking: no libunwind, or a parent that had other threads")          \
    X(PYTHON_ERROR, "python-error", "a call into the interpreter failed")                          \
    /* reasons to copy no arena, or to give nothing back (GCFREEZE_RESHARE) */                     \
    X(THREADS, "threads", "the process has more threads than the one that asks")                   \
    X(NO_ARENAS, "no-arenas",                                                                      \
      "the interpreter's small objects come from no arenas that are known")                        \
    X(TOO_MANY_ARENAS, "too-many-arenas", "copies would need more than half of the mappings left") \
    X(NO_MEMFD, "no-memfd", "the kernel grants no memfd that can be sealed")                       \
    X(NO_DESCRIPTOR, "no-descriptor", "too many open files")                                       \
    X(FILE_SIZE_LIMIT, "file-size-limit", "RLIMIT_FSIZE is smaller than an arena")                 \
    X(NO_ROOM, "no-room", "a limit of the control group or of the process leaves no room for it")  \
    X(NO_PROC, "no-proc", "/proc is missing or does not tell")                                     \
    X(LOCKED_MEMORY, "locked-memory", "the memory is locked (mlockall)")                           \
    X(OLD_KERNEL, "old-kernel",                                                                    \
      "pages cannot be moved beside an io_uring or threads before Linux 5.13")                     \
    X(FOREIGN_WAIT, "foreign-wait", "beside threads, this code's waits are left alone")            \
    X(RACED, "raced", "another thread wrote during a pass: no more of them in this process")       \
    X(BUSY_THREADS, "busy-threads", "another thread runs without the interpreter")                 \
    X(IO_URING, "io-uring", "an io_uring of the process may write to what is copied")              \
    X(PINNED_MEMORY, "pinned-memory", "memory is pinned for an io_uring or a device (VmPin)")      \
    /* a reason to freeze no more than there is */                                                 \
    X(OWN_FREEZE, "own-freeze",                                                                    \
      "the application froze its heap itself: that counts as the freeze")                          \
    /* another reason to leave a fork alone */                                                     \
    X(WARM_UP, "warm-up", "a page or function of GCFREEZE_WARMUP forks")

enum gcfreeze_reason {
#define GCFREEZE_REASON_ENUM(identifier, word, meaning) GCFREEZE_REASON_##identifier,
    GCFREEZE_REASONS(GCFREEZE_REASON_ENUM)
#undef GCFREEZE_REASON_ENUM
        GCFREEZE_REASON_COUNT
};

/* Room for reasons to come, so that the struct keeps its layout. */
#define GCFREEZE_REASON_ROOM 48

/* What happened in this process so far. A forked child starts again from zero.
 *
 * Times are microseconds of CLOCK_MONOTONIC. `tracked` is an estimate of the container objects that
 * went into the permanent generation, made from the collector's own counters: counting them exactly
 * would mean visiting each. -1 stands for "not known". */
struct gcfreeze_status {
    uint32_t size;         /* in: sizeof(struct gcfreeze_status); out: bytes that were filled */
    int32_t attached;      /* 1: an interpreter was found and prepared */
    char python[32];       /* "3.13.0", or empty */
    uint64_t forks_seen;   /* calls of fork and forkpty */
    uint64_t forks_frozen; /* of these, the ones that a freeze preceded */
    uint64_t spawns_seen;  /* calls of posix_spawn and posix_spawnp */
    uint64_t skipped[GCFREEZE_REASON_ROOM]; /* forks left alone, by enum gcfreeze_reason */

    /* the last fork */
    int32_t last_reason;  /* enum gcfreeze_reason */
    int32_t last_child;   /* pid, or -1 if the fork failed; 0 before the first */
    int32_t last_frozen;  /* 1: a freeze preceded it */
    int32_t last_threads; /* of the process at the last fork of a worker; 0: not known */
    int64_t last_tracked;
    int64_t last_collect_us;
    int64_t last_freeze_us;
    int64_t last_fork_us;

    /* GCFREEZE_RESHARE */
    uint64_t snapshot_bytes; /* arenas that this process has copied */
    int64_t snapshot_us;
    uint64_t passes;           /* that are over */
    uint64_t pages_given_back; /* of the system's page size; a running pass counts, too */
    uint64_t pages_kept;       /* that were looked at and differed; the same */
    int64_t pass_us;           /* what passes took together; the same */
    int32_t pass_reason;       /* why the last copying or pass did less than all, or why no pass can
                                  begin; 0: it did all */
    int32_t pass_running;      /* 1: a pass has begun and is not over */

    /* what is done right before a fork; empty as long as no interpreter was found */
    char mode[16];      /* "freeze" or "immortal" */
    char mode_why[144]; /* why that one: "auto: gunicorn preloads" */

    /* GCFREEZE_WARMUP, in the process that forks the workers */
    int32_t warmup_done;      /* pages and functions that it ran before its first worker's fork */
    int32_t warmup_left_out;  /* those that it did not run: the log says why */
    int64_t warmup_trial_us;  /* what trying them in children took */
    int64_t warmup_parent_us; /* what running them took */
    int64_t warmup_bytes;     /* what its memory grew by: workers share that */

    /* GCFREEZE_RESHARE, in a process that waits */
    uint64_t pass_looks;      /* how often it was looked whether a pass is worth beginning */
    int64_t regainable_bytes; /* at the last look: what was copied since the last pass began, at
                                 most (its page faults); not known as long as pass_looks is 0 */
};

/* The same for other processes: a variable of the library, to be found in its symbol table and read
 * with process_vm_readv(2) or from /proc/PID/mem, by who may debug the process. Believe it only if
 * magic and version are these and pid is the process's: in a child whose fork passed the library
 * by, all is still its parent's. */
#define GCFREEZE_PAGE_MAGIC   "gcfreeze"
#define GCFREEZE_PAGE_VERSION 1

struct gcfreeze_page {
    char magic[8];
    uint32_t version;
    int32_t pid;
    struct gcfreeze_status status;
};

GCFREEZE_API extern struct gcfreeze_page gcfreeze_page;

/* Makes an object immortal, and what hangs from it: its reference count is never written again, so
 * that children which are forked later share its memory as long as nobody changes it. It is never
 * freed either. Which types become so, and which stay mortal: docs/architecture.md.
 *
 * `object` is a PyObject *; the caller holds a reference. From a thread that Python knows, with or
 * without the GIL; not in a child between fork and its first Python code. About 30 ns an object.
 *
 * Returns how many objects became immortal now; errno is ENOMEM if memory ran out and some did not.
 * -1 with EINVAL if it is NULL; -1 with ENOTSUP where nothing can be made immortal: before CPython
 * 3.12 or without a GIL, with GCFREEZE=0, and in a host that starts without signal handlers (uWSGI)
 * before its first fork. */
struct _object;
GCFREEZE_API int64_t gcfreeze_immortalize(struct _object *object);

/* The library's version, like "0.1.0". Never NULL. */
GCFREEZE_API const char *gcfreeze_version(void);

/* Fills *status. `status->size` must hold the caller's idea of the struct's size; a smaller struct
 * of an older header is filled as far as it reaches. Returns 0, or -1 with errno EINVAL if status
 * is NULL or its size is below 8. */
GCFREEZE_API int gcfreeze_status(struct gcfreeze_status *status);

/* The word for a reason, or NULL for a number that is none. */
GCFREEZE_API const char *gcfreeze_reason_name(int32_t reason);

/* What it means, or NULL. */
GCFREEZE_API const char *gcfreeze_reason_meaning(int32_t reason);

#ifdef __cplusplus
}
#endif

#endif
