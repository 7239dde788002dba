#include "core/engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "core/report.h"
#include "core/reshare.h"
#include "core/transaction.h"
#include "process/self.h"
#include "process/threads.h"

static struct {
    atomic_uintptr_t owner; /* the thread in a transaction, or 0 */
    bool prepared;          /* by the before hook; the fork itself is still to come */
    bool prepare_pages;     /* in the fork that the owner is about to call */
    struct gf_transaction transaction;
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

/* What this process has to tell, from zero on; what it inherits stays. */
static void start_page(void) {
    struct gcfreeze_status *status = &gcfreeze_page.status;
    const struct gcfreeze_status inherited = *status;
    *status = (struct gcfreeze_status){.size = sizeof *status, .attached = inherited.attached};
    memcpy(status->python, inherited.python, sizeof status->python);
    memcpy(status->mode, inherited.mode, sizeof status->mode);
    memcpy(status->mode_why, inherited.mode_why, sizeof status->mode_why);
    gcfreeze_page.pid = gf_self_pid();
}

/* Other threads are gone, and whatever they held is held for ever: plain stores, but for getpid. */
static void child(bool restored) {
    gf_self_child();
    gf_session_child(restored);
    gf_reshare_child();
    engine.owner = 0;
    engine.prepared = false;
    engine.prepare_pages = false;
    engine.transaction = (struct gf_transaction){0};
    start_page();
}

bool gf_engine_is_ours(void) {
    enum gf_kin kin = gf_self_kin();
    if (kin == GF_KIN_COPY)
        child(false);
    return kin != GF_KIN_BORROWER;
}

static void add_one(uint64_t *counter) {
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* Two threads may fork at once: what is told about the last fork may then be a part of both. */
#define STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

static void count(const struct gf_event *event) {
    struct gcfreeze_status *status = &gcfreeze_page.status;
    add_one(&status->forks_seen);
    add_one(event->frozen ? &status->forks_frozen : &status->skipped[event->reason]);
    STORE(status->last_reason, (int32_t)event->reason);
    STORE(status->last_child, event->child);
    STORE(status->last_frozen, event->frozen);
    STORE(status->last_tracked, event->frozen ? event->tracked : -1);
    STORE(status->last_collect_us, event->collect_us);
    STORE(status->last_freeze_us, event->freeze_us);
    STORE(status->last_fork_us, event->fork_us);
}

static void finish(struct gf_event *event) {
    event->pid = gf_self_pid();
    event->script = gf_self_title();
    event->python = gf_session.runtime->version();
    event->mode_why = gcfreeze_page.status.mode_why;
    count(event);
    /* in a process without Python nobody asked for lines */
    if (event->python[0])
        gf_report_event(&gf_session.config, GF_LOG_INFO, event);
}

static void call_real(struct gf_event *event, pid_t (*real)(void *), void *arguments) {
    int host_errno = errno;
    int64_t start = gf_clock_us();
    errno = host_errno; /* a sandbox may refuse the clock */
    event->child = real(arguments);
    event->error = errno;
    if (event->child != 0)
        event->fork_us = gf_clock_us() - start - event->snapshot_us;
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
    if (gf_session.phase != GF_PHASE_ATTACHED || !gf_engine_is_ours())
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

/* libc's fork calls it in the parent, after all other functions of that kind: they run in the
 * reverse of the order in which they were registered, and ours is at load. Libraries have ended
 * their threads by then (OpenBLAS does). */
static void prepare_pages(void) {
    if (engine.owner != this_thread() || !engine.prepare_pages)
        return;
    engine.prepare_pages = false;
    int saved_errno = errno; /* the fork may well succeed, and then nobody sets it */
    int cancelling = gf_cancel_put_off();
    gf_reshare_prepare(&engine.transaction.event);
    gf_cancel_restore(cancelling);
    errno = saved_errno;
}

static pid_t fork_prepared(pid_t (*real)(void *), void *arguments) {
    struct gf_transaction *t = &engine.transaction;
    int host_errno = errno;
    if (!engine.prepared)
        gf_transaction_prepare(t, GF_MOMENT_WINDOW);
    engine.prepared = false;
    int threads = t->decision.worker ? gf_threads_count() : 0;
    engine.prepare_pages = t->decision.worker && gf_reshare_is_due(t->event.frozen);
    errno = host_errno;
    call_real(&t->event, real, arguments);
    if (t->event.child == 0) {
        child(t->decision.restore);
        return 0;
    }
    if (engine.prepare_pages && t->event.child > 0)
        gf_reshare_missed(&t->event); /* libc had no memory for prepare_pages at load */
    engine.prepare_pages = false;
    gf_transaction_put_back(t);
    if (t->decision.worker && t->event.child > 0) {
        gf_session.worker_forks++;
        STORE(gcfreeze_page.status.last_threads, threads > 0 ? threads : 0);
    }
    struct gf_event event = t->event;
    engine.owner = 0;
    finish(&event);
    errno = event.error;
    return event.child;
}

pid_t gf_engine_fork(pid_t (*real)(void *), void *arguments) {
    if (!gf_session.runtime)
        return real(arguments); /* another library's constructor forks before ours has run */
    if (!gf_engine_is_ours())
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
    gf_session_start(runtime, host, before_fork);
    start_page();
    if (gf_session.config.reshare != 0)
        pthread_atfork(prepare_pages, NULL, NULL);
}

void gf_engine_startup(void) {
    if (gf_session.phase == GF_PHASE_WAITING && gf_engine_is_ours())
        gf_session_startup();
}

void gf_engine_spawn(void) {
    if (gf_session.phase == GF_PHASE_INERT || gf_self_kin() != GF_KIN_SAME)
        return;
    add_one(&gcfreeze_page.status.spawns_seen);
    if (gf_session.phase == GF_PHASE_ATTACHED && gf_log_wants(GF_LOG_DEBUG)) {
        int saved_errno = errno;
        gf_session_tell(GF_LOG_DEBUG, "posix_spawn passes through: the child executes a program");
        errno = saved_errno;
    }
}
