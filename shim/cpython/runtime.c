#include "cpython/runtime.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "cpython/attach.h"
#include "cpython/brake.h"
#include "cpython/call.h"
#include "cpython/collector.h"
#include "cpython/frames.h"
#include "cpython/immortal.h"
#include "cpython/interpreter.h"
#include "cpython/interpreters.h"
#include "cpython/thaw.h"
#include "cpython/thread.h"
#include "cpython/warmup.h"
#include "cpython/watch.h"
#include "process/loader.h"
#include "process/objects.h"
#include "process/threads.h"
#include "process/unwind.h"

struct gf_interpreter_state gf_python;

static char remark_text[192];

/* "3.13.0" of "3.13.0 (main, ...)" */
static void keep_version(const char *text) {
    struct gf_text version;
    gf_text_init(&version, gf_python.version_text, sizeof gf_python.version_text);
    gf_text_add_bytes(&version, text, strcspn(text, " "));
}

static void keep_remark(const char *what, const char *name) {
    struct gf_text remark;
    gf_text_init(&remark, remark_text, sizeof remark_text);
    gf_text_add(&remark, "CPython ");
    gf_text_add_plain(&remark, gf_python.version_text);
    gf_text_add_char(&remark, ' ');
    gf_text_add(&remark, what);
    gf_text_add(&remark, name);
}

/* `missing`: a symbol that every supported version exports, or NULL. */
static enum gcfreeze_reason judge(const char *missing) {
    const char *text = gf_python.api.Py_GetVersion();
    enum gf_support support = gf_version_judge(text, &gf_python.version);
    keep_version(text);
    if (support == GF_OLDER) {
        keep_remark("is left alone: 3.8 and later are supported", "");
        return GCFREEZE_REASON_UNSUPPORTED;
    }
    gf_python.free_threaded = gf_version_free_threaded(text) || gf_python.api._Py_DecRefShared;
    if (!missing)
        missing = gf_version_missing(gf_python.version, &gf_python.api);
    if (missing) {
        keep_remark("is left alone: it does not export ", missing);
        return GCFREEZE_REASON_UNSUPPORTED;
    }
    gf_python.newer = support == GF_NEWER;
    if (gf_python.newer)
        keep_remark("is newer than this library knows: frozen through the public API alone", "");
    return GCFREEZE_REASON_NONE;
}

static bool attached(void) {
    return gf_python.gc.freeze != NULL;
}

/* Until it is attached, an interpreter may be unloaded and come back somewhere else: Apache does
 * that with its modules when it restarts, and libpython is one's dependency. */
static enum gcfreeze_reason find(void) {
    static enum gcfreeze_reason judgement;
    static uint64_t found_at; /* gf_objects_changes() */
    const char *missing = NULL;
    if (!attached() && !gf_loader_answers())
        return GCFREEZE_REASON_UNWINDING_OFF;
    uint64_t changes = attached() ? found_at : gf_objects_changes();
    if (gf_python.found && changes == found_at)
        return judgement;
    gf_python.found = false;
    gf_python.version_text[0] = '\0';
    if (!gf_api_find(&gf_python.api, &missing))
        return GCFREEZE_REASON_NO_INTERPRETER;
    judgement = judge(missing);
    found_at = changes;
    gf_python.found = true;
    return judgement;
}

static void reenter(struct gf_entry *entry) {
    const struct gf_api *api = &gf_python.api;
    if (entry->borrowed)
        entry->gil_state = api->PyGILState_Ensure();
    api->PyErr_Fetch((gf_object **)&entry->exception[0], (gf_object **)&entry->exception[1],
                     (gf_object **)&entry->exception[2]);
    if (entry->elsewhere)
        gf_interpreters_enter_main((gf_thread **)&entry->made, (gf_thread **)&entry->host);
}

static void leave(struct gf_entry *entry) {
    const struct gf_api *api = &gf_python.api;
    if (entry->made)
        gf_interpreters_leave(entry->made, entry->host);
    entry->made = NULL;
    api->PyErr_Restore(entry->exception[0], entry->exception[1], entry->exception[2]);
    if (entry->borrowed)
        api->PyGILState_Release(entry->gil_state);
}

static enum gcfreeze_reason attach(enum gf_moment moment, const struct gf_attach_options *options,
                                   void (*before)(void), void (*gone)(void)) {
    struct gf_entry entry = {0};
    if (moment != GF_MOMENT_STARTUP)
        return gf_attach(moment, options, before, gone);
    if (gf_thread_attachment() != GF_ATTACHED)
        return GCFREEZE_REASON_NO_THREAD_STATE;
    reenter(&entry);
    enum gcfreeze_reason reason = gf_attach(moment, options, before, gone);
    leave(&entry);
    return reason;
}

/* A signal handler runs with its own signal blocked, and C code that forks to execute blocks all
 * (posix_spawn's way, libuv's, fork_exec's). */
static bool signals_blocked(void) {
    sigset_t mask;
    sigemptyset(&mask); /* the kernel fills in 8 bytes, and older libcs look at all 128 */
    return sigprocmask(SIG_BLOCK, NULL, &mask) != 0 || !sigisemptyset(&mask);
}

/* Without a stack to look at: the module whose code is running tells who called the C function that
 * forks. Inside. */
static enum gf_caller guess_caller(gf_object *globals) {
    static const char *const executing[] = {"subprocess", "multiprocessing.util"};
    const struct gf_api *api = &gf_python.api;
    gf_object *name = api->PyDict_GetItemString(globals, "__name__"); /* borrowed */
    const char *text = name ? api->PyUnicode_AsUTF8(name) : NULL;
    if (!text) {
        api->PyErr_Clear();
        return GF_CALLER_UNKNOWN;
    }
    for (size_t i = 0; i < sizeof executing / sizeof *executing; i++) {
        if (strcmp(text, executing[i]) == 0)
            return GF_CALLER_EXEC;
    }
    return GF_CALLER_OS_FORK;
}

/* What the stack alone did not tell. Inside. */
static enum gf_caller ask_python(enum gf_moment moment) {
    gf_object *globals = gf_python.api.PyEval_GetGlobals(); /* borrowed; NULL: no Python frame */
    if (!globals) {
        gf_python.api.PyErr_Clear();
        return gf_unwind_ready() || !signals_blocked() ? GF_CALLER_C_HOST : GF_CALLER_UNKNOWN;
    }
    if (!gf_unwind_ready())
        return guess_caller(globals);
    /* In the hook, subprocess may be missed (cold-split code): nothing is known for certain. */
    return moment == GF_MOMENT_HOOK ? GF_CALLER_UNKNOWN : GF_CALLER_EXTENSION;
}

/* Several interpreters. os.fork hangs or crashes with them by itself (3.9 - 3.14), so a C host it
 * must be. One that is attached when it forks may have called PyOS_BeforeFork. */
static enum gcfreeze_reason go_to_main(enum gf_moment moment, struct gf_entry *entry) {
    bool locked = moment == GF_MOMENT_WINDOW && !entry->borrowed;
    if (entry->caller != GF_CALLER_C_HOST || !gf_interpreters_reachable(locked))
        return GCFREEZE_REASON_SUB_INTERPRETERS;
    entry->elsewhere = true;
    if (gf_interpreters_enter_main((gf_thread **)&entry->made, (gf_thread **)&entry->host) != 0)
        return GCFREEZE_REASON_PYTHON_ERROR;
    return GCFREEZE_REASON_NONE;
}

/* Inside: who is forking, if the stack alone did not tell. */
static enum gcfreeze_reason identify(enum gf_moment moment, struct gf_entry *entry) {
    struct gf_trace trace = {.caller = entry->caller};
    if (entry->caller != GF_CALLER_UNKNOWN)
        return GCFREEZE_REASON_NONE;
    /* fork_exec may have been imported since the walk that did not know it */
    bool knew = gf_python.landmarks.fork_exec != 0;
    gf_attach_find_fork_exec();
    if (!knew && gf_python.landmarks.fork_exec)
        gf_caller_walk(&gf_python.landmarks, &trace);
    entry->caller = trace.caller != GF_CALLER_UNKNOWN ? trace.caller : ask_python(moment);
    return entry->caller == GF_CALLER_EXEC ? GCFREEZE_REASON_EXEC_BOUND : GCFREEZE_REASON_NONE;
}

/* The thread has given the interpreter up, and may hold a lock that whoever has it now waits for:
 * without other threads nobody has it. Trusted not to is the process's first thread without Python
 * on its stack, as a C host's master has; and one that Python handed itself over to. A C thread
 * that keeps a thread state from call to call (cffi's do) has no Python there either. */
static enum gcfreeze_reason obstacle_of_waiting(const struct gf_trace *trace) {
    if (gf_threads_count() == 1)
        return GCFREEZE_REASON_NONE;
    if (!gf_unwind_ready())
        return GCFREEZE_REASON_UNWINDING_OFF;
    return trace->python || !gf_thread_is_first() ? GCFREEZE_REASON_GIL_TAKEN
                                                  : GCFREEZE_REASON_NONE;
}

/* Before anything is known of the thread. */
static void walk(struct gf_trace *ret) {
    gf_caller_walk(&gf_python.landmarks, ret);
    if (ret->caller == GF_CALLER_UNKNOWN && ret->python && gf_attach_find_host())
        gf_caller_walk(&gf_python.landmarks, ret);
}

static enum gcfreeze_reason enter(enum gf_moment moment, struct gf_entry *ret) {
    struct gf_trace trace;
    walk(&trace);
    *ret = (struct gf_entry){.caller = trace.caller};
    if (trace.caller == GF_CALLER_EXEC)
        return GCFREEZE_REASON_EXEC_BOUND;
    if (trace.caller == GF_CALLER_SIGNAL)
        return GCFREEZE_REASON_SIGNAL_HANDLER;
    /* What a handler interrupted may be the interpreter in the middle of anything. */
    if (moment == GF_MOMENT_WINDOW && !gf_unwind_ready() && signals_blocked())
        return GCFREEZE_REASON_UNWINDING_OFF;

    enum gcfreeze_reason obstacle = gf_thread_obstacle(attached());
    if (obstacle != GCFREEZE_REASON_NONE)
        return obstacle;
    bool several = gf_interpreters_several();
    switch (gf_thread_attachment()) {
    case GF_ATTACHED:
        break;
    case GF_KNOWN:
        obstacle = obstacle_of_waiting(&trace);
        if (obstacle != GCFREEZE_REASON_NONE)
            return obstacle;
        ret->borrowed = true;
        break;
    case GF_FOREIGN:
        return GCFREEZE_REASON_NO_THREAD_STATE;
    case GF_ELSEWHERE:
        if (several) /* it may be this thread's own, in another interpreter */
            return GCFREEZE_REASON_SUB_INTERPRETERS;
        /* Another thread holds the GIL and will give it up, unless it is us, in C code that
         * swapped thread states: then Python is on our stack. A host that Python handed itself over
         * to has it there always, and is trusted like one that has none. */
        if (trace.caller != GF_CALLER_C_HOST &&
            (!trace.complete || trace.python || !gf_python.landmarks.eval || !gf_thread_is_first()))
            return GCFREEZE_REASON_GIL_TAKEN;
        ret->borrowed = true;
        break;
    }
    reenter(ret);
    obstacle = identify(moment, ret);
    if (obstacle == GCFREEZE_REASON_NONE && several)
        obstacle = go_to_main(moment, ret);
    if (obstacle != GCFREEZE_REASON_NONE)
        leave(ret);
    return obstacle;
}

static bool watch_arenas(void) {
    return find() == GCFREEZE_REASON_NONE && gf_watch_arenas();
}

/* gc.freeze stops all threads of a free-threaded interpreter. In the window os.fork has stopped
 * them already, and stopping them twice is waiting for oneself. In the hook it makes another thread
 * that wants to collect wait for us; that one then has the collector's lock when os.fork stops all
 * threads, and in the child nobody gives it back: its first collection hangs (measured, 3.13.15).
 */
static bool freezes_in(enum gf_moment moment) {
    return !gf_python.free_threaded || (moment == GF_MOMENT_HOOK && gf_threads_count() == 1);
}

static const char *warm_up_obstacle(enum gf_moment moment) {
    const struct gf_api *api = &gf_python.api;
    if (gf_python.free_threaded)
        return "has a free-threaded interpreter";
    if (gf_python.newer || !api->PyEval_SaveThread || !api->PyEval_RestoreThread ||
        !api->PyErr_CheckSignals || !api->PyOS_AfterFork_Child)
        return "has an interpreter that this library does not know";
    if (gf_interpreters_several())
        return "has several interpreters";
    /* another thread that is at it ends that by itself, if nobody has the fork's own locks */
    return moment == GF_MOMENT_WINDOW && gf_warmup_import_locked()
               ? "holds the import lock when it forks"
               : NULL;
}

/* Nobody can have a free-threaded interpreter for himself. */
static bool take(struct gf_entry *ret) {
    *ret = (struct gf_entry){0};
    if (!attached() || gf_python.free_threaded ||
        gf_thread_obstacle(true) != GCFREEZE_REASON_NONE || gf_interpreters_several())
        return false;
    enum gf_attachment attachment = gf_thread_attachment();
    if (attachment == GF_FOREIGN)
        return false;
    ret->borrowed = attachment != GF_ATTACHED;
    reenter(ret);
    if (!gf_interpreters_several()) /* one may have come while we waited */
        return true;
    leave(ret);
    return false;
}

/* Up to 3.11 the current thread state is the one of whoever has the interpreter, whatever thread
 * that is. A thread that has taken it and has not said so yet, or the reverse, does not sleep
 * (Python/ceval_gil.h, take_gil and drop_gil; Python/pystate.c). */
static bool take_free(struct gf_entry *ret) {
    struct gf_others others;
    if (!attached() || gf_python.version->current_is_own || !gf_others_sleep(&others) ||
        gf_version_current(gf_python.version, &gf_python.api) || !gf_others_still_sleep(&others))
        return false;
    return take(ret);
}

static const char *version(void) {
    return gf_python.version_text;
}

static const char *remark(void) {
    return remark_text[0] ? remark_text : NULL;
}

const struct gf_runtime gf_cpython = {
    .find = find,
    .attach = attach,
    .enter = enter,
    .leave = leave,
    .reenter = reenter,
    .suspend = gf_collector_suspend,
    .resume = gf_collector_resume,
    .lift = gf_brake_lift,
    .put_off = gf_brake_put_off,
    .count_new = gf_collector_count_new,
    .freezes_in = freezes_in,
    .freeze = gf_collector_freeze,
    .frozen_by_application = gf_collector_frozen_by_application,
    .thaw_at_exit = gf_thaw_at_exit,
    .collect = gf_collector_collect,
    .callers = gf_frames_list,
    .immortal_obstacle = gf_immortal_obstacle,
    .count_handed = gf_immortal_handed,
    .weigh = gf_immortal_weigh,
    .immortalize = gf_immortal_walk,
    .share = gf_immortal_share,
    .warm_up_obstacle = warm_up_obstacle,
    .warm_up = gf_warmup_run,
    .cool = gf_warmup_put_back,
    .watch_arenas = watch_arenas,
    .take = take,
    .take_free = take_free,
    .waits_for_python = gf_watch_waits_for_python,
    .waits_in_host = gf_watch_waits_in_host,
    .version = version,
    .remark = remark,
    .unwinding = gf_unwind_ready,
};
