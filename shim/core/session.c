#include "core/session.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>

#include "base/load.h"
#include "base/machine.h"
#include "base/text.h"
#include "core/hosts.h"
#include "core/mode.h"
#include "core/pickled.h"
#include "core/report.h"
#include "core/reshare.h"
#include "core/warmup.h"
#include "process/loader.h"
#include "process/self.h"

struct gf_session gf_session GF_AT_LOAD;

void gf_session_tell(enum gf_log_level level, const char *sentence) {
    gf_report_message(&gf_session.config, level, sentence);
}

static void tell_problem(const char *line) {
    gf_session_tell(GF_LOG_WARN, line);
}

void gf_session_start(const struct gf_runtime *runtime, const struct gf_host *host,
                      void (*before_fork)(void)) {
    struct gf_session *s = &gf_session;
    s->runtime = runtime;
    s->library = host->library;
    s->before_fork = before_fork;
    gf_config_read(&s->config, host->environment, host->secure);
    gf_self_init(host->argc, host->argv);
    s->argc = host->argc;
    s->argv = host->argv;
    gf_loader_start(gf_self_pid());
    gf_log_init((enum gf_log_level)s->config.log, s->config.log_file);

    const struct gf_self *self = gf_self_names();
    const char *const names[] = {self->program, self->script, self->module};
    if (!s->config.enabled)
        s->inert_because = GCFREEZE_REASON_DISABLED;
    else if (!gf_config_admits(&s->config, names, sizeof names / sizeof *names))
        s->inert_because = GCFREEZE_REASON_FILTERED;
    else
        s->phase = GF_PHASE_WAITING;
    gf_reshare_watch();
}

/* The threshold of a put-off collector; 0: it is not put off. `disable` is a threshold that nobody
 * reaches instead of gc.disable(): the flag stays the application's own. */
static long brake_threshold(const struct gf_session *s) {
    const struct gf_config *config = &s->config;
    if (config->when.kind == GF_WHEN_NEVER)
        return 0;
    switch (config->startup) {
    case GF_STARTUP_AUTO:
        return s->row && s->row->defers ? config->defer : 0;
    case GF_STARTUP_DEFER:
        return config->defer;
    case GF_STARTUP_DISABLE:
        return INT_MAX;
    default:
        return 0;
    }
}

static void interpreter_gone(void) {
    gf_session.deferred = false;
    gf_session.worker_forks = 0;
    gf_session.freezes = 0; /* of an interpreter: another one starts with nothing frozen */
    gf_session.phase = GF_PHASE_WAITING;
    gcfreeze_page.status.attached = 0;
    gcfreeze_page.status.mode[0] = gcfreeze_page.status.mode_why[0] = '\0';
}

static enum gcfreeze_reason find(void) {
    struct gf_session *s = &gf_session;
    enum gcfreeze_reason reason = s->runtime->find();
    struct gcfreeze_status *status = &gcfreeze_page.status;
    struct gf_text python;
    gf_text_init(&python, status->python, sizeof status->python);
    gf_text_add(&python, s->runtime->version());
    const char *remark = s->runtime->remark();
    if (remark && !s->told_remark) {
        s->told_remark = true;
        gf_session_tell(GF_LOG_INFO, remark);
    }
    return reason;
}

static enum gcfreeze_reason attach(enum gf_moment moment) {
    struct gf_session *s = &gf_session;
    /* later than startup the application is loaded: there is nothing to put off, and os has copied
     * the environment */
    bool early = moment == GF_MOMENT_STARTUP;
    if (!s->row)
        s->row = gf_hosts_find(gf_self_names(), s->argc, s->argv);
    bool strip = early && s->config.exec == GF_EXEC_STRIP;
    const struct gf_attach_options options = {
        .brake = early ? brake_threshold(s) : 0,
        .strip_preload = strip ? s->library : NULL,
        .before_os_fork = early && gf_warmup_is_due() ? gf_warmup_before_os_fork : NULL,
        .host_function = gf_host_function,
    };
    enum gcfreeze_reason reason =
        s->runtime->attach(moment, &options, s->before_fork, interpreter_gone);
    if (!s->told_config)
        gf_config_tell(tell_problem);
    s->told_config = true;
    if (reason != GCFREEZE_REASON_NONE)
        return reason;
    gcfreeze_page.status.attached = 1;
    gf_reshare_watch();
    s->deferred = options.brake != 0;
    gf_mode_choose();
    gf_warmup_attached(early);
    gf_pickled_in_worker();
    if (early && !s->runtime->unwinding())
        gf_session_tell(GF_LOG_INFO,
                        GF_UNWIND_LIBRARY " cannot be opened: unwinding is off, the calling Python "
                                          "module tells what a fork is for");
    return reason;
}

void gf_session_startup(void) {
    struct gf_session *s = &gf_session;
    int waiting = GF_PHASE_WAITING;
    if (!atomic_compare_exchange_strong(&s->phase, &waiting, GF_PHASE_ATTACHING))
        return;
    int saved_errno = errno;
    enum gcfreeze_reason reason = find();
    if (reason == GCFREEZE_REASON_NONE)
        reason = attach(GF_MOMENT_STARTUP);
    s->phase = reason == GCFREEZE_REASON_NONE ? GF_PHASE_ATTACHED : GF_PHASE_WAITING;
    errno = saved_errno;
}

enum gcfreeze_reason gf_session_enter(enum gf_moment moment, struct gf_entry *ret) {
    struct gf_session *s = &gf_session;
    int waiting = GF_PHASE_WAITING;
    enum gcfreeze_reason reason = find();
    if (reason == GCFREEZE_REASON_NONE)
        reason = s->runtime->enter(moment, ret);
    if (reason != GCFREEZE_REASON_NONE || s->phase == GF_PHASE_ATTACHED)
        return reason;
    if (atomic_compare_exchange_strong(&s->phase, &waiting, GF_PHASE_ATTACHING)) {
        reason = attach(moment);
        s->phase = reason == GCFREEZE_REASON_NONE ? GF_PHASE_ATTACHED : GF_PHASE_WAITING;
    } else {
        reason = GCFREEZE_REASON_CONCURRENT; /* another thread is attaching */
    }
    if (reason != GCFREEZE_REASON_NONE)
        s->runtime->leave(ret);
    return reason;
}

void gf_session_child(bool restored) {
    struct gf_session *s = &gf_session;
    if (s->phase == GF_PHASE_ATTACHING)
        s->phase = GF_PHASE_WAITING; /* the thread that was at it is not here */
    s->worker_forks = 0;
    s->freezes = 0;
    s->told_pickled = true; /* what forks for a parent has forked it: it is a worker */
    if (restored)
        s->deferred = false;
}
