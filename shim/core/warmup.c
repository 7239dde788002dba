#include "core/warmup.h"

#include <stdatomic.h>
#include <string.h>

#include "base/text.h"
#include "core/hosts.h"
#include "core/report.h"
#include "core/session.h"
#include "process/self.h"

enum { CALLERS_SIZE = 1024, LINE_SIZE = 256 };

/* Functions by which a program goes into the background: the process that goes on there is the one
 * that forks workers. */
static const char to_background[] = "*:*daemon*, *:*detach*, *:*background*";

static atomic_flag taken = ATOMIC_FLAG_INIT; /* by a thread: it is done, or being done */
static bool over;                            /* for children as well */
static bool running;
static bool met_late; /* os.fork could not be replaced before it was called */

bool gf_warmup_is_due(void) {
    return gf_session.config.warmup[0] != '\0' && !over &&
           gf_session.config.when.kind != GF_WHEN_NEVER;
}

bool gf_warmup_is_running(void) {
    return running;
}

static void tell(const char *line) {
    gf_session_tell(GF_LOG_WARN, line);
}

/* "warm-up: gunicorn loads in each worker: nothing is warmed up" */
static void tell_nothing(const char *who, const char *why) {
    char buffer[LINE_SIZE];
    struct gf_text line;
    gf_text_init(&line, buffer, sizeof buffer);
    gf_text_add(&line, "warm-up: ");
    gf_text_add(&line, who);
    gf_text_add_char(&line, ' ');
    gf_text_add(&line, why);
    gf_text_add(&line, ": nothing is warmed up");
    tell(line.data);
}

void gf_warmup_attached(bool early) {
    met_late = !early;
    const struct gf_host_row *row = gf_session.row;
    if (gf_warmup_is_due() && row && row->kind == GF_HOST_SPAWNS)
        tell_nothing(row->name, gf_host_habit(row, GF_PRELOADS_NOT));
}

void gf_warmup_missed(void) {
    if (!gf_warmup_is_due() || !met_late)
        return;
    over = true;
    tell_nothing(gf_self_title(), "was met in its first fork, which is too late");
}

static void keep(const struct gf_warmed *warmed) {
    struct gcfreeze_status *status = &gcfreeze_page.status;
    status->warmup_done = (int32_t)warmed->done;
    status->warmup_left_out = (int32_t)warmed->left_out;
    status->warmup_trial_us = warmed->trial_us;
    status->warmup_parent_us = warmed->parent_us;
    status->warmup_bytes = warmed->bytes;
    const struct gf_warmup_event event = {
        .pid = gf_self_pid(),
        .script = gf_self_title(),
        .python = gf_session.runtime->version(),
        .done = warmed->done,
        .left_out = warmed->left_out,
        .statuses = warmed->statuses,
        .trial_us = warmed->trial_us,
        .parent_us = warmed->parent_us,
        .bytes = warmed->bytes,
    };
    gf_report_warmup(&gf_session.config, &event);
}

static void warm_up(const struct gf_host_row *row, enum gf_moment moment) {
    const struct gf_runtime *runtime = gf_session.runtime;
    const struct gf_warmup warmup = {
        .words = gf_session.config.warmup,
        .seconds = gf_session.config.warmup_seconds,
        .name = row ? row->name : "",
        .function = row ? row->callers : "",
        .application = row ? row->application : "",
        .tell = tell,
    };
    struct gf_warmed warmed;
    running = true;
    const char *obstacle = runtime->warm_up_obstacle(moment);
    if (obstacle) {
        tell_nothing(row ? row->name : gf_self_title(), obstacle);
        runtime->cool();
    } else if (runtime->warm_up(&warmup, &warmed)) {
        keep(&warmed);
    }
    running = false;
}

static bool is_workers(const struct gf_host_row *row, const char *callers) {
    if (row && strchr(row->callers, ':'))
        return gf_host_called(row->callers, callers);
    return !gf_host_called(to_background, callers);
}

/* Does a program of this kind fork workers that share what it has loaded? */
static bool shares(const struct gf_host_row *row) {
    if (row && row->kind == GF_HOST_LAZY)
        tell_nothing(row->name, gf_host_habit(row, GF_PRELOADS_NOT));
    return !row || gf_host_preforks(row) || row->kind == GF_HOST_SPAWNED;
}

static void begin(const struct gf_host_row *row, enum gf_moment moment) {
    if (atomic_flag_test_and_set(&taken))
        return; /* a page forks, or another thread */
    over = true;
    if (shares(row))
        warm_up(row, moment);
    else
        gf_session.runtime->cool();
}

void gf_warmup_before_os_fork(void) {
    char callers[CALLERS_SIZE];
    if (!gf_warmup_is_due() || gf_session.phase != GF_PHASE_ATTACHED ||
        gf_self_kin() == GF_KIN_BORROWER)
        return;
    gf_session.runtime->callers(GF_MOMENT_HOOK, callers, sizeof callers);
    const struct gf_host_row *row = gf_hosts_find_caller(callers, gf_session.row);
    if (is_workers(row, callers))
        begin(row, GF_MOMENT_HOOK);
}

void gf_warmup_before_host_fork(void) {
    char callers[CALLERS_SIZE];
    if (!gf_warmup_is_due())
        return;
    gf_session.runtime->callers(GF_MOMENT_WINDOW, callers, sizeof callers);
    begin(gf_hosts_find_caller(callers, gf_session.row), GF_MOMENT_WINDOW);
}
