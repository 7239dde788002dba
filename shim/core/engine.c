#include "core/engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/text.h"
#include "core/report.h"
#include "core/transaction.h"
#include "process/self.h"
#include "process/unwind.h"

static struct {
    atomic_uintptr_t owner; /* the thread in a transaction, or 0 */
    bool prepared;          /* by the before hook; the fork itself is still to come */
    struct gf_transaction transaction;
    struct gcfreeze_status status;
} engine;

/* pthread_self is async-signal-safe, and no live thread's is 0 in glibc and musl: it is a pointer.
 */
static uintptr_t this_thread(void) {
    return (uintptr_t)pthread_self();
}

/* Returns 0 if the transaction is now ours, else the thread whose it is. */
static uintptr_t claim(void) {
    uintptr_t owner = 0;
    atomic_compare_exchange_strong(&engine.owner, &owner, this_thread());
    return owner;
}

/* Other threads are gone, and whatever they held is held for ever: plain stores, but for getpid. */
static void child(bool restored) {
    if (engine.owner != 0 && engine.owner != this_thread())
        gf_unwind_abandon(); /* that thread may have been walking its stack */
    gf_self_child();
    gf_session_child(restored);
    engine.owner = 0;
    engine.prepared = false;
    engine.transaction = (struct gf_transaction){0};
    engine.status = (struct gcfreeze_status){.size = sizeof engine.status};
}

/* Whose memory is this? False in a child that only borrows it (vfork): touch nothing. A copy whose
 * fork passed us by (daemon(3)) starts anew. */
static bool ours(void) {
    enum gf_kin kin = gf_self_kin();
    if (kin == GF_KIN_COPY)
        child(false);
    return kin != GF_KIN_BORROWER;
}

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
    event->python = gf_session.runtime->version();
    count(event);
    /* in a process without Python nobody asked for lines */
    if (event->python[0])
        gf_report_event(&gf_session.config, GF_LOG_INFO, event);
}

static void call_real(struct gf_event *event, pid_t (*real)(void *), void *arguments) {
    int64_t start = gf_clock_us();
    event->child = real(arguments);
    event->error = errno;
    if (event->child != 0)
        event->fork_us = gf_clock_us() - start;
}

static pid_t fork_skipped(enum gcfreeze_reason reason, pid_t (*real)(void *), void *arguments) {
    struct gf_event event = {.reason = reason, .tracked = -1};
    call_real(&event, real, arguments);
    if (event.child == 0)
        child(false);
    else
        finish(&event);
    errno = event.error;
    return event.child;
}

/* A fork inside a transaction of the same thread: libutil's forkpty calls fork (glibc < 2.34), or a
 * signal handler interrupted us. Whoever is in the transaction ends it, in both processes. */
static pid_t fork_nested(pid_t (*real)(void *), void *arguments) {
    pid_t pid = real(arguments);
    if (pid == 0)
        gf_self_child();
    return pid;
}

/* Our hook of os.register_at_fork: the last one to run before the locks are taken. It is also
 * called for subprocess with a preexec_fn, and prepares for nothing that it does not recognize. */
static void before_fork(void) {
    if (gf_session.phase != GF_PHASE_ATTACHED || !ours())
        return;
    int saved_errno = errno;
    uintptr_t owner = claim();
    if (owner == this_thread() && engine.prepared)
        gf_transaction_put_back(&engine.transaction); /* the fork it was prepared for never came */
    else if (owner != 0)
        return;
    gf_transaction_prepare(&engine.transaction, GF_MOMENT_HOOK);
    engine.prepared = engine.transaction.decision.worker;
    if (!engine.prepared)
        engine.owner = 0;
    errno = saved_errno;
}

static pid_t fork_prepared(pid_t (*real)(void *), void *arguments) {
    struct gf_transaction *t = &engine.transaction;
    int host_errno = errno;
    if (!engine.prepared)
        gf_transaction_prepare(t, GF_MOMENT_WINDOW);
    engine.prepared = false;
    errno = host_errno;
    call_real(&t->event, real, arguments);
    if (t->event.child == 0) {
        child(t->decision.restore);
        return 0;
    }
    gf_transaction_put_back(t);
    if (t->decision.worker && t->event.child > 0)
        gf_session.worker_forks++;
    struct gf_event event = t->event;
    engine.owner = 0;
    finish(&event);
    errno = event.error;
    return event.child;
}

pid_t gf_engine_fork(pid_t (*real)(void *), void *arguments) {
    if (!gf_session.runtime)
        return real(arguments); /* another library's constructor forks before ours has run */
    if (!ours())
        return real(arguments);
    if (gf_session.phase == GF_PHASE_INERT)
        return fork_skipped(gf_session.inert_because, real, arguments);
    uintptr_t owner = claim();
    if (owner != 0 && owner != this_thread())
        return fork_skipped(GCFREEZE_REASON_CONCURRENT, real, arguments);
    if (owner != 0 && !engine.prepared)
        return fork_nested(real, arguments);
    return fork_prepared(real, arguments);
}

void gf_engine_start(const struct gf_runtime *runtime, const struct gf_host *host) {
    engine.status.size = sizeof engine.status;
    gf_session_start(runtime, host, before_fork);
}

void gf_engine_startup(void) {
    if (gf_session.phase == GF_PHASE_WAITING && ours())
        gf_session_startup();
}

void gf_engine_spawn(void) {
    if (gf_session.phase == GF_PHASE_INERT || gf_self_kin() != GF_KIN_SAME)
        return;
    add_one(&engine.status.spawns_seen);
    if (gf_session.phase == GF_PHASE_ATTACHED && gf_log_wants(GF_LOG_DEBUG)) {
        int saved_errno = errno;
        gf_session_tell(GF_LOG_DEBUG, "posix_spawn passes through: the child executes a program");
        errno = saved_errno;
    }
}

void gf_engine_status(struct gcfreeze_status *ret) {
    *ret = engine.status;
    ret->attached = gf_session.phase == GF_PHASE_ATTACHED;
    struct gf_text python;
    gf_text_init(&python, ret->python, sizeof ret->python);
    gf_text_add(&python, gf_session.runtime ? gf_session.runtime->version() : "");
}
