#include "core/policy.h"

/* Why this caller's forks are left alone, or NONE. Unwinding that is off makes the caller unknown.
 */
static enum gcfreeze_reason caller_obstacle(enum gf_caller caller) {
    switch (caller) {
    case GF_CALLER_OS_FORK:
    case GF_CALLER_OS_FORKPTY:
    case GF_CALLER_C_HOST:
        return GCFREEZE_REASON_NONE;
    case GF_CALLER_EXEC:
        return GCFREEZE_REASON_EXEC_BOUND;
    case GF_CALLER_EXTENSION:
        return GCFREEZE_REASON_EXTENSION;
    case GF_CALLER_SIGNAL:
        return GCFREEZE_REASON_SIGNAL_HANDLER;
    case GF_CALLER_UNKNOWN:
        break;
    }
    return GCFREEZE_REASON_UNWINDING_OFF;
}

static enum gcfreeze_reason when_grown(const struct gf_config *config, const struct gf_facts *facts,
                                       bool *ret_freeze) {
    if (facts->freezes == 0) {
        *ret_freeze = true;
        return GCFREEZE_REASON_FIRST_WORKER_FORK;
    }
    *ret_freeze = facts->new_objects >= config->min_new;
    return *ret_freeze ? GCFREEZE_REASON_HEAP_GROWN : GCFREEZE_REASON_NOTHING_NEW;
}

static enum gcfreeze_reason by_schedule(const struct gf_config *config,
                                        const struct gf_facts *facts, bool *ret_freeze) {
    switch (config->when.kind) {
    case GF_WHEN_NEVER:
        return GCFREEZE_REASON_POLICY_NEVER;
    case GF_WHEN_EVERY:
        *ret_freeze = true;
        return GCFREEZE_REASON_EVERY_FORK;
    case GF_WHEN_FIRST:
        if (facts->freezes > 0 || facts->worker_forks > 0)
            return GCFREEZE_REASON_POLICY_FIRST;
        return when_grown(config, facts, ret_freeze);
    case GF_WHEN_AFTER:
        if (facts->worker_forks < (unsigned long)config->when.after)
            return GCFREEZE_REASON_POLICY_AFTER;
        return when_grown(config, facts, ret_freeze);
    case GF_WHEN_AUTO:
        break;
    }
    return when_grown(config, facts, ret_freeze);
}

struct gf_decision gf_policy_decide(const struct gf_config *config, const struct gf_facts *facts) {
    struct gf_decision decision = {.reason = facts->obstacle};
    if (decision.reason != GCFREEZE_REASON_NONE)
        return decision;
    decision.reason = caller_obstacle(facts->caller);
    if (decision.reason != GCFREEZE_REASON_NONE) {
        /* what an extension's child will do is unknown; if it goes on as Python, it collects */
        decision.restore = decision.reason == GCFREEZE_REASON_EXTENSION;
        return decision;
    }
    if (facts->warming_up) {
        decision.reason = GCFREEZE_REASON_WARM_UP;
        decision.restore = true;
        return decision;
    }

    decision.worker = true;
    decision.restore = true;
    if (facts->not_now) {
        decision.reason = GCFREEZE_REASON_FREE_THREADED;
        return decision;
    }
    decision.reason = by_schedule(config, facts, &decision.freeze);
    if (decision.freeze && facts->moment == GF_MOMENT_HOOK) {
        decision.collect = config->collect == GF_COLLECT_ALWAYS ||
                           (config->collect == GF_COLLECT_REPEAT && facts->freezes > 0);
    }
    return decision;
}

bool gf_policy_may_mark(const struct gf_balance *balance) {
    return balance->lost <= balance->live / 2 || balance->lost + balance->fresh <= balance->live;
}
