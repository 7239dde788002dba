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
    long new_objects;           /* since the last freeze; -1: unknown */
};

struct gf_decision {
    enum gcfreeze_reason reason;
    bool worker;  /* counts as one: the child goes on as Python */
    bool restore; /* the child gets the application's collector settings */
    bool freeze;
    bool collect;  /* before the freeze */
    bool immortal; /* after it, if the mode says so and the interpreter can */
};

/* With GCFREEZE_WHEN=auto, freezes of one process that also make objects immortal. What a parent
 * replaces after one of them is never freed, and a parent that keeps replacing would keep growing.
 */
enum { GF_IMMORTAL_FREEZES = 8 };

struct gf_decision gf_policy_decide(const struct gf_config *config, const struct gf_facts *facts);

#endif
