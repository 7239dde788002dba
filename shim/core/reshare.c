#include "core/reshare.h"

#include <stdatomic.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "core/budget.h"
#include "core/session.h"
#include "pages/arenas.h"
#include "pages/giveback.h"
#include "pages/page.h"
#include "pages/snapshot.h"
#include "process/self.h"
#include "process/threads.h"

/* A process that used less than 1 % of a processor for so long is idle: nobody minds a slice of 3
 * ms then. Else, between two requests, slices are short and paid for with the process's own time.
 */
static const int64_t idle_us = 500000;
static const int64_t idle_percent = 1;
static const int64_t idle_slice_us = 3000;
static const int64_t busy_slice_us = 1000;
static const int64_t refault_us = 4;              /* of a page that is given back and used again */
static const uint64_t worthwhile_bytes = 8 << 20; /* less is not worth a pass */
static const int rarest = 16;                     /* intervals between passes that regain little */

bool gf_reshare_armed;

static struct {
    atomic_flag busy;        /* a thread is in here */
    bool unfinished;         /* the last copying ended early */
    atomic_bool raced;       /* a pass beside other threads met one that wrote: no more of them */
    bool running;            /* a pass has begun and is not over */
    bool disturbed;          /* its last slice met a thread that runs */
    atomic_bool interrupted; /* the last slice ended its wait */
    struct gf_pass pass;
    int64_t due_us;           /* of the next pass; 0: the first wait says */
    int64_t began_us;         /* the last pass */
    bool idle;                /* in the last period of idle_us */
    int64_t look_us;          /* before that no slice may be done, whatever happens */
    int64_t period_us;        /* when this one began */
    int64_t period_cpu_us;    /* what had been used by then, and by passes since */
    struct gf_budget elapsed; /* of the time that goes by */
    struct gf_budget used;    /* of the time that the process works, for slices between requests */
    int64_t pass_us;          /* the running pass took so far */
    bool worth;               /* enough looks regainable, and stays so until a pass */
    long faults;              /* minor faults of the process when the last pass ended */
    int rarer;
} reshare = {.busy = ATOMIC_FLAG_INIT, .rarer = 1};

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
    return on() && (frozen || reshare.unfinished);
}

static long minor_faults(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_minflt : 0;
}

void gf_reshare_prepare(struct gf_event *ret) {
    bool known = gf_session.runtime->watch_arenas();
    size_t bytes = 0;
    int64_t start = gf_clock_us();
    ret->snapshot = known ? gf_snapshot_take(&bytes) : GCFREEZE_REASON_NO_ARENAS;
    ret->snapshot_us = gf_clock_us() - start;
    ret->snapshot_bytes = (long)bytes;
    ret->reshared = true;
    reshare.faults = minor_faults();
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
    atomic_flag_clear(&reshare.busy);
    reshare.running = reshare.disturbed = false;
    reshare.worth = false;
    reshare.due_us = 0;
    reshare.faults = 0; /* the kernel's count starts with none, too */
    reshare.rarer = 1;
}

static bool regainable(void) {
    if (!reshare.worth) {
        long since = minor_faults() - reshare.faults;
        reshare.worth = since < 0 || (uint64_t)since * gf_page_size() >= worthwhile_bytes;
    }
    return reshare.worth;
}

static void start_counting(int64_t now) {
    reshare.due_us = now + interval_us();
    gf_budget_start(&reshare.elapsed, now);
    reshare.look_us = 0;
    reshare.period_us = now;
    reshare.period_cpu_us = gf_clock_cpu_us();
    gf_budget_start(&reshare.used, reshare.period_cpu_us);
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static bool is_idle(int64_t now) {
    int64_t elapsed = now - reshare.period_us;
    if (elapsed >= idle_us) {
        int64_t cpu_us = gf_clock_cpu_us();
        reshare.idle = (cpu_us - reshare.period_cpu_us) * 100 < elapsed * idle_percent;
        reshare.period_us = now;
        reshare.period_cpu_us = cpu_us;
    }
    return reshare.idle;
}

/* How long until a slice may be done, of a pass that is due. What the process has used is asked for
 * only when it can have become enough: nobody uses more time than goes by. */
static int64_t time_to_slice(int64_t now) {
    const int64_t most = interval_us() * GF_BUDGET_PERCENT / 100;
    if (now < reshare.look_us)
        return reshare.look_us - now;
    gf_budget_earn(&reshare.elapsed, now, most);
    gf_budget_earn(&reshare.used, gf_clock_cpu_us(), most);
    int64_t wait = gf_budget_wait(&reshare.elapsed);
    if (!is_idle(now))
        wait =
            later(wait, sooner(gf_budget_wait(&reshare.used), reshare.period_us + idle_us - now));
    reshare.look_us = now + wait;
    return wait;
}

static int64_t plan(int64_t timeout_us) {
    int64_t now = gf_clock_us();
    if (reshare.due_us == 0)
        start_counting(now);
    int64_t wait = reshare.due_us - now;
    if (reshare.running || wait <= 0) {
        wait = time_to_slice(now);
        /* Cutting a wait costs two system calls. A busy process has many, and one that ends by
         * itself soon need not be cut to see that the process has become idle: the next one sees.
         */
        if (wait > 0 && !reshare.idle && timeout_us >= 0 && timeout_us <= interval_us())
            return -1;
    }
    if (timeout_us >= 0 && timeout_us <= wait)
        return -1;
    if (!reshare.running && !regainable())
        return -1;
    return wait;
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
    if (timeout_us == 0 || atomic_flag_test_and_set(&reshare.busy))
        return -1;
    int64_t result = plan(timeout_us);
    atomic_flag_clear(&reshare.busy);
    return result;
}

/* Passes that regain little come more and more rarely. */
static void end_pass(enum gcfreeze_reason reason) {
    bool little = reshare.pass.given * gf_page_size() < worthwhile_bytes;
    struct gcfreeze_status *status = &gcfreeze_page.status;
    bool same = status->pass_reason == (int32_t)reason;
    if (!little)
        reshare.rarer = 1;
    else if (reshare.rarer < rarest)
        reshare.rarer *= 2;
    reshare.due_us = reshare.began_us + interval_us() * reshare.rarer;
    status->pass_reason = (int32_t)reason;
    reshare.running = false;
    reshare.worth = false;
    reshare.faults = minor_faults();
    if (reason == GCFREEZE_REASON_RACED)
        reshare.raced = true;
    if (reason != GCFREEZE_REASON_NONE && reshare.pass.given + reshare.pass.kept == 0) {
        if (same)
            return; /* said before */
    } else {
        status->passes++;
    }
    status->pages_given_back += reshare.pass.given;
    status->pages_kept += reshare.pass.kept;
    status->pass_us += reshare.pass_us;
    const struct gf_pass_event event = {
        .pid = gf_self_pid(),
        .reason = reason,
        .script = gf_self_title(),
        .python = gf_session.runtime->version(),
        .given = (long)reshare.pass.given,
        .kept = (long)reshare.pass.kept,
        .pass_us = reshare.pass_us,
        .page_size = (long)gf_page_size(),
    };
    gf_report_pass(&gf_session.config, &event);
}

static void begin_pass(int64_t now) {
    reshare.pass = (struct gf_pass){0};
    reshare.pass_us = 0;
    reshare.began_us = now;
    reshare.running = true;
}

/* Beside other threads the interpreter must be held, so that none of them runs Python. Waiting for
 * it is what this thread does next anyway, if the wait was called by code that gave it up, holds no
 * lock of its own, and knows EINTR: by Python's modules and the event loops that the runtime knows.
 */
static enum gcfreeze_reason obstacle_beside_threads(const void *code) {
    if (!gf_session.config.reshare_threads)
        return GCFREEZE_REASON_THREADS;
    if (reshare.raced)
        return GCFREEZE_REASON_RACED;
    return gf_session.runtime->waits_for_python(code) ? GCFREEZE_REASON_NONE
                                                      : GCFREEZE_REASON_FOREIGN_WAIT;
}

static enum gcfreeze_reason obstacle(int threads, const void *code) {
    if (threads < 0)
        return GCFREEZE_REASON_NO_PROC;
    return threads > 1 ? obstacle_beside_threads(code) : GCFREEZE_REASON_NONE;
}

/* `entry`: the interpreter, where there are other threads; it is left before anything is told. */
static void give_back(int64_t left_us, struct gf_entry *entry) {
    const uint64_t given = reshare.pass.given;
    const int64_t start = gf_clock_us();
    const bool idle = is_idle(start);
    const int64_t slice_us = idle ? idle_slice_us : busy_slice_us;
    enum gcfreeze_reason reason;
    int64_t until = start + (left_us < 0 ? slice_us : sooner(left_us, slice_us));
    if (gf_session.config.reshare_always)
        until = INT64_MAX;
    bool over = entry ? gf_giveback_shared(&reshare.pass, until, &reason)
                      : gf_giveback_alone(&reshare.pass, until, &reason);
    if (entry)
        gf_session.runtime->leave(entry);
    int64_t spent = gf_clock_us() - start;
    reshare.disturbed = !over && reason != GCFREEZE_REASON_NONE;
    reshare.elapsed.credit -= reshare.disturbed ? later(spent, slice_us) : spent;
    reshare.period_cpu_us += spent;
    if (!idle)
        reshare.used.credit -= spent + (int64_t)(reshare.pass.given - given) * refault_us;
    reshare.pass_us += spent;
    if (over)
        end_pass(reason);
    else
        gcfreeze_page.status.pass_reason = (int32_t)reason;
}

static void give_back_beside_threads(int64_t left_us) {
    struct gf_entry entry = {0};
    if (gf_session.runtime->take(&entry))
        give_back(left_us, &entry);
    else
        end_pass(GCFREEZE_REASON_NO_THREAD_STATE);
}

enum gf_cut gf_reshare_cut(bool due, bool masked, const void *code) {
    int threads = gf_threads_count();
    enum gcfreeze_reason reason = obstacle(threads, code);
    if (reason == GCFREEZE_REASON_NONE && threads > 1)
        return GF_CUT_BESIDE_THREADS;
    if (reason == GCFREEZE_REASON_NONE && masked)
        return GF_CUT_ALONE;
    if (reason == GCFREEZE_REASON_NONE)
        return gf_session.runtime->waits_for_python(code) ? GF_CUT_ALONE_ONCE : GF_CUT_NOT;
    if (due && !atomic_flag_test_and_set(&reshare.busy)) {
        if (!reshare.running)
            begin_pass(gf_clock_us());
        end_pass(reason);
        atomic_flag_clear(&reshare.busy);
    }
    return GF_CUT_NOT;
}

static bool slice(int64_t left_us, enum gf_cut how) {
    int64_t now = gf_clock_us();
    /* after a wait for idleness: was it idle? */
    if (!gf_session.config.reshare_always && time_to_slice(now) > 0)
        return true;
    if (!reshare.running)
        begin_pass(now);
    if (how == GF_CUT_BESIDE_THREADS) {
        give_back_beside_threads(left_us);
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
    bool more = false;
    if (!atomic_flag_test_and_set(&reshare.busy)) {
        more = slice(left_us, how);
        atomic_flag_clear(&reshare.busy);
    }
    reshare.interrupted = how != GF_CUT_ALONE;
    return more;
}
