/* Facts and configuration in, decision and reason out. Pure: no state, no calls, any phase. */
#ifndef GF_CORE_POLICY_H
#define GF_CORE_POLICY_H

#include <stdbool.h>

#include "core/config.h"
#include "core/runtime.h"

struct gf_facts {
    enum gcfreeze_reason obstacle; /* NONE, or why this fork cannot be prepared at all */
    enum gf_caller caller;
    enum gf_moment moment;
    unsigned long worker_forks; /* of this process before this one: not exec-bound, no obstacle */
    unsigned long freezes;      /* of this process so far */
    bool not_now;               /* the interpreter cannot be frozen in this moment */
    bool warming_up;            /* the application runs before the fork of its first worker */
    long new_objects;           /* since the last freeze; -1: unknown */
};

struct gf_decision {
    enum gcfreeze_reason reason;
    bool worker;  /* counts as one: the child goes on as Python */
    bool restore; /* the child gets the application's collector settings */
    bool freeze;
    bool collect; /* before the freeze */
};

struct gf_decision gf_policy_decide(const struct gf_config *config, const struct gf_facts *facts);

/* What is made immortal and replaced later is never freed, and a parent that keeps replacing would
 * keep growing. Make more immortal? Yes if all of it may be replaced as well, and one live heap is
 * lost then at most; or if at most half of one is lost: a server may drop a first small heap
 * before it loads the real one, and that says nothing about the real one. */
bool gf_policy_may_mark(const struct gf_balance *balance);

#endif
