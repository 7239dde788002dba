#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static struct gf_known *known_of(const struct gf_known_list *known,
                                 const struct gf_member *member) {
    return gf_known_find(known, member->process.pid);
}

/* ---- who belongs to it ---- */

/* Appends a process and then its children, depth first. `tree` has room for all that are known. */
static void gather(const struct gf_known_list *known, const struct gf_process *process,
                   size_t depth, struct gf_tree *tree) {
    tree->members[tree->count++] =
        (struct gf_member){.process = *process, .copied = -1, .depth = depth};
    for (size_t i = 0; i < known->count && depth < known->count; i++) {
        const struct gf_process *child = &known->list[i].process;
        if (child->parent == process->pid && child->pid != process->pid && child->state != 'Z')
            gather(known, child, depth + 1, tree);
    }
}

/* Is it one of those that a view of all begins at? Where the status page does not tell, it may be.
 */
static bool works_with_python(struct gf_known *process) {
    struct gcfreeze_page page;
    if (process->process.state == 'Z' || !gf_known_loaded(process))
        return false;
    switch (gf_known_page(process, &page)) {
    case GF_PAGE_READ:
    case GF_PAGE_PARENTS:
        return page.status.attached != 0;
    case GF_PAGE_CLOSED:
    case GF_PAGE_UNKNOWN:
        return true;
    default:
        return false;
    }
}

static bool has_such_ancestor(const struct gf_known_list *known, const bool *such, size_t index) {
    const struct gf_known *process = &known->list[index];
    for (size_t i = 0; i < known->count; i++) { /* no longer than there are processes */
        process = gf_known_find(known, process->process.parent);
        if (!process)
            return false;
        if (such[process - known->list])
            return true;
    }
    return false;
}

/* Appends the index of each root to `ret`; returns how many. */
static size_t find_roots(const struct gf_known_list *known, bool *such, size_t *ret) {
    size_t count = 0;
    for (size_t i = 0; i < known->count; i++)
        such[i] = works_with_python(&known->list[i]);
    for (size_t i = 0; i < known->count; i++) {
        if (such[i] && !has_such_ancestor(known, such, i))
            ret[count++] = i;
    }
    return count;
}

/* ---- memory, in turn ---- */

static int64_t cpu_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct turn {
    struct gf_member *member;
    struct gf_known *known;
};

static int by_last_read(const void *a, const void *b) {
    const int64_t left = ((const struct turn *)a)->known->read_us;
    const int64_t right = ((const struct turn *)b)->known->read_us;
    return (left > right) - (left < right);
}

static void take_figures(const struct turn *turn) {
    turn->member->readable = turn->known->read;
    turn->member->use = turn->known->use;
    turn->member->copied = turn->known->read ? turn->known->copied : -1;
}

/* A member that is gone keeps neither figures nor pid, and is taken out later. */
static void measure_one(const struct gf_known_list *known, const struct turn *turn) {
    struct gf_known *parent = gf_known_find(known, turn->member->process.parent);
    bool forked = parent && gf_known_forked(&turn->member->process, &parent->process);
    if (gf_known_measure(turn->known, forked ? parent : NULL)) {
        take_figures(turn);
        return;
    }
    turn->member->closed = errno == EACCES || errno == EPERM;
    if (!turn->member->closed)
        turn->member->process.pid = 0;
}

static bool measure(const struct gf_known_list *known, struct gf_view *view, int64_t budget_us) {
    size_t count = 0, done = 0;
    for (size_t t = 0; t < view->count; t++)
        count += view->trees[t].count;
    struct turn *turns = calloc(count + 1, sizeof *turns);
    if (!turns)
        return false;
    count = 0;
    for (size_t t = 0; t < view->count; t++) {
        for (size_t m = 0; m < view->trees[t].count; m++) {
            struct gf_member *member = &view->trees[t].members[m];
            turns[count++] = (struct turn){member, known_of(known, member)};
        }
    }
    qsort(turns, count, sizeof *turns, by_last_read);
    const int64_t start = cpu_us();
    while (done < count && (done == 0 || budget_us == 0 || cpu_us() - start < budget_us))
        measure_one(known, &turns[done++]);
    view->waiting = count - done;
    for (; done < count; done++)
        take_figures(&turns[done]);
    free(turns);
    return true;
}

/* ---- what the library did ---- */

static struct gf_member *parent_of(const struct gf_tree *tree, const struct gf_member *of) {
    for (size_t i = 0; i < tree->count && &tree->members[i] != of; i++) {
        if (tree->members[i].process.pid == of->process.parent)
            return &tree->members[i];
    }
    return NULL;
}

/* Its status page tells of its own forks alone; that it comes from one that a freeze preceded, or
 * followed, must be seen in its parent's: these skips come after a freeze, or make no worker. */
static bool forked_after_freeze(const struct gcfreeze_status *parent) {
    uint64_t other = 0;
    for (int i = 0; i < GCFREEZE_REASON_ROOM; i++) {
        if (i != GCFREEZE_REASON_NOTHING_NEW && i != GCFREEZE_REASON_POLICY_FIRST &&
            i != GCFREEZE_REASON_EXEC_BOUND)
            other += parent->skipped[i];
    }
    return other == 0;
}

static enum gf_frozen frozen_of(const struct gf_member *member, const struct gf_member *parent) {
    if (member->answer == GF_PAGE_NOT_LOADED)
        return GF_FROZEN_NO;
    if (member->answer != GF_PAGE_READ && member->answer != GF_PAGE_PARENTS)
        return GF_FROZEN_UNKNOWN;
    if (member->page.status.forks_frozen > 0)
        return GF_FROZEN_YES;
    if (!parent || member->role == GF_ROLE_PROGRAM || parent->frozen == GF_FROZEN_NO)
        return GF_FROZEN_NO;
    bool inherited = parent->answer == GF_PAGE_READ && parent->page.status.forks_frozen == 0;
    if (parent->frozen == GF_FROZEN_YES && (inherited || forked_after_freeze(&parent->page.status)))
        return GF_FROZEN_YES;
    return GF_FROZEN_UNKNOWN;
}

static enum gf_role role_of(const struct gf_member *member, const struct gf_member *parent) {
    if (!parent || member->process.stack == 0 || parent->process.stack == 0)
        return GF_ROLE_UNKNOWN;
    return gf_known_forked(&member->process, &parent->process) ? GF_ROLE_WORKER : GF_ROLE_PROGRAM;
}

static void describe(const struct gf_known_list *known, struct gf_tree *tree) {
    for (size_t i = 0; i < tree->count; i++) {
        struct gf_member *member = &tree->members[i];
        struct gf_member *parent = parent_of(tree, member);
        member->answer = gf_known_page(known_of(known, member), &member->page);
        member->role = i == 0 ? GF_ROLE_PARENT : role_of(member, parent);
        member->frozen = frozen_of(member, parent);
    }
    for (size_t i = 1; i < tree->count; i++) {
        struct gf_member *parent = parent_of(tree, &tree->members[i]);
        if (tree->members[i].role == GF_ROLE_WORKER)
            parent->role = GF_ROLE_PARENT;
    }
}

/* ---- the sums ---- */

static void leave_out_the_gone(struct gf_tree *tree) {
    size_t left = 0;
    for (size_t i = 0; i < tree->count; i++) {
        if (tree->members[i].process.pid != 0)
            tree->members[left++] = tree->members[i];
    }
    tree->count = left;
}

static bool add_up(const struct gf_known_list *known, struct gf_tree *tree) {
    struct gf_snapshots snapshots = {0};
    pid_t *pids = calloc(tree->count + 1, sizeof *pids);
    bool good = pids != NULL;
    for (size_t i = 0; good && i < tree->count; i++) {
        struct gf_member *member = &tree->members[i];
        struct gf_known *process = known_of(known, member);
        pids[i] = member->process.pid;
        tree->closed += member->closed;
        if (!member->readable)
            continue;
        tree->total_kib += member->use.pss_anonymous + member->use.pss_file;
        if (gf_known_map(process))
            good = gf_snapshots_add(&snapshots, &process->maps.snapshots);
    }
    if (good) {
        tree->snapshot_kib = gf_snapshots_kib(&snapshots);
        tree->total_kib += tree->snapshot_kib;
        tree->group_kib = gf_memory_of_group(pids[0], pids, tree->count);
    }
    gf_snapshots_release(&snapshots);
    free(pids);
    return good;
}

/* ---- views ---- */

static bool start_view(struct gf_known_list *known, pid_t root, struct gf_view *view) {
    size_t *roots = calloc(known->count + 1, sizeof *roots);
    bool *such = calloc(known->count + 1, sizeof *such);
    const struct gf_known *one = root ? gf_known_find(known, root) : NULL;
    size_t count = 0;
    if (roots && one)
        roots[count++] = (size_t)(one - known->list);
    else if (roots && such && root == 0)
        count = find_roots(known, such, roots);
    view->trees = calloc(count + 1, sizeof *view->trees);
    bool good = roots && such && view->trees;
    for (size_t i = 0; good && i < count; i++) {
        struct gf_tree *tree = &view->trees[view->count++];
        *tree = (struct gf_tree){.group_kib = -1};
        tree->members = calloc(known->count, sizeof *tree->members);
        good = tree->members != NULL;
        if (good)
            gather(known, &known->list[roots[i]].process, 0, tree);
    }
    free(such);
    free(roots);
    return good;
}

static void leave_out_empty_trees(struct gf_view *view) {
    size_t left = 0;
    for (size_t i = 0; i < view->count; i++) {
        if (view->trees[i].count > 0)
            view->trees[left++] = view->trees[i];
        else
            gf_tree_release(&view->trees[i]);
    }
    view->count = left;
}

bool gf_view_take(struct gf_known_list *known, pid_t root, int64_t budget_us, struct gf_view *ret) {
    struct gf_view view = {0};
    bool good = gf_known_update(known) && start_view(known, root, &view) &&
                measure(known, &view, budget_us);
    for (size_t i = 0; good && i < view.count; i++) {
        leave_out_the_gone(&view.trees[i]);
        describe(known, &view.trees[i]);
        good = add_up(known, &view.trees[i]);
    }
    leave_out_empty_trees(&view);
    if (good && (root == 0 || view.count > 0)) {
        *ret = view;
        return true;
    }
    int error = good ? ESRCH : errno;
    gf_view_release(&view);
    errno = error;
    return false;
}

void gf_view_release(struct gf_view *view) {
    for (size_t i = 0; i < view->count; i++)
        gf_tree_release(&view->trees[i]);
    free(view->trees);
    *view = (struct gf_view){0};
}

bool gf_tree_sample(pid_t root, struct gf_tree *ret) {
    struct gf_known_list known = {0};
    struct gf_view view;
    bool good = root > 0 && gf_view_take(&known, root, 0, &view);
    int error = root > 0 ? errno : ESRCH;
    gf_known_release(&known);
    if (good) {
        *ret = view.trees[0];
        free(view.trees);
    }
    errno = error;
    return good;
}

void gf_tree_release(struct gf_tree *tree) {
    free(tree->members);
    *tree = (struct gf_tree){0};
}

bool gf_tree_is_worker(const struct gf_member *member, const struct gf_member *master) {
    return member->process.parent == master->process.pid && member->process.stack != 0 &&
           member->process.stack == master->process.stack;
}

const char *gf_role_name(enum gf_role role) {
    static const char *const names[] = {"parent", "worker", "program", "unknown"};
    return names[role];
}
