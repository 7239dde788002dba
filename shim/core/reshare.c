#include "core/reshare.h"

#include <stdatomic.h>
#include <sys/resource.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "core/foreign.h"
#include "core/pace.h"
#include "core/session.h"
#include "pages/arenas.h"
#include "pages/giveback.h"
#include "pages/page.h"
#include "pages/snapshot.h"
#include "process/self.h"
#include "process/threads.h"

/* Between passes, as long as there is little to gain: */
static const int64_t rarest = 16; /* intervals at most */
static const long few_pages = 128;
static const int64_t little_us = 200;    /* waiting once more, and looking at a clock */
static const int64_t writes_per_us = 10; /* to objects on as many pages: each misses the cache */

static const int64_t short_us = 500000; /* a wait that a busy process need not cut */

bool gf_reshare_armed;

static struct {
    atomic_flag busy;        /* a thread is in here */
    bool unfinished;         /* the last copying ended early */
    atomic_bool raced;       /* a pass beside other threads met one that wrote: no more of them */
    bool running;            /* a pass has begun and is not over */
    bool disturbed;          /* its last slice met a thread that runs */
    atomic_bool interrupted; /* the last slice ended its wait */
    struct gf_pass pass;
    int64_t pass_us;     /* the running pass took so far */
    int64_t began_us;    /* the last pass, or the first wait; 0: there was none */
    int64_t told_us;     /* of the running pass */
    int64_t deaf_us;     /* until then nobody need ask whether a slice may be made */
    uint64_t told;       /* reasons, as bits */
    atomic_bool overdue; /* the last plan's slice */
    /* since the last pass began, and by slices since then: */
    int64_t cpu_us;
    long faults;
    long kept; /* pages that the last pass found different; -1: it ended early */
} reshare = {.busy = ATOMIC_FLAG_INIT};

static bool on(void) {
    return gf_session.config.reshare != 0;
}

static int64_t interval_us(void) {
    return gf_session.config.reshare * INT64_C(1000000);
}

void gf_reshare_watch(void) {
    if (gf_session.phase != GF_PHASE_INERT && on())
        gf_session.runtime->watch_arenas();
}

bool gf_reshare_is_due(bool frozen) {
    return on() && (frozen || reshare.unfinished || gf_snapshot_may_be_replaced());
}

static long minor_faults(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_minflt : 0;
}

void gf_reshare_prepare(struct gf_event *ret) {
    gf_foreign_prepare();
    bool known = gf_session.runtime->watch_arenas();
    size_t bytes = 0;
    int64_t start = gf_clock_us();
    ret->snapshot = known ? gf_snapshot_take(&bytes) : GCFREEZE_REASON_NO_ARENAS;
    ret->snapshot_us = gf_clock_us() - start;
    ret->snapshot_bytes = (long)bytes;
    ret->reshared = true;
    reshare.unfinished = ret->snapshot != GCFREEZE_REASON_NONE;
    gcfreeze_page.status.snapshot_bytes += bytes;
    gcfreeze_page.status.snapshot_us += ret->snapshot_us;
    gcfreeze_page.status.pass_reason = (int32_t)ret->snapshot;
    gf_reshare_armed = gf_reshare_armed || bytes > 0;
}

void gf_reshare_missed(struct gf_event *ret) {
    ret->snapshot = GCFREEZE_REASON_NO_ROOM;
    ret->reshared = true;
    gcfreeze_page.status.pass_reason = (int32_t)ret->snapshot;
}

void gf_reshare_child(void) {
    gf_foreign_child();
    atomic_flag_clear(&reshare.busy);
    reshare.running = reshare.disturbed = false;
    reshare.began_us = reshare.deaf_us = 0;
    reshare.told = 0;
    reshare.kept = 0;
    reshare.cpu_us = reshare.faults = 0; /* the kernel's counts start with none, too */
}

/* What might be regained since the last pass began. A page that was copied since then took a fault.
 * One that the pass found different and that is equal now was written to, which takes time. */
static enum prospect { NONE, LITTLE, ENOUGH } prospect(void) {
    const int64_t used = gf_clock_cpu_us() - reshare.cpu_us;
    const long faults = minor_faults() - reshare.faults;
    gcfreeze_page.status.regainable_bytes = faults * (long)gf_page_size();
    if (faults >= few_pages)
        return ENOUGH;
    if (used <= little_us)
        return NONE;
    if (reshare.kept < 0)
        return ENOUGH;
    return faults + reshare.kept >= few_pages && used > little_us + reshare.kept / writes_per_us
               ? ENOUGH
               : LITTLE;
}

/* How long until a pass begins; -1: not before this process has done something. */
static int64_t time_to_pass(int64_t now) {
    const int64_t since = now - reshare.began_us;
    if (since < interval_us())
        return interval_us() - since;
    switch (prospect()) {
    case ENOUGH:
        return 0;
    case LITTLE:
        return since < rarest * interval_us() ? rarest * interval_us() - since : 0;
    case NONE:
        break;
    }
    return -1;
}

/* A wait that is over by then need not be cut. */
static int64_t within(int64_t timeout_us, int64_t wait) {
    return timeout_us >= 0 && timeout_us <= wait ? -1 : wait;
}

static int64_t plan(int64_t timeout_us) {
    reshare.overdue = false;
    const int64_t now = gf_clock_us();
    if (reshare.began_us == 0) {
        reshare.began_us = now;
        gf_pace_start(now, interval_us());
    }
    gcfreeze_page.status.pass_looks++;
    if (now < reshare.deaf_us)
        return -1;
    int64_t wait = reshare.running ? 0 : time_to_pass(now);
    if (wait < 0 && gf_session.config.reshare_threads && gf_threads_count() > 1)
        wait = interval_us(); /* another thread may work in the meantime */
    if (wait == 0) {
        wait = gf_pace_wait(now);
        /* Cutting a wait costs two system calls. A busy process has many, and the next one sees
         * whether it is idle by now. */
        if (wait > 0 && !gf_pace_is_idle() && timeout_us >= 0 && timeout_us <= short_us)
            return -1;
        reshare.overdue = gf_pace_is_overdue(now);
    }
    return within(timeout_us, wait);
}

bool gf_reshare_is_overdue(void) {
    return reshare.overdue;
}

/* Tests want a slice in each wait, but not in the one that a slice has made of it. */
static int64_t always(bool first) {
    bool same = reshare.interrupted;
    reshare.interrupted = false;
    return (first && !same) || (reshare.running && !reshare.disturbed) ? 0 : -1;
}

int64_t gf_reshare_plan(int64_t timeout_us, bool first) {
    if (gf_session.config.reshare_always)
        return always(first);
    if (timeout_us == 0)
        return -1;
    if (atomic_flag_test_and_set(&reshare.busy)) /* another thread looks */
        return within(timeout_us, interval_us());
    int64_t result = plan(timeout_us);
    atomic_flag_clear(&reshare.busy);
    return result;
}

static void tell(enum gcfreeze_reason reason, bool running) {
    const struct gf_pass_event event = {
        .pid = gf_self_pid(),
        .reason = reason,
        .running = running,
        .script = gf_self_title(),
        .python = gf_session.runtime->version(),
        .given = (long)reshare.pass.given,
        .kept = (long)reshare.pass.kept,
        .pass_us = reshare.pass_us,
        .page_size = (long)gf_page_size(),
    };
    gf_report_pass(&gf_session.config, &event);
}

/* The first time in this process? */
static bool is_news(enum gcfreeze_reason reason) {
    const uint64_t bit = UINT64_C(1) << reason;
    const bool news = !(reshare.told & bit);
    reshare.told |= bit;
    return news;
}

static void begin_pass(int64_t now) {
    reshare.pass = (struct gf_pass){0};
    reshare.pass_us = 0;
    reshare.began_us = reshare.told_us = now;
    reshare.cpu_us = gf_clock_cpu_us();
    reshare.faults = minor_faults();
    reshare.running = true;
    gcfreeze_page.status.pass_running = 1;
}

static void end_pass(enum gcfreeze_reason reason) {
    const bool whole = reason == GCFREEZE_REASON_NONE;
    const bool empty = reshare.pass.given + reshare.pass.kept == 0;
    reshare.kept = whole ? (long)reshare.pass.kept : -1;
    reshare.running = false;
    gcfreeze_page.status.pass_running = 0;
    gcfreeze_page.status.pass_reason = (int32_t)reason;
    if (reason == GCFREEZE_REASON_RACED)
        reshare.raced = true;
    if (whole || !empty)
        gcfreeze_page.status.passes++;
    if (whole || !empty || is_news(reason))
        tell(reason, false);
}

/* That one wait is left alone says nothing as long as others have slices. */
static bool others_may_have(int64_t now) {
    return reshare.running ||
           (now - reshare.began_us < 2 * interval_us() && !gf_session.config.reshare_always);
}

static void note(enum gcfreeze_reason reason) {
    const int64_t now = gf_clock_us();
    const bool foreign = reason == GCFREEZE_REASON_FOREIGN_WAIT;
    if (foreign && others_may_have(now))
        return;
    if (!foreign)
        reshare.deaf_us = now + interval_us();
    else if (gcfreeze_page.status.passes == 0 && !gf_session.config.reshare_always)
        gf_foreign_tell();
    if (reshare.running) {
        end_pass(reason);
        return;
    }
    gcfreeze_page.status.pass_reason = (int32_t)reason;
    if (is_news(reason)) {
        reshare.pass = (struct gf_pass){0};
        reshare.pass_us = 0;
        tell(reason, false);
    }
}

/* No slice can be made in this wait. */
static void note_obstacle(enum gcfreeze_reason reason) {
    if (atomic_flag_test_and_set(&reshare.busy))
        return;
    note(reason);
    atomic_flag_clear(&reshare.busy);
}

/* Beside other threads the interpreter must be held, so that none of them runs Python. Waiting for
 * it is what this thread does next anyway, if the wait was called by code that gave it up, holds no
 * lock of its own, and knows EINTR: by Python's modules and the event loops that the runtime knows.
 */
static enum gcfreeze_reason obstacle_beside_threads(bool masked, const void *code,
                                                    enum gf_cut *ret) {
    const struct gf_runtime *runtime = gf_session.runtime;
    if (!gf_session.config.reshare_threads)
        return GCFREEZE_REASON_THREADS;
    if (reshare.raced)
        return GCFREEZE_REASON_RACED;
    *ret = GF_CUT_BESIDE_THREADS;
    if (runtime->waits_for_python(code))
        return GCFREEZE_REASON_NONE;
    if (!masked || !runtime->waits_in_host(code))
        return GCFREEZE_REASON_FOREIGN_WAIT;
    *ret = gf_thread_blocks_signals() ? GF_CUT_DEAF : GF_CUT_BESIDE_DEAF;
    return *ret == GF_CUT_DEAF || gf_others_block_signals() ? GCFREEZE_REASON_NONE
                                                            : GCFREEZE_REASON_FOREIGN_WAIT;
}

/* What a slice has given back counts at once. */
static void count(const struct gf_pass *before, int64_t used_us) {
    struct gcfreeze_status *status = &gcfreeze_page.status;
    status->pages_given_back += reshare.pass.given - before->given;
    status->pages_kept += reshare.pass.kept - before->kept;
    status->pass_us += used_us;
    reshare.pass_us += used_us;
}

/* `entry`: the interpreter, where there are other threads; it is left before anything is told. */
static void give_back(int64_t left_us, struct gf_entry *entry) {
    const struct gf_pass before = reshare.pass;
    const int64_t start = gf_clock_us(), start_cpu = gf_clock_cpu_us();
    const long start_faults = minor_faults();
    const int64_t slice_us = gf_pace_slice_us(start);
    enum gcfreeze_reason reason;
    int64_t until = start + (left_us < 0 || left_us > slice_us ? slice_us : left_us);
    if (gf_session.config.reshare_always)
        until = INT64_MAX;
    bool over = entry ? gf_giveback_shared(&reshare.pass, until, &reason)
                      : gf_giveback_alone(&reshare.pass, until, &reason);
    if (entry)
        gf_session.runtime->leave(entry);
    const int64_t used = gf_clock_cpu_us() - start_cpu;
    reshare.disturbed = !over && reason != GCFREEZE_REASON_NONE;
    gf_pace_spent(used, reshare.pass.given - before.given, reshare.disturbed);
    reshare.cpu_us += used;
    reshare.faults += minor_faults() - start_faults;
    count(&before, used);
    if (over) {
        end_pass(reason);
        return;
    }
    gcfreeze_page.status.pass_reason = (int32_t)reason;
    const int64_t now = gf_clock_us();
    if (now - reshare.told_us >= interval_us()) {
        reshare.told_us = now;
        tell(reason, true);
    }
}

static void give_back_beside_threads(int64_t left_us) {
    struct gf_entry entry = {0};
    if (gf_session.runtime->take(&entry))
        give_back(left_us, &entry);
    else
        end_pass(GCFREEZE_REASON_NO_THREAD_STATE);
}

/* A host may cancel its threads, at any point (uWSGI up to 2.0.23, core/uwsgi.c,
 * wait_for_threads): not while one has the interpreter. */
static void give_back_in_host(int64_t left_us, enum gf_cut how) {
    struct gf_entry entry = {0};
    const int cancelling = gf_cancel_put_off();
    const bool deaf = how == GF_CUT_DEAF || gf_others_block_signals();
    if (deaf && gf_session.runtime->take_free(&entry)) {
        give_back(left_us, &entry);
    } else {
        reshare.disturbed = true;
        gf_pace_spent(0, 0, true);
        gcfreeze_page.status.pass_reason = GCFREEZE_REASON_BUSY_THREADS;
    }
    gf_cancel_restore(cancelling);
}

enum gf_cut gf_reshare_cut(bool masked, const void *code) {
    /* A wait that begins right after a join would be left alone for good. */
    const int threads = gf_threads_left();
    enum gf_cut beside = GF_CUT_NOT;
    enum gcfreeze_reason reason = threads < 0 ? GCFREEZE_REASON_NO_PROC : GCFREEZE_REASON_NONE;
    if (threads > 1)
        reason = obstacle_beside_threads(masked, code, &beside);
    if (reason != GCFREEZE_REASON_NONE) {
        note_obstacle(reason);
        return GF_CUT_NOT;
    }
    if (threads > 1)
        return beside;
    if (masked)
        return GF_CUT_ALONE;
    return gf_session.runtime->waits_for_python(code) ? GF_CUT_ALONE_ONCE : GF_CUT_NOT;
}

static bool slice(int64_t left_us, enum gf_cut how) {
    int64_t now = gf_clock_us();
    /* what was to come is there: is it still wanted, and was the process idle? */
    if (!gf_session.config.reshare_always &&
        ((!reshare.running && time_to_pass(now) != 0) || gf_pace_wait(now) > 0))
        return true;
    if (!reshare.running)
        begin_pass(now);
    if (how == GF_CUT_BESIDE_THREADS) {
        give_back_beside_threads(left_us);
        return true;
    }
    if (how == GF_CUT_BESIDE_DEAF || how == GF_CUT_DEAF) {
        give_back_in_host(left_us, how);
        return true;
    }
    /* once more: only a signal handler can have started one, and only before signals were blocked
     */
    if (gf_threads_count() != 1) {
        end_pass(GCFREEZE_REASON_THREADS);
        return false;
    }
    give_back(left_us, NULL);
    return true;
}

bool gf_reshare_slice(int64_t left_us, enum gf_cut how) {
    bool more = !gf_session.config.reshare_always; /* another thread's comes first */
    if (!atomic_flag_test_and_set(&reshare.busy)) {
        more = slice(left_us, how);
        atomic_flag_clear(&reshare.busy);
    }
    reshare.interrupted = how == GF_CUT_ALONE_ONCE || how == GF_CUT_BESIDE_THREADS;
    return more;
}
