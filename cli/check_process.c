#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "figures.h"
#include "maps.h"

enum { MODULES = 256, NAME = 128 };

/* Compiled modules of a process, by file name: what /proc/PID/maps shows. Python's own files are
 * read and closed, and cannot be seen from outside. */
struct modules {
    char names[MODULES][NAME];
    size_t count;
};

static bool has(const struct modules *modules, const char *name) {
    for (size_t i = 0; i < modules->count; i++) {
        if (strcmp(modules->names[i], name) == 0)
            return true;
    }
    return false;
}

static bool take_module(const char *line, void *context) {
    struct modules *modules = context;
    const char *name = strrchr(line, '/');
    const char *end = name ? strstr(name, ".cpython-") : NULL;
    char module[NAME];
    if (!end || !strstr(name, ".so"))
        return true; /* a library, no module */
    snprintf(module, sizeof module, "%.*s", (int)(end - name - 1), name + 1);
    if (!has(modules, module))
        strcpy(modules->names[modules->count++], module);
    return modules->count < MODULES;
}

static void read_modules(pid_t pid, struct modules *ret) {
    ret->count = 0;
    gf_maps_each(pid, take_module, ret);
}

/* What every worker has loaded, and the parent has not. */
static void check_late_modules(const struct gf_tree *tree) {
    static struct modules parent, common, worker;
    char list[1024] = "";
    size_t workers = 0, length = 0;
    read_modules(tree->members[0].process.pid, &parent);
    for (size_t i = 1; i < tree->count; i++) {
        if (tree->members[i].depth != 1)
            continue;
        read_modules(tree->members[i].process.pid, &worker);
        if (workers++ == 0)
            common = worker;
        size_t left = 0;
        for (size_t m = 0; m < common.count; m++) {
            if (has(&worker, common.names[m]))
                memmove(common.names[left++], common.names[m], NAME);
        }
        common.count = left;
    }
    for (size_t m = 0; workers > 0 && m < common.count; m++) {
        if (!has(&parent, common.names[m]) && length < sizeof list - NAME - 2)
            length += (size_t)snprintf(list + length, sizeof list - length, "%s%s",
                                       length ? ", " : "", common.names[m]);
    }
    if (length > 0)
        gf_found(GF_WARN, "modules", "import them in the application, so that they are shared",
                 "every worker loaded after the fork: %s", list);
}

/* The library may be a newer one, or no library at all. */
static const char *meaning_of(int reason) {
    const char *meaning = gcfreeze_reason_meaning(reason);
    return meaning ? meaning : "this program does not know it";
}

static void check_skips(const struct gcfreeze_status *status) {
    for (int reason = 0; reason < GCFREEZE_REASON_ROOM; reason++) {
        if (status->skipped[reason] == 0)
            continue;
        bool usual = reason == GCFREEZE_REASON_EXEC_BOUND || reason == GCFREEZE_REASON_NOTHING_NEW;
        gf_found(usual ? GF_GOOD : GF_WARN, "skipped", NULL, "%llu fork%s: %s (%s)",
                 (unsigned long long)status->skipped[reason],
                 status->skipped[reason] == 1 ? "" : "s", gf_figure_reason(reason),
                 meaning_of(reason));
    }
}

static void check_status(pid_t pid, const struct gcfreeze_status *status) {
    if (!status->attached) {
        gf_found(GF_BAD, "attached", "GCFREEZE_LOG=info prints a line with the reason",
                 "no interpreter that the library works with was found in %d", (int)pid);
        return;
    }
    gf_found(GF_GOOD, "attached", NULL, "CPython %.32s", status->python);
    if (status->forks_frozen > 0)
        gf_found(GF_GOOD, "frozen", NULL, "%llu of %llu forks, the last %s",
                 (unsigned long long)status->forks_frozen, (unsigned long long)status->forks_seen,
                 gf_figure_reason(status->last_reason));
    else
        gf_found(GF_WARN, "frozen", "nothing is shared before the first worker is forked",
                 "no fork of this process was frozen for");
    check_skips(status);
    if (status->last_threads > 1)
        gf_found(GF_WARN, "threads",
                 "start threads in the workers, not when the application is loaded",
                 "%d threads were alive at the last fork", status->last_threads);
    if (status->snapshot_bytes > 0)
        gf_found(GF_GOOD, "reshare", NULL, "%.1f MiB of arenas are shared copies",
                 (double)status->snapshot_bytes / (1 << 20));
    if (status->pass_reason != GCFREEZE_REASON_NONE)
        gf_found(GF_WARN, "reshare", NULL, "not all could be done: %s (%s)",
                 gf_figure_reason(status->pass_reason), meaning_of(status->pass_reason));
}

static void check_memory(const struct gf_tree *tree) {
    if (tree->closed > 0)
        gf_found(GF_WARN, "memory", "run as the server's user, or as root",
                 "/proc/PID/smaps_rollup of %zu of %zu processes is closed", tree->closed,
                 tree->count);
    if (tree->closed < tree->count)
        gf_found(GF_GOOD, "memory", NULL, "%.1f MiB in %zu processes",
                 (double)tree->total_kib / 1024, tree->count - tree->closed);
}

void gf_check_process(pid_t pid) {
    static const char *const closed =
        "run as the server's user with kernel.yama.ptrace_scope=0, or as root";
    struct gf_tree tree;
    struct gcfreeze_page page;
    if (!gf_tree_sample(pid, &tree)) {
        gf_found(GF_BAD, "process", NULL, "%d: %s", (int)pid,
                 errno == ESRCH ? "there is no such process" : strerror(errno));
        return;
    }
    switch (gf_page_read(pid, &page)) {
    case GF_PAGE_READ:
        check_status(pid, &page.status);
        break;
    case GF_PAGE_PARENTS:
        gf_found(GF_WARN, "status", NULL,
                 "%d was forked past the library, and has not forked itself", (int)pid);
        break;
    case GF_PAGE_NOT_LOADED:
        gf_found(GF_BAD, "loaded", "start it with `gcfreeze run`", "the library is not in %d",
                 (int)pid);
        break;
    case GF_PAGE_CLOSED:
        gf_found(GF_WARN, "status", closed, "what the library did in %d is not for us to read",
                 (int)pid);
        break;
    case GF_PAGE_UNKNOWN:
        gf_found(GF_WARN, "status", "use the program of the same release",
                 "%d has another version of the library", (int)pid);
        break;
    case GF_PAGE_GONE:
        gf_found(GF_BAD, "process", NULL, "%d has just ended", (int)pid);
        break;
    }
    check_memory(&tree);
    gf_check_private(&tree);
    check_late_modules(&tree);
    gf_tree_release(&tree);
}
