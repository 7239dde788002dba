/* One fork: what is done before it, and what is put back after it in the parent. */
#ifndef GF_CORE_TRANSACTION_H
#define GF_CORE_TRANSACTION_H

#include <stdbool.h>

#include "core/policy.h"
#include "core/report.h"
#include "core/session.h"

struct gf_transaction {
    struct gf_entry entry;
    struct gf_decision decision;
    bool put_back; /* the parent's collector is to be put off again */
    struct gf_event event;
};

/* Gathers the facts, asks the policy, acts, and leaves the collector as the child should find it.
 * Fills all of *t but what only the fork itself tells. Phase: before hook, fork window. */
void gf_transaction_prepare(struct gf_transaction *t, enum gf_moment moment);

/* Puts the parent's state back, whether the fork succeeded or not. Idempotent. Phase: after the
 * fork in the parent, same thread as prepare; or before hook, if the fork never came. */
void gf_transaction_put_back(struct gf_transaction *t);

#endif
