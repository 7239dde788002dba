/* What passes may take: 2 % of a clock's time, saved up to an amount. Pure arithmetic, any phase.
 */
#ifndef GF_CORE_BUDGET_H
#define GF_CORE_BUDGET_H

#include <stdint.h>

enum { GF_BUDGET_PERCENT = 2 };

/* Microseconds. */
struct gf_budget {
    int64_t credit; /* may be spent; negative: a slice took longer than that */
    int64_t at;     /* the clock up to which it was earned */
};

static inline void gf_budget_start(struct gf_budget *budget, int64_t now) {
    *budget = (struct gf_budget){.at = now};
}

static inline void gf_budget_earn(struct gf_budget *budget, int64_t now, int64_t most) {
    budget->credit += (now - budget->at) * GF_BUDGET_PERCENT / 100;
    budget->at = now;
    if (budget->credit > most)
        budget->credit = most;
}

/* How long on its clock until there is something to spend; 0: there is. */
static inline int64_t gf_budget_wait(const struct gf_budget *budget) {
    return budget->credit > 0 ? 0 : (1 - budget->credit) * 100 / GF_BUDGET_PERCENT;
}

#endif
