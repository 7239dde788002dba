/* GCFREEZE_RESHARE in the workers of a server: what their passes do, or why there are none. */
#ifndef GF_CLI_PASSES_H
#define GF_CLI_PASSES_H

#include <stdbool.h>
#include <stddef.h>

#include "tree.h"

enum gf_passing {
    GF_PASSING_RUNS,     /* a pass is not over */
    GF_PASSING_HINDERED, /* none begins, or the last one ended early */
    GF_PASSING_DONE,     /* the last one looked at everything */
    GF_PASSING_NOT_YET,  /* it was looked whether one is worth beginning */
    GF_PASSING_UNSEEN,   /* nobody has looked since the fork */
    GF_PASSING_NO_COPIES /* it has none of its parent's copies */
};
enum { GF_PASSINGS = GF_PASSING_NO_COPIES + 1 };

/* Workers that are alike in that, and for the same reason. */
struct gf_passes {
    enum gf_passing passing;
    int reason; /* enum gcfreeze_reason: what hinders, or disturbed last; NONE: nothing */
    size_t count;
    uint64_t passes;       /* that are over, of all of them */
    double given_mib;      /* by all of them, since their forks */
    double kept_mib;       /* the same */
    double regainable_mib; /* of the one with the most, at its last look */
    double seconds;        /* since the fork of the eldest */
};

/* Where `master` has copied arenas, its workers in groups, by `passing`; a call for each. */
void gf_passes_each(const struct gf_tree *tree, const struct gf_member *master,
                    void (*visit)(const struct gf_passes *group, size_t workers, void *context),
                    void *context);

#endif
