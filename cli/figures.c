#include "figures.h"

#include <math.h>
#include <time.h>
#include <unistd.h>

static bool memory(const struct gf_member *member, long kib, double *ret) {
    *ret = (double)kib * 1024;
    return member->readable;
}

static bool get_rss(const struct gf_member *member, double *ret) {
    return memory(member, member->use.rss, ret);
}

static bool get_pss(const struct gf_member *member, double *ret) {
    return memory(member, member->use.pss, ret);
}

static bool get_private(const struct gf_member *member, double *ret) {
    return memory(member, member->use.own, ret);
}

static bool get_new(const struct gf_member *member, double *ret) {
    return memory(member, member->use.own - member->copied, ret) && member->copied >= 0;
}

static bool get_copied_of_parent(const struct gf_member *member, double *ret) {
    return memory(member, member->copied, ret) && member->copied >= 0;
}

static bool get_reshared(const struct gf_member *member, double *ret) {
    return memory(member, member->use.reshared, ret) && member->use.reshared >= 0;
}

static bool get_shared(const struct gf_member *member, double *ret) {
    return memory(member, member->use.rss - member->use.own, ret);
}

static bool get_start(const struct gf_member *member, double *ret) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - gf_process_age(&member->process);
    *ret = floor(*ret + 0.5);
    return true;
}

static bool get_frozen(const struct gf_member *member, double *ret) {
    *ret = member->frozen == GF_FROZEN_YES;
    return member->frozen != GF_FROZEN_UNKNOWN;
}

/* The page of a child that was forked past the library tells of its parent. */
static bool told(const struct gf_member *member, double value, double *ret) {
    *ret = value;
    return member->answer == GF_PAGE_READ;
}

#define STATUS(name, expression)                                                                   \
    static bool get_##name(const struct gf_member *member, double *ret) {                          \
        const struct gcfreeze_status *status = &member->page.status;                               \
        return told(member, (double)(expression), ret);                                            \
    }
STATUS(forks, status->forks_seen)
STATUS(forks_frozen, status->forks_frozen)
STATUS(spawns, status->spawns_seen)
STATUS(copied, status->snapshot_bytes)
STATUS(passes, status->passes)
STATUS(given_back, status->pages_given_back *(uint64_t)sysconf(_SC_PAGESIZE))
STATUS(kept, status->pages_kept *(uint64_t)sysconf(_SC_PAGESIZE))
STATUS(pass_time, (double)status->pass_us / 1e6)
STATUS(pass_running, status->pass_running != 0)
STATUS(pass_looks, status->pass_looks)
#undef STATUS

static bool get_regainable(const struct gf_member *member, double *ret) {
    return told(member, (double)member->page.status.regainable_bytes, ret) &&
           member->page.status.pass_looks > 0;
}

static bool get_fork_time(const struct gf_member *member, double *ret) {
    return told(member, (double)member->page.status.last_fork_us / 1e6, ret) &&
           member->page.status.last_child != 0;
}

bool gf_figure_warmed(const struct gf_member *member) {
    const struct gcfreeze_status *status = &member->page.status;
    return member->answer == GF_PAGE_READ &&
           (status->warmup_done > 0 || status->warmup_left_out > 0);
}

#define WARMUP(name, expression)                                                                   \
    static bool get_warmup_##name(const struct gf_member *member, double *ret) {                   \
        const struct gcfreeze_status *status = &member->page.status;                               \
        *ret = (double)(expression);                                                               \
        return gf_figure_warmed(member);                                                           \
    }
WARMUP(done, status->warmup_done)
WARMUP(left_out, status->warmup_left_out)
WARMUP(trial_time, (double)status->warmup_trial_us / 1e6)
WARMUP(time, (double)status->warmup_parent_us / 1e6)
WARMUP(grown, status->warmup_bytes)
#undef WARMUP

const struct gf_figure gf_figures[] = {
    {"resident_bytes", GF_GAUGE, "Memory that is mapped and present.", get_rss},
    {"pss_bytes", GF_GAUGE, "The same; a page that n processes map counts as 1/n.", get_pss},
    {"private_bytes", GF_GAUGE, "Memory that only this process has.", get_private},
    {"private_new_bytes", GF_GAUGE, "Of it, what is new since the fork.", get_new},
    {"private_copied_bytes", GF_GAUGE, "Of it, what was copied from the parent.",
     get_copied_of_parent},
    {"shared_bytes", GF_GAUGE, "Resident memory that others have, too.", get_shared},
    {"start_time_seconds", GF_GAUGE, "When it was forked, in seconds since 1970.", get_start},
    {"frozen", GF_TRUTH, "1: it has a frozen heap, its own or inherited.", get_frozen},
    {"forks", GF_COUNTER, "Forks of this process that the library saw.", get_forks},
    {"forks_frozen", GF_COUNTER, "Forks that a freeze preceded.", get_forks_frozen},
    {"spawns", GF_COUNTER, "Programs started with posix_spawn.", get_spawns},
    {"last_fork_seconds", GF_GAUGE, "How long its last fork took.", get_fork_time},
    {"arenas_copied_bytes", GF_COUNTER, "Arenas that it replaced by shared copies.", get_copied},
    {"reshared_bytes", GF_GAUGE, "Of its copied arenas, what it shares now.", get_reshared},
    {"passes", GF_COUNTER, "Passes that looked for pages to give back.", get_passes},
    {"given_back_bytes", GF_COUNTER, "Pages given back since its start, again and again.",
     get_given_back},
    {"kept_bytes", GF_COUNTER, "Pages that were looked at and differed.", get_kept},
    {"pass_seconds", GF_COUNTER, "What passes took together.", get_pass_time},
    {"pass_running", GF_TRUTH, "1: a pass has begun and is not over.", get_pass_running},
    {"pass_looks", GF_COUNTER, "Looks whether a pass is worth beginning.", get_pass_looks},
    {"regainable_bytes", GF_GAUGE,
     "Pages that came since the last pass began: what one may give back, at most.", get_regainable},
    {"warmup_done", GF_GAUGE, "Pages and functions that its warm-up ran.", get_warmup_done},
    {"warmup_left_out", GF_GAUGE, "Those that it did not run.", get_warmup_left_out},
    {"warmup_trial_seconds", GF_GAUGE, "How long they were tried in children.",
     get_warmup_trial_time},
    {"warmup_seconds", GF_GAUGE, "How long it ran them itself.", get_warmup_time},
    {"warmup_grown_bytes", GF_GAUGE, "What its memory grew by then.", get_warmup_grown},
};
const size_t gf_figure_count = sizeof gf_figures / sizeof *gf_figures;

void gf_figure_print(FILE *stream, double value) {
    if (value == floor(value) && fabs(value) < 1e15)
        fprintf(stream, "%.0f", value);
    else
        fprintf(stream, "%.6f", value);
}

const char *gf_figure_reason(int reason) {
    static char number[32];
    const char *word = gcfreeze_reason_name(reason);
    snprintf(number, sizeof number, "reason-%d", reason);
    return word ? word : number;
}

const char *gf_figure_meaning(int reason) {
    const char *meaning = gcfreeze_reason_meaning(reason);
    return meaning ? meaning : "this program does not know it";
}
