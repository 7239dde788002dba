#include "core/engine.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "core/config.h"
#include "core/policy.h"
#include "core/report.h"
#include "process/self.h"

enum phase {
    PHASE_INERT,     /* switched off, filtered out, or not loaded yet */
    PHASE_WAITING,   /* no interpreter so far */
    PHASE_ATTACHING, /* one thread is at it */
    PHASE_ATTACHED
};

/* One fork. Belongs to the thread in `engine.owner`. */
struct transaction {
    bool prepared; /* by the before hook; the fork itself is still to come */
    struct gf_entry entry;
    struct gf_decision decision;
    bool put_back; /* the parent's collector is to be put off again */
    struct gf_event event;
};

static struct {
    const struct gf_runtime *runtime;
    struct gf_config config;
    const char *library;
    enum gcfreeze_reason inert_because;
    atomic_int phase;
    atomic_uintptr_t owner; /* the thread in a transaction, or 0 */
    struct transaction transaction;
    bool deferred; /* the collector is put off until the first freeze */
    bool told;     /* what find had to remark */
    unsigned long worker_forks;
    unsigned long freezes;
    struct gcfreeze_status status;
} engine;

static uintptr_t this_thread(void) {
    return (uintptr_t)pthread_self();
}

static int64_t now_us(void) {
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void tell(enum gf_log_level level, const char *sentence) {
    gf_report_message(&engine.config, level, sentence);
}

static void tell_problem(const char *line) {
    tell(GF_LOG_WARN, line);
}

/* ---- load ---- */

void gf_engine_start(const struct gf_runtime *runtime, const struct gf_host *host) {
    engine.runtime = runtime;
    engine.library = host->library;
    engine.status.size = sizeof engine.status;
    gf_config_read(&engine.config, host->environment, host->secure);
    gf_self_init(host->argc, host->argv);
    gf_log_init((enum gf_log_level)engine.config.log, host->secure ? "" : engine.config.log_file);

    const struct gf_self *self = gf_self_names();
    const char *const names[] = {self->program, self->script, self->module};
    if (!engine.config.enabled)
        engine.inert_because = GCFREEZE_REASON_DISABLED;
    else if (!gf_config_admits(&engine.config, names, sizeof names / sizeof *names))
        engine.inert_because = GCFREEZE_REASON_FILTERED;
    else
        engine.phase = PHASE_WAITING;
}

/* ---- attach ---- */

/* The threshold of a put-off collector. It is off by one from what GCFREEZE_DEFER says, so that an
 * application that sets that round number itself is not taken for us. `disable` is a threshold
 * nobody reaches instead of gc.disable(): the flag stays the application's own. */
static long brake_threshold(void) {
    if (engine.config.when.kind == GF_WHEN_NEVER)
        return 0;
    switch (engine.config.startup) {
    case GF_STARTUP_DEFER:
        return engine.config.defer + 1;
    case GF_STARTUP_DISABLE:
        return INT_MAX;
    default:
        return 0;
    }
}

static void before_fork(void);

/* What was frozen is gone with it: a next interpreter is a new application. */
static void interpreter_gone(void) {
    engine.deferred = false;
    engine.worker_forks = 0;
    engine.freezes = 0;
    engine.phase = PHASE_WAITING;
}

static void tell_remark(void) {
    const char *remark = engine.runtime->remark();
    if (remark && !engine.told)
        tell(GF_LOG_WARN, remark);
    engine.told = true;
}

static enum gcfreeze_reason attach(enum gf_moment moment) {
    const struct gf_attach_options options = {
        /* later than startup the application is loaded, and there is nothing to put off */
        .brake = moment == GF_MOMENT_STARTUP ? brake_threshold() : 0,
        .strip_preload = moment == GF_MOMENT_STARTUP && engine.config.exec == GF_EXEC_STRIP
                             ? engine.library
                             : NULL,
    };
    enum gcfreeze_reason reason =
        engine.runtime->attach(moment, &options, before_fork, interpreter_gone);
    gf_config_tell(&engine.config, tell_problem);
    if (reason != GCFREEZE_REASON_NONE)
        return reason;
    engine.deferred = options.brake != 0;
    if (!engine.runtime->unwinding())
        tell(GF_LOG_INFO,
             moment == GF_MOMENT_STARTUP
                 ? "libunwind.so.8 cannot be opened: unwinding is off, the calling "
                   "Python module decides what a fork is for"
                 : "attached at the first fork: unwinding is off until the next os.fork");
    return reason;
}

void gf_engine_startup(void) {
    int waiting = PHASE_WAITING;
    if (engine.phase != PHASE_WAITING || gf_self_kin() != GF_KIN_SAME)
        return;
    if (!atomic_compare_exchange_strong(&engine.phase, &waiting, PHASE_ATTACHING))
        return;
    int saved_errno = errno;
    enum gcfreeze_reason reason = engine.runtime->find();
    tell_remark();
    if (reason == GCFREEZE_REASON_NONE)
        reason = attach(GF_MOMENT_STARTUP);
    engine.phase = reason == GCFREEZE_REASON_NONE ? PHASE_ATTACHED : PHASE_WAITING;
    errno = saved_errno;
}

/* ---- prepare ---- */

/* The interpreter of this process, ready to be worked with, or why not. */
static enum gcfreeze_reason enter(struct transaction *t, enum gf_moment moment) {
    enum gcfreeze_reason reason = engine.runtime->find();
    tell_remark();
    if (reason != GCFREEZE_REASON_NONE)
        return reason;
    reason = engine.runtime->enter(moment, &t->entry);
    int waiting = PHASE_WAITING;
    if (reason != GCFREEZE_REASON_NONE || engine.phase == PHASE_ATTACHED)
        return reason;
    if (!atomic_compare_exchange_strong(&engine.phase, &waiting, PHASE_ATTACHING))
        reason = GCFREEZE_REASON_CONCURRENT;
    else
        reason = attach(moment);
    engine.phase = reason == GCFREEZE_REASON_NONE ? PHASE_ATTACHED : PHASE_WAITING;
    if (reason != GCFREEZE_REASON_NONE)
        engine.runtime->leave(&t->entry);
    return reason;
}

static bool freeze(struct transaction *t, enum gf_moment moment) {
    int64_t start = now_us();
    if (t->decision.collect && engine.runtime->collect() != 0)
        return false;
    int64_t collected = now_us();
    bool enabled = false;
    if (engine.runtime->suspend(&enabled) != 0)
        return false;
    bool done = engine.runtime->freeze(moment) == 0;
    t->event.collect_us = t->decision.collect ? collected - start : 0;
    t->event.freeze_us = now_us() - collected;
    return engine.runtime->resume(enabled) == 0 && done;
}

/* Leaves the collector as the child should find it. */
static void act(struct transaction *t, enum gf_moment moment) {
    if (t->decision.freeze) {
        t->event.frozen = freeze(t, moment);
        if (t->event.frozen)
            engine.freezes++;
        else
            t->decision.reason = GCFREEZE_REASON_PYTHON_ERROR;
    }
    if (!engine.deferred)
        return;
    bool for_good = t->event.frozen && engine.config.parent == GF_PARENT_RESTORE;
    if (engine.runtime->lift() != 0)
        t->decision.reason = GCFREEZE_REASON_PYTHON_ERROR;
    t->put_back = !for_good;
    engine.deferred = !for_good;
}

static void prepare(struct transaction *t, enum gf_moment moment) {
    *t = (struct transaction){0};
    struct gf_facts facts = {
        .obstacle = enter(t, moment),
        .moment = moment,
        .worker_forks = engine.worker_forks,
        .freezes = engine.freezes,
        .new_objects = -1,
    };
    facts.caller = t->entry.caller;
    if (facts.obstacle == GCFREEZE_REASON_NONE)
        facts.new_objects = engine.runtime->count_new(moment, engine.config.min_new);
    t->decision = gf_policy_decide(&engine.config, &facts);
    t->event.tracked = facts.new_objects;
    if (t->decision.worker)
        act(t, moment);
    if (facts.obstacle == GCFREEZE_REASON_NONE)
        engine.runtime->leave(&t->entry);
}

/* ---- after the fork ---- */

static void put_back(struct transaction *t) {
    if (!t->put_back)
        return;
    engine.runtime->reenter(&t->entry);
    engine.runtime->put_off();
    engine.runtime->leave(&t->entry);
    t->put_back = false;
}

/* Forks that pass through are counted by several threads at once, and the struct is a public one
 * without atomic types. */
static void add_one(uint64_t *counter) {
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void count(const struct gf_event *event) {
    struct gcfreeze_status *status = &engine.status;
    add_one(&status->forks_seen);
    add_one(event->frozen ? &status->forks_frozen : &status->skipped[event->reason]);
    status->last_reason = (int32_t)event->reason;
    status->last_child = event->child;
    status->last_frozen = event->frozen;
    status->last_tracked = event->frozen ? event->tracked : -1;
    status->last_collect_us = event->collect_us;
    status->last_freeze_us = event->freeze_us;
    status->last_fork_us = event->fork_us;
}

static void finish(struct gf_event *event) {
    event->pid = gf_self_pid();
    event->script = gf_self_title();
    event->python = engine.runtime->version();
    count(event);
    /* in a process without Python nobody asked for lines */
    if (event->python[0])
        gf_report_event(&engine.config, GF_LOG_INFO, event);
}

static void parent(struct transaction *t) {
    put_back(t);
    if (t->decision.worker && t->event.child > 0)
        engine.worker_forks++;
    t->event.reason = t->decision.reason;
    t->event.caller = t->entry.caller;
}

/* Plain stores: other threads are gone, and whatever they held is held for ever. */
static void child(bool worker) {
    gf_self_child();
    int32_t attached = engine.phase == PHASE_ATTACHED;
    engine.owner = 0;
    if (engine.phase == PHASE_ATTACHING)
        engine.phase = PHASE_WAITING;
    engine.worker_forks = 0;
    engine.freezes = 0;
    if (worker)
        engine.deferred = false;
    engine.transaction = (struct transaction){0};
    engine.status = (struct gcfreeze_status){.size = sizeof engine.status, .attached = attached};
}

/* ---- the roads ---- */

/* Our hook of os.register_at_fork: the last one to run before the locks are taken. It is also
 * called for subprocess with a preexec_fn, and prepares for nothing that it does not recognize. */
static void before_fork(void) {
    struct transaction *t = &engine.transaction;
    uintptr_t free = 0;
    if (engine.phase != PHASE_ATTACHED)
        return;
    enum gf_kin kin = gf_self_kin();
    if (kin == GF_KIN_BORROWER)
        return;
    if (kin == GF_KIN_COPY)
        child(false);
    if (engine.owner == this_thread() && t->prepared) {
        put_back(t); /* the fork that was prepared never came */
        t->prepared = false;
    } else if (!atomic_compare_exchange_strong(&engine.owner, &free, this_thread())) {
        return;
    }
    int saved_errno = errno;
    prepare(t, GF_MOMENT_HOOK);
    t->prepared = t->decision.worker;
    if (!t->prepared)
        engine.owner = 0;
    errno = saved_errno;
}

static void fork_alone(struct gf_event *event, pid_t (*real)(void *), void *arguments) {
    int64_t start = now_us();
    event->child = real(arguments);
    event->error = errno;
    event->fork_us = event->child == 0 ? 0 : now_us() - start;
}

/* A fork that nothing can be done for. */
static pid_t fork_skipped(enum gcfreeze_reason reason, pid_t (*real)(void *), void *arguments) {
    struct gf_event event = {.reason = reason, .tracked = -1};
    fork_alone(&event, real, arguments);
    if (event.child == 0)
        child(false);
    else
        finish(&event);
    errno = event.error;
    return event.child;
}

pid_t gf_engine_fork(pid_t (*real)(void *), void *arguments) {
    struct transaction *t = &engine.transaction;
    uintptr_t owner = 0;
    if (engine.phase == PHASE_INERT && !engine.runtime)
        return real(arguments); /* another library's constructor forks before ours has run */
    enum gf_kin kin = gf_self_kin();
    if (kin == GF_KIN_BORROWER)
        return real(arguments);
    if (kin == GF_KIN_COPY)
        child(false);
    if (engine.phase == PHASE_INERT)
        return fork_skipped(engine.inert_because, real, arguments);

    if (!atomic_compare_exchange_strong(&engine.owner, &owner, this_thread())) {
        if (owner != this_thread())
            return fork_skipped(GCFREEZE_REASON_CONCURRENT, real, arguments);
        if (!t->prepared) {
            /* a signal handler forks in the middle of our work, or forkpty calls fork */
            pid_t pid = real(arguments);
            if (pid == 0)
                gf_self_child();
            return pid;
        }
    }
    int host_errno = errno;
    if (!t->prepared)
        prepare(t, GF_MOMENT_WINDOW);
    t->prepared = false;
    errno = host_errno;
    fork_alone(&t->event, real, arguments);
    if (t->event.child == 0) {
        child(t->decision.worker);
        return 0;
    }
    parent(t);
    struct gf_event event = t->event;
    engine.owner = 0;
    finish(&event);
    errno = event.error;
    return event.child;
}

void gf_engine_spawn(void) {
    if (engine.phase == PHASE_INERT || gf_self_kin() != GF_KIN_SAME)
        return;
    add_one(&engine.status.spawns_seen);
    if (gf_log_wants(GF_LOG_DEBUG) && engine.phase == PHASE_ATTACHED)
        tell(GF_LOG_DEBUG, "posix_spawn passes through: the child executes another program");
}

void gf_engine_status(struct gcfreeze_status *ret) {
    *ret = engine.status;
    ret->attached = engine.phase == PHASE_ATTACHED;
    const char *version = engine.runtime ? engine.runtime->version() : "";
    size_t length = strlen(version);
    if (length >= sizeof ret->python)
        length = sizeof ret->python - 1;
    memcpy(ret->python, version, length);
    ret->python[length] = '\0';
}
