/* checks.h: what workers have for themselves, and where it comes from. */
#include "checks.h"
#include "figures.h"

/* MiB that are new in each worker, from where on it is worth a warning: less than that, any worker
 * takes to do its work. */
enum { MUCH = 8 };

void gf_check_private(const struct gf_tree *tree, const struct gf_member *master) {
    size_t workers = 0;
    double fresh = 0, copied = 0; /* MiB, on average */
    for (size_t i = 1; i < tree->count; i++) {
        const struct gf_member *member = &tree->members[i];
        if (!gf_tree_is_worker(member, master) || member->copied < 0)
            continue;
        workers++;
        fresh += (double)(member->use.own - member->copied) / 1024;
        copied += (double)member->copied / 1024;
    }
    if (workers == 0)
        return;
    fresh /= (double)workers;
    copied /= (double)workers;
    const bool much = fresh >= MUCH && fresh > copied;
    const bool warmed = gf_figure_warmed(master);
    gf_found(
        much ? GF_WARN : GF_GOOD, "private",
        !much    ? NULL
        : warmed ? "the warm-up has not loaded what each worker loads for itself: name more pages "
                   "in GCFREEZE_WARMUP (which ones, gcfreeze does not know)"
                 : "what the first requests load, each worker loads for itself: load it before the "
                   "fork. Import modules and fill caches when the application is imported, or "
                   "name pages that do in GCFREEZE_WARMUP (which ones, gcfreeze does not know)",
        "a worker has %.1f MiB for itself: %.1f new since the fork, %.1f copied from its parent",
        fresh + copied, fresh, copied);
}
