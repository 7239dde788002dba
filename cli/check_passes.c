/* checks.h: GCFREEZE_RESHARE: what is shared again, and why not. */
#include "checks.h"
#include "figures.h"
#include "passes.h"

static const char topic[] = "reshare";

/* Seconds after which a worker that nobody has looked at is worth a warning: six times the interval
 * of GCFREEZE_RESHARE=on. */
enum { LONG = 60 };

static const char *advice_about(int reason) {
    return reason == GCFREEZE_REASON_THREADS
               ? "GCFREEZE_RESHARE_THREADS=on lets passes begin beside threads"
               : NULL;
}

/* " (foreign-wait: ...)"; empty if there is no reason */
static const char *because(int reason) {
    static char text[256];
    text[0] = '\0';
    if (reason != GCFREEZE_REASON_NONE)
        snprintf(text, sizeof text, ": %s (%s)", gf_figure_reason(reason),
                 gf_figure_meaning(reason));
    return text;
}

static void say(const struct gf_passes *group, size_t workers, void *context) {
    char who[64];
    (void)context;
    snprintf(who, sizeof who, "%zu of %zu worker%s", group->count, workers,
             workers == 1 ? "" : "s");
    switch (group->passing) {
    case GF_PASSING_RUNS:
        gf_found(GF_GOOD, topic, NULL,
                 "a pass is running in %s: %.1f MiB given back, %.1f MiB kept since the fork%s%s",
                 who, group->given_mib, group->kept_mib,
                 group->reason ? "; what disturbed it last" : "", because(group->reason));
        break;
    case GF_PASSING_HINDERED:
        if (group->passes == 0)
            gf_found(GF_WARN, topic, advice_about(group->reason), "no pass begins in %s%s", who,
                     because(group->reason));
        else
            gf_found(GF_WARN, topic, advice_about(group->reason),
                     "the last pass in %s ended early, or none begins since%s; %.1f MiB given back "
                     "since the fork",
                     who, because(group->reason), group->given_mib);
        break;
    case GF_PASSING_DONE:
        gf_found(GF_GOOD, topic, NULL,
                 "%llu pass%s in %s: %.1f MiB given back, %.1f MiB kept; at most %.1f MiB "
                 "regainable at the last look",
                 (unsigned long long)group->passes, group->passes == 1 ? "" : "es", who,
                 group->given_mib, group->kept_mib, group->regainable_mib);
        break;
    case GF_PASSING_NOT_YET:
        gf_found(GF_GOOD, topic, NULL,
                 "no pass yet in %s: little is not worth one, and at the last look at most %.1f "
                 "MiB was regainable",
                 who, group->regainable_mib);
        break;
    case GF_PASSING_UNSEEN:
        gf_found(
            group->seconds < LONG ? GF_GOOD : GF_WARN, topic, NULL,
            "nobody has looked in %s since the fork, %.0f s ago: they have not waited yet in "
            "a way that is known (select, poll, epoll, read, accept, a semaphore), or compute all "
            "the time",
            who, group->seconds);
        break;
    case GF_PASSING_NO_COPIES:
        gf_found(GF_WARN, topic, NULL,
                 "%s have no copies: they were forked before the arenas were copied", who);
        break;
    }
}

void gf_check_passes(const struct gf_tree *tree, const struct gf_member *master) {
    const struct gcfreeze_status *status = &master->page.status;
    const bool any = status->snapshot_bytes > 0;
    if (any)
        gf_found(GF_GOOD, topic, NULL, "%.1f MiB of arenas are shared copies",
                 (double)status->snapshot_bytes / (1 << 20));
    if (status->pass_reason != GCFREEZE_REASON_NONE)
        gf_found(GF_WARN, topic, NULL, "%s%s",
                 any ? "not all could be done" : "no arena was copied, so nothing is given back",
                 because(status->pass_reason));
    gf_passes_each(tree, master, say, NULL);
}
