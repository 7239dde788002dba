#include "known.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "copied.h"

static bool same(const struct gf_process *a, const struct gf_process *b) {
    return a->pid == b->pid && a->started == b->started && a->stack == b->stack;
}

bool gf_known_update(struct gf_known_list *known) {
    size_t count, old = 0;
    struct gf_process *now = gf_process_list(&count);
    struct gf_known *list = now ? calloc(count + 1, sizeof *list) : NULL;
    for (size_t i = 0; list && i < count; i++) {
        while (old < known->count && known->list[old].process.pid < now[i].pid)
            old++;
        if (old < known->count && same(&known->list[old].process, &now[i])) {
            list[i] = known->list[old];
            known->list[old].maps.snapshots = (struct gf_snapshots){0}; /* they have moved */
        }
        list[i].process = now[i];
    }
    free(now);
    if (!list)
        return false;
    gf_known_release(known);
    *known = (struct gf_known_list){list, count};
    return true;
}

void gf_known_release(struct gf_known_list *known) {
    for (size_t i = 0; i < known->count; i++)
        gf_snapshots_release(&known->list[i].maps.snapshots);
    free(known->list);
    *known = (struct gf_known_list){0};
}

static int by_pid(const void *key, const void *element) {
    pid_t pid = *(const pid_t *)key, other = ((const struct gf_known *)element)->process.pid;
    return (pid > other) - (pid < other);
}

struct gf_known *gf_known_find(const struct gf_known_list *known, pid_t pid) {
    return known->count ? bsearch(&pid, known->list, known->count, sizeof *known->list, by_pid)
                        : NULL;
}

static void read_maps(struct gf_known *process) {
    struct gf_maps maps;
    const uint64_t size = process->process.size; /* older than the maps: at worst, one more look */
    bool good = gf_maps_read(process->process.pid, &maps);
    process->looks++;
    process->closed = !good;
    process->mapped = size;
    if (!good)
        return;
    if (maps.library != process->maps.library || process->page == 0)
        process->page = gf_page_find(process->process.pid, maps.library);
    gf_snapshots_release(&process->maps.snapshots);
    process->maps = maps;
}

bool gf_known_loaded(struct gf_known *process) {
    bool changed = process->mapped != process->process.size;
    if (process->looks == 0 || (process->looks == 1 && changed))
        read_maps(process);
    return !process->closed && process->maps.library != 0;
}

bool gf_known_map(struct gf_known *process) {
    if (process->looks == 0 || process->mapped != process->process.size)
        read_maps(process);
    return !process->closed;
}

enum gf_page_answer gf_known_page(struct gf_known *process, struct gcfreeze_page *ret) {
    if (!gf_known_loaded(process))
        return process->closed ? GF_PAGE_CLOSED : GF_PAGE_NOT_LOADED;
    if (process->page == 0)
        return gf_page_answer_without(process->process.pid, process->maps.library);
    return gf_page_fetch(process->process.pid, process->page, ret);
}

/* The kernel says 0 about the stack of a process that we may not debug. */
bool gf_known_forked(const struct gf_process *process, const struct gf_process *parent) {
    return process->parent == parent->pid && process->stack != 0 && process->stack == parent->stack;
}

/* The figures are of two moments: what is copied is not more than what is its own. */
static long read_copied(const struct gf_known *process, struct gf_known *forker) {
    long kib;
    if (!forker || !gf_known_map(forker) ||
        !gf_copied_read(process->process.pid, forker->process.pid, &forker->maps.snapshots, &kib))
        return -1;
    return kib < process->use.own ? kib : process->use.own;
}

bool gf_known_measure(struct gf_known *process, struct gf_known *forker) {
    struct timespec now;
    process->read = gf_memory_read(process->process.pid, &process->use);
    int error = errno;
    process->copied = process->read ? read_copied(process, forker) : -1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    process->read_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    errno = error;
    return process->read;
}
