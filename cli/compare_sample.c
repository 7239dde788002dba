/* compare.h: the server's memory at one moment. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compare.h"
#include "figures.h"
#include "tree.h"

/* The process with the most children is the parent; the keeper is member 0. */
static pid_t find_parent(const struct gf_tree *tree) {
    pid_t found = 0;
    size_t most = 0;
    for (size_t i = 1; i < tree->count; i++) {
        size_t children = 0;
        for (size_t j = 1; j < tree->count; j++)
            children += tree->members[j].process.parent == tree->members[i].process.pid;
        if (children > most) {
            most = children;
            found = tree->members[i].process.pid;
        }
    }
    return found;
}

static void add_worker(struct gf_measured *measured, struct gf_sample *sample,
                       const struct gf_worker *worker) {
    measured->workers[measured->worker_count++] = *worker;
    sample->own_mean +=
        ((double)worker->own_kib - sample->own_mean) / (double)measured->worker_count;
    if (sample->own_least > worker->own_kib || measured->worker_count == 1)
        sample->own_least = worker->own_kib;
    if (sample->own_most < worker->own_kib)
        sample->own_most = worker->own_kib;
}

/* KiB; -1: not known of all of them. */
static double mean_of_copied(const struct gf_measured *measured) {
    double sum = 0;
    for (size_t i = 0; i < measured->worker_count; i++) {
        if (measured->workers[i].copied_kib < 0)
            return -1;
        sum += (double)measured->workers[i].copied_kib;
    }
    return measured->worker_count > 0 ? sum / (double)measured->worker_count : -1;
}

/* What the library says about the whole tree. */
static void take_pages(struct gf_measured *measured, const struct gf_tree *tree) {
    uint64_t freezes = 0, given = 0;
    for (size_t i = 1; i < tree->count; i++) {
        const struct gf_member *member = &tree->members[i];
        if (member->answer != GF_PAGE_READ)
            continue;
        freezes += member->page.status.forks_frozen;
        given += member->page.status.pages_given_back;
        if (gf_figure_warmed(member)) {
            measured->warmup.done = member->page.status.warmup_done;
            measured->warmup.left_out = member->page.status.warmup_left_out;
            measured->warmup.trial_us = member->page.status.warmup_trial_us;
            measured->warmup.parent_us = member->page.status.warmup_parent_us;
            measured->warmup.bytes = member->page.status.warmup_bytes;
        }
        if (member->page.status.python[0])
            memcpy(measured->python, member->page.status.python, sizeof measured->python - 1);
    }
    measured->freezes = freezes;
    measured->given_back_pages = given;
    measured->snapshot_kib = (uint64_t)tree->snapshot_kib;
}

static bool fill_sample(struct gf_measured *measured, const struct gf_tree *tree,
                        struct gf_sample *sample) {
    pid_t parent = find_parent(tree);
    struct gf_worker *workers = calloc(tree->count, sizeof *workers);
    pid_t *pids = calloc(tree->count, sizeof *pids);
    if (!workers || !pids) {
        free(workers);
        free(pids);
        return false;
    }
    free(measured->workers);
    measured->workers = workers;
    measured->worker_count = 0;
    sample->tree_kib = tree->snapshot_kib;
    for (size_t i = 1; i < tree->count; i++) {
        const struct gf_member *member = &tree->members[i];
        struct gf_worker worker = {
            .pid = member->process.pid, .own_kib = member->use.own, .copied_kib = member->copied};
        pids[sample->processes++] = worker.pid;
        if (!member->readable)
            continue;
        sample->tree_kib += member->use.pss_anonymous + member->use.pss_file;
        if (member->process.parent == parent || parent == 0)
            add_worker(measured, sample, &worker);
    }
    sample->workers = measured->worker_count;
    sample->copied_mean = mean_of_copied(measured);
    sample->new_mean =
        sample->copied_mean < 0 ? -1 : fmax(sample->own_mean - sample->copied_mean, 0);
    sample->group_kib =
        sample->processes ? gf_memory_of_group(pids[0], pids, sample->processes) : -1;
    free(pids);
    return sample->processes > 0;
}

static double seconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

bool gf_compare_sample(struct gf_measured *measured, const struct gf_server *server, double began) {
    struct gf_tree tree;
    struct gf_sample sample = {.group_kib = -1};
    if (measured->sample_count == measured->sample_room) {
        size_t room = measured->sample_room ? 2 * measured->sample_room : 64;
        struct gf_sample *samples = realloc(measured->samples, room * sizeof *samples);
        if (!samples)
            return false;
        measured->samples = samples;
        measured->sample_room = room;
    }
    if (!gf_tree_sample(server->keeper, &tree))
        return false;
    sample.seconds = seconds_of(CLOCK_MONOTONIC) - began;
    sample.unix_time = seconds_of(CLOCK_REALTIME);
    bool good = fill_sample(measured, &tree, &sample);
    if (good) {
        measured->samples[measured->sample_count++] = sample;
        measured->closed = tree.closed;
        take_pages(measured, &tree);
    }
    gf_tree_release(&tree);
    return good;
}

const struct gf_sample *gf_measured_last(const struct gf_measured *measured) {
    return measured->sample_count ? &measured->samples[measured->sample_count - 1] : NULL;
}
