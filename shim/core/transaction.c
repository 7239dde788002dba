#include "core/transaction.h"

#include "base/clock.h"
#include "core/mode.h"
#include "core/pickled.h"
#include "core/warmup.h"

/* In a server that does not know of it, each job may be handed something else (Ansible's tasks have
 * variables of their own), and would leave it behind. */
static bool handed_too(void) {
    return gf_session.config.mode == GF_MODE_IMMORTAL;
}

static void immortalize(struct gf_event *event) {
    const struct gf_runtime *runtime = gf_session.runtime;
    struct gf_balance balance;
    if (!runtime->weigh(handed_too(), &balance))
        return; /* nobody knows what it would cost: not this time */
    if (!gf_policy_may_mark(&balance)) {
        gf_mode_only_freeze(&balance);
        return;
    }
    event->immortal = true;
    event->marked = runtime->immortalize(handed_too(), &event->complete);
}

/* Suspended, because up to 3.11 any allocation may start a collection; and a collection of our own
 * comes before that, because it runs code of the application, which may change the flag. */
static bool freeze(struct gf_transaction *t, enum gf_moment moment) {
    const struct gf_runtime *runtime = gf_session.runtime;
    bool enabled = false;
    /* A host that freezes by itself has done what is to be done, and unfreezing would take back
     * what it wants at a worker's end. */
    bool own = runtime->frozen_by_application(moment);
    if (own) {
        t->decision.reason = GCFREEZE_REASON_OWN_FREEZE;
        t->decision.collect = false;
        t->event.tracked = -1;
    }
    int64_t start = gf_clock_us();
    if (t->decision.collect && runtime->collect() != 0)
        return false;
    int64_t collected = gf_clock_us();
    if (runtime->suspend(&enabled) != 0)
        return false;
    bool done = own || runtime->freeze(moment) == 0;
    int64_t frozen = gf_clock_us();
    t->event.collect_us = t->decision.collect ? collected - start : 0;
    t->event.freeze_us = frozen - collected;
    if (done && gf_session.immortal) {
        immortalize(&t->event);
        t->event.immortal_us = gf_clock_us() - frozen;
    }
    if (done && !own)
        runtime->thaw_at_exit();
    return runtime->resume(enabled) == 0 && done;
}

static void act(struct gf_transaction *t, enum gf_moment moment) {
    struct gf_session *s = &gf_session;
    if (t->decision.freeze) {
        gf_mode_reconsider(moment);
        t->event.frozen = freeze(t, moment);
        if (t->event.frozen)
            s->freezes++;
        else
            t->decision.reason = GCFREEZE_REASON_PYTHON_ERROR;
    }
    if (!s->deferred)
        return;
    bool lifted = s->runtime->lift() == 0;
    if (!lifted && !t->event.frozen)
        t->decision.reason = GCFREEZE_REASON_PYTHON_ERROR;
    /* not only at the freeze itself: a lift that failed there is made up for by a later fork */
    bool for_good = lifted && s->freezes > 0 && s->config.parent == GF_PARENT_RESTORE;
    t->put_back = !for_good;
    s->deferred = !for_good;
}

/* os.fork of a process that was met early has been seen before it began. */
static void warm_up(enum gf_moment moment, enum gf_caller caller) {
    if (caller != GF_CALLER_C_HOST)
        gf_warmup_missed();
    else if (moment == GF_MOMENT_WINDOW)
        gf_warmup_before_host_fork();
}

/* Plain data has no containers, which is what the collector counts: what the child is handed is
 * looked at. It is not yet known whether this fork is a worker's. */
static long count_new(enum gf_moment moment) {
    const struct gf_session *s = &gf_session;
    long objects = s->runtime->count_new(moment, s->config.min_new);
    if (!s->immortal || !handed_too() || s->freezes == 0 || objects >= s->config.min_new)
        return objects;
    long handed = s->runtime->count_handed(s->config.min_new);
    return handed > objects ? handed : objects;
}

void gf_transaction_prepare(struct gf_transaction *t, enum gf_moment moment) {
    struct gf_session *s = &gf_session;
    *t = (struct gf_transaction){0};
    struct gf_facts facts = {
        .obstacle = gf_session_enter(moment, &t->entry),
        .moment = moment,
        .worker_forks = s->worker_forks,
        .freezes = s->freezes,
        .new_objects = -1,
        .warming_up = gf_warmup_is_running(),
    };
    facts.caller = t->entry.caller;
    facts.not_now = facts.obstacle == GCFREEZE_REASON_NONE && !s->runtime->freezes_in(moment);
    if (facts.obstacle == GCFREEZE_REASON_NONE && !facts.not_now && !facts.warming_up)
        facts.new_objects = count_new(moment);
    t->decision = gf_policy_decide(&s->config, &facts);
    t->event.tracked = facts.new_objects;
    if (t->decision.worker) {
        gf_pickled_before_fork();
        warm_up(moment, facts.caller);
    }
    if (t->decision.restore)
        act(t, moment);
    if (facts.obstacle == GCFREEZE_REASON_NONE)
        s->runtime->leave(&t->entry);
    t->event.reason = t->decision.reason;
    t->event.caller = t->entry.caller;
}

void gf_transaction_put_back(struct gf_transaction *t) {
    const struct gf_runtime *runtime = gf_session.runtime;
    if (!t->put_back)
        return;
    t->put_back = false;
    runtime->reenter(&t->entry);
    runtime->put_off();
    runtime->leave(&t->entry);
}
