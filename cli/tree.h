/* Prefork servers as one sample each: a parent, its descendants, what each has and what the library
 * did there. */
#ifndef GF_CLI_TREE_H
#define GF_CLI_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "known.h"

enum gf_role {
    GF_ROLE_PARENT,  /* the root, and whoever has forked members */
    GF_ROLE_WORKER,  /* a fork that goes on in its parent's program */
    GF_ROLE_PROGRAM, /* it executes a program of its own */
    GF_ROLE_UNKNOWN  /* which of these two is not ours to see */
};

/* Is what it inherited, or has, in the permanent generation? */
enum gf_frozen { GF_FROZEN_UNKNOWN, GF_FROZEN_NO, GF_FROZEN_YES };

struct gf_member {
    struct gf_process process;
    bool readable; /* use is set */
    bool closed;   /* its memory is not ours to read; neither of them: its turn has not come yet */
    struct gf_memory_use use;
    long copied; /* of use.own, what it has copied of its parent's; the rest is new since the fork.
                    -1: not known, or nobody forked it */
    enum gf_page_answer answer;
    struct gcfreeze_page page; /* GF_PAGE_READ and GF_PAGE_PARENTS */
    size_t depth;              /* 0: the root */
    enum gf_role role;
    enum gf_frozen frozen;
};

/* Parents stand before their children. Processes that have ended, zombies too, are no members. */
struct gf_tree {
    struct gf_member *members;
    size_t count;
    size_t closed;  /* members whose memory is not ours to read */
    long total_kib; /* anonymous PSS, file PSS, and each snapshot once; of the readable members */
    long snapshot_kib;
    long group_kib; /* of the control group that holds this tree alone; -1: there is none */
};

/* Samples the tree below `root`. False with errno: ESRCH if there is no such process, ENOMEM. */
bool gf_tree_sample(pid_t root, struct gf_tree *ret);
void gf_tree_release(struct gf_tree *tree);

/* Several trees of one moment. */
struct gf_view {
    struct gf_tree *trees; /* by the pid of their roots */
    size_t count;
    size_t waiting; /* members whose memory figures are older than this view */
};

/* The tree below `root`; or, if it is 0, all prefork trees that this user can see: processes in
 * which the library works with an interpreter, and none of whose ancestors is one.
 *
 * `known` carries on from view to view. Memory figures are read in turn, the oldest first, until
 * that took `budget_us` of CPU time, one at the least; 0: all are read. False with errno: ESRCH,
 * ENOMEM. */
bool gf_view_take(struct gf_known_list *known, pid_t root, int64_t budget_us, struct gf_view *ret);
void gf_view_release(struct gf_view *view);

/* Has `master` forked it, and does it go on in its program? Where its stack starts tells. */
bool gf_tree_is_worker(const struct gf_member *member, const struct gf_member *master);

const char *gf_role_name(enum gf_role role);

#endif
