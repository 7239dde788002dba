/* What the engine asks of an interpreter. An interpreter is one constant `struct gf_runtime`; the
 * engine knows nothing else about it, and tests put a fake in its place.
 *
 * All functions keep the interpreter's pending exception as it was. Those that say "inside" may
 * only be called between enter and leave.
 */
#ifndef GF_CORE_RUNTIME_H
#define GF_CORE_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#include "gcfreeze.h"
#include "process/caller.h"

/* What attaching does beside finding things. */
struct gf_attach_options {
    long brake; /* objects before a put-off collector runs after all; 0: do not put it off */
    const char *strip_preload; /* file name to take out of LD_PRELOAD; NULL: none */
    /* Called when Python code calls os.fork, before that begins: no lock is held, Python code may
     * run, and an exception that is set is raised there. Until runtime.warm_up. NULL: nothing is.
     */
    void (*before_os_fork)(void);
    /* C functions that a Python program hands itself over to, counted from 0; NULL: no more. */
    const char *(*host_function)(size_t index);
};

/* A moment of a fork, because what is allowed differs. */
enum gf_moment {
    GF_MOMENT_STARTUP, /* the interpreter initializes: imports and dlopen are allowed */
    GF_MOMENT_HOOK,    /* before hook of os.fork: no lock is held, Python code may run */
    GF_MOMENT_WINDOW   /* interposed fork: C level calls only, no bytecode, no import, no dlopen */
};

/* What enter found out; lives from enter to the last leave. */
struct gf_entry {
    enum gf_caller caller;
    bool borrowed;      /* the thread was not attached: enter took the GIL, leave gives it back */
    int gil_state;      /* PyGILState_Ensure's answer */
    void *exception[3]; /* what was pending */
    bool elsewhere;     /* the main interpreter has to be gone over to */
    void *made, *host;  /* thread states there and here, while we are there */
};

/* Bytes of what the program holds, estimated: of what is found from its modules, from what the
 * child is handed and from the functions that are running. */
struct gf_balance {
    long lost;  /* made immortal, and held no more: never freed */
    long fresh; /* would be made immortal now */
    long live;  /* held, fresh ones included */
};

/* GCFREEZE_WARMUP, for the server that is about to fork its first worker. */
struct gf_warmup {
    const char *words;
    long seconds;            /* that trials may take */
    const char *name;        /* of the server; empty: none that is known */
    const char *function;    /* MODULE:FUNCTION, which is running and forks; empty */
    const char *application; /* a variable of it with attributes, or uwsgi.opt; empty: no pages */
    void (*tell)(const char *line); /* for the operator */
};

struct gf_warmed {
    long done, left_out;
    int64_t trial_us, parent_us;
    long bytes;        /* what this process's memory grew by */
    char statuses[96]; /* "200:2 302:1 function:1" */
};

struct gf_runtime {
    /* Is there an interpreter in this process, and one that is understood? NONE means yes; else
     * NO_INTERPRETER, UNSUPPORTED or, where nobody may look for one (process/loader.h),
     * UNWINDING_OFF. Calls nothing of the interpreter but its
     * version function. A second call is cheap. */
    enum gcfreeze_reason (*find)(void);

    /* Prepares the interpreter that find found, once: keeps functions, registers `before` to be
     * called ahead of os.fork, opens libunwind, puts the collector off. At GF_MOMENT_STARTUP the
     * calling thread holds the interpreter; at GF_MOMENT_WINDOW call it inside, and libunwind stays
     * closed until the hook. `gone` is called when the interpreter has been finalized. Returns
     * NONE, NO_THREAD_STATE or PYTHON_ERROR. */
    enum gcfreeze_reason (*attach)(enum gf_moment moment, const struct gf_attach_options *options,
                                   void (*before)(void), void (*gone)(void));

    /* Says who is forking and makes the interpreter usable for the calling thread, if that is
     * possible without any risk of waiting for ever. Returns NONE, or why this fork must be left
     * alone; then there is nothing to leave. `ret->caller` is set in both cases. */
    enum gcfreeze_reason (*enter)(enum gf_moment moment, struct gf_entry *ret);
    void (*leave)(struct gf_entry *entry);

    /* Once more with the same entry, after leave and in the same thread, without asking again. */
    void (*reenter)(struct gf_entry *entry);

    /* Inside. Stops collections for the time between suspend and resume; -1 on error. */
    int (*suspend)(bool *ret_enabled);
    int (*resume)(bool enabled);

    /* Inside. The application's own collector settings, and the put-off ones again. Where the
     * application changed them itself, both do nothing. */
    int (*lift)(void);
    int (*put_off)(void);

    /* Inside. Container objects that came since the last freeze, about; a sum of min_new or more is
     * looked at twice. -1 if unknown. */
    long (*count_new)(enum gf_moment moment, long min_new);

    /* Inside. May freeze be called in this moment? If not, count_new may not be called either. */
    bool (*freezes_in)(enum gf_moment moment);

    /* Inside, after count_new. Moves all tracked objects to the permanent generation; -1 on error.
     */
    int (*freeze)(enum gf_moment moment);

    /* Inside, after count_new, where freeze may be called. Has the application frozen its heap
     * itself? Then that was the freeze from which new objects are counted. */
    bool (*frozen_by_application)(enum gf_moment moment);

    /* Inside, after freeze. Lets the interpreter's end collect what was frozen. */
    void (*thaw_at_exit)(void);

    /* Inside, after count_new, at GF_MOMENT_HOOK only: a full collection, which runs Python code;
     * -1 on error. */
    int (*collect)(void);

    /* Inside. Who called this fork, a line each: the Python functions on the stack as
     * MODULE:FUNCTION, innermost first, or the C function that the program was handed over to. What
     * does not fit is left out. */
    void (*callers)(enum gf_moment moment, char *buffer, size_t size);

    /* Inside. Can objects be made immortal here? NULL, or why not, as the end of a sentence. */
    const char *(*immortal_obstacle)(void);

    /* Inside, after a NULL from immortal_obstacle. How many objects that the child of this fork is
     * handed are not immortal yet; `most` if there are more. */
    long (*count_handed)(long most);

    /* Inside, after a NULL from immortal_obstacle and right before immortalize, which may be left
     * out. `lost` and `live` are those of an earlier call as long as little was made immortal
     * since. All 0: nothing has been made immortal so far. False: memory ran out. `handed`: of what
     * the child is handed as well, as immortalize will be told. */
    bool (*weigh)(bool handed, struct gf_balance *ret);

    /* Inside, after a NULL from immortal_obstacle. Makes immortal what the loaded modules hold,
     * with `handed` also what the child is handed, and returns how many objects became so. False in
     * *ret_complete: memory ran out on the way. */
    long (*immortalize)(bool handed, bool *ret_complete);

    /* Inside, after a NULL from immortal_obstacle. The same for an object and what hangs from it:
     * somebody asked for it, so it never counts as lost. */
    long (*share)(void *object, bool *ret_complete);

    /* Inside; in the hook's moment: ahead of os.fork. May Python code of the application run now?
     * NULL, or why not, as the end of a sentence. */
    const char *(*warm_up_obstacle)(enum gf_moment moment);

    /* Inside, after a NULL from warm_up_obstacle. Runs Python code of the application, in a child
     * and in this process; may leave an exception set (KeyboardInterrupt). False: nothing is known
     * of what it did. before_os_fork is not called any more. */
    bool (*warm_up)(const struct gf_warmup *warmup, struct gf_warmed *ret);

    /* Inside. before_os_fork is not called any more. */
    void (*cool)(void);

    /* Sees to it that pages/arenas knows the interpreter's arenas from now on. False: there is no
     * interpreter, or its arenas come from somebody else's functions. Any number of calls: at load,
     * before the interpreter is initialized; at attach; right before a fork. Calls nothing of the
     * interpreter but the two functions for that. */
    bool (*watch_arenas)(void);

    /* For a thread that waits: takes the interpreter if this thread has a thread state, so that no
     * other executes Python until leave. May wait as long as the thread would wait for it anyway
     * after its own wait. False: nothing to leave. */
    bool (*take)(struct gf_entry *ret);

    /* The same only if there is nothing to wait for: nobody has the interpreter, and all other
     * threads sleep. False also where that cannot be told. */
    bool (*take_free)(struct gf_entry *ret);

    /* Is this the address of code that gives the interpreter up before it waits, and holds no lock
     * of its own? */
    bool (*waits_for_python)(const void *code);

    /* Is it code of a C host that the calling thread, which has a thread state, is in without the
     * interpreter, perhaps with a lock of that host's own? Then take_free may be called. */
    bool (*waits_in_host)(const void *code);

    /* "3.13.0", or empty as long as nothing was found. */
    const char *(*version)(void);

    /* A line for the operator about what find or attach noticed, or NULL. */
    const char *(*remark)(void);

    bool (*unwinding)(void); /* false: libunwind is missing */
};

#endif
