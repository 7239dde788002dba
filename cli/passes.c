#include "passes.h"

#include <unistd.h>

static bool is_told(const struct gf_member *member, const struct gf_member *master) {
    return gf_tree_is_worker(member, master) && member->answer == GF_PAGE_READ;
}

static enum gf_passing passing_of(const struct gf_member *member) {
    const struct gcfreeze_status *status = &member->page.status;
    if (status->pass_running)
        return GF_PASSING_RUNS;
    if (status->pass_reason != GCFREEZE_REASON_NONE)
        return GF_PASSING_HINDERED;
    if (status->passes > 0)
        return GF_PASSING_DONE;
    if (member->readable && member->use.reshared < 0)
        return GF_PASSING_NO_COPIES;
    return status->pass_looks > 0 ? GF_PASSING_NOT_YET : GF_PASSING_UNSEEN;
}

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double mib_of(uint64_t pages) {
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void add(struct gf_passes *group, const struct gf_member *member) {
    const struct gcfreeze_status *status = &member->page.status;
    group->count++;
    group->passes += status->passes;
    group->given_mib += mib_of(status->pages_given_back);
    group->kept_mib += mib_of(status->pages_kept);
    group->regainable_mib =
        larger(group->regainable_mib, (double)status->regainable_bytes / (1 << 20));
    group->seconds = larger(group->seconds, gf_process_age(&member->process));
}

void gf_passes_each(const struct gf_tree *tree, const struct gf_member *master,
                    void (*visit)(const struct gf_passes *group, size_t workers, void *context),
                    void *context) {
    size_t workers = 0;
    if (master->answer != GF_PAGE_READ || master->page.status.snapshot_bytes == 0)
        return;
    for (size_t i = 1; i < tree->count; i++)
        workers += is_told(&tree->members[i], master);
    for (int passing = 0; passing < GF_PASSINGS; passing++) {
        for (int reason = 0; reason < GCFREEZE_REASON_ROOM; reason++) {
            struct gf_passes group = {.passing = (enum gf_passing)passing, .reason = reason};
            for (size_t i = 1; i < tree->count; i++) {
                const struct gf_member *member = &tree->members[i];
                if (is_told(member, master) && member->page.status.pass_reason == reason &&
                    (int)passing_of(member) == passing)
                    add(&group, member);
            }
            if (group.count > 0)
                visit(&group, workers, context);
        }
    }
}
