#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "figures.h"
#include "hosts.h"
#include "maps.h"

/* ---- modules ---- */

enum { MODULES = 256, NAME = 128, WORTH_A_LINE = 1 << 20 };

/* Compiled modules of a process, by file name: what /proc/PID/maps shows. Python's own files are
 * read and closed, and cannot be seen from outside. */
struct modules {
    char names[MODULES][NAME];
    uint64_t bytes[MODULES]; /* that are mapped */
    size_t count;
};

static size_t index_of(const struct modules *modules, const char *name) {
    size_t i = 0;
    while (i < modules->count && strcmp(modules->names[i], name) != 0)
        i++;
    return i;
}

static bool has(const struct modules *modules, const char *name) {
    return index_of(modules, name) < modules->count;
}

static bool take_module(const char *line, void *context) {
    struct modules *modules = context;
    const char *name = strrchr(line, '/');
    const char *end = name ? strstr(name, ".cpython-") : NULL;
    char module[NAME];
    uint64_t start = 0, stop = 0;
    if (!end || !strstr(name, ".so") || sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &stop) != 2)
        return true; /* a library, no module */
    snprintf(module, sizeof module, "%.*s", (int)(end - name - 1), name + 1);
    size_t i = index_of(modules, module);
    if (i == modules->count) {
        strcpy(modules->names[modules->count++], module);
        modules->bytes[i] = 0;
    }
    modules->bytes[i] += stop - start;
    return modules->count < MODULES;
}

static void read_modules(pid_t pid, struct modules *ret) {
    ret->count = 0;
    gf_maps_each(pid, take_module, ret);
}

/* What every worker has loaded, and the parent has not. Small ones are not worth an operator's
 * time.
 */
static void check_late_modules(const struct gf_tree *tree, const struct gf_member *master) {
    static struct modules parent, common, worker;
    char list[1024] = "";
    size_t workers = 0, length = 0;
    read_modules(master->process.pid, &parent);
    for (size_t i = 1; i < tree->count; i++) {
        if (!gf_tree_is_worker(&tree->members[i], master))
            continue;
        read_modules(tree->members[i].process.pid, &worker);
        if (workers++ == 0)
            common = worker;
        size_t left = 0;
        for (size_t m = 0; m < common.count; m++) {
            if (!has(&worker, common.names[m]))
                continue;
            common.bytes[left] = common.bytes[m];
            memmove(common.names[left++], common.names[m], NAME);
        }
        common.count = left;
    }
    for (size_t m = 0; workers > 0 && m < common.count; m++) {
        if (!has(&parent, common.names[m]) && common.bytes[m] >= WORTH_A_LINE &&
            length < sizeof list - NAME - 2)
            length += (size_t)snprintf(list + length, sizeof list - length, "%s%s",
                                       length ? ", " : "", common.names[m]);
    }
    if (length > 0)
        gf_found(GF_WARN, "modules", "import them in the application, so that they are shared",
                 "every worker loaded after the fork: %s", list);
}

/* ---- what the library did ---- */

static void check_skips(const struct gcfreeze_status *status) {
    for (int reason = 0; reason < GCFREEZE_REASON_ROOM; reason++) {
        if (status->skipped[reason] == 0)
            continue;
        bool usual = reason == GCFREEZE_REASON_EXEC_BOUND || reason == GCFREEZE_REASON_NOTHING_NEW;
        gf_found(usual ? GF_GOOD : GF_WARN, "skipped", NULL, "%llu fork%s: %s (%s)",
                 (unsigned long long)status->skipped[reason],
                 status->skipped[reason] == 1 ? "" : "s", gf_figure_reason(reason),
                 gf_figure_meaning(reason));
    }
}

/* Of a host that forks no workers that could share anything, the row says why. */
static void say_not_frozen(const struct gf_host_row *row) {
    static const char text[] = "no fork of this process was frozen for";
    if (row && (row->kind == GF_HOST_SPAWNS || row->kind == GF_HOST_SINGLE))
        gf_found(GF_WARN, "frozen", gf_host_advice(row)[0] ? gf_host_advice(row) : NULL,
                 "%s: %s %s", text, row->name, gf_host_habit(row, GF_PRELOADS_NOT));
    else
        gf_found(GF_WARN, "frozen", "nothing is shared before the first worker is forked", "%s",
                 text);
}

/* Whose heap is shared by whom? What was frozen counts for workers that live. */
static void check_frozen(const struct gf_tree *tree, const struct gf_member *master) {
    const struct gcfreeze_status *status = &master->page.status;
    size_t workers = 0, sharing = 0, programs = 0;
    for (size_t i = 1; i < tree->count; i++) {
        const struct gf_member *member = &tree->members[i];
        if (gf_tree_is_worker(member, master)) {
            workers++;
            sharing += member->frozen == GF_FROZEN_YES;
        } else if (member->process.parent == master->process.pid) {
            programs++;
        }
    }
    if (status->forks_frozen == 0)
        say_not_frozen(gf_recognize_process(master->process.pid));
    else if (workers == 0)
        gf_found(GF_WARN, "frozen", NULL, "%s",
                 programs > 0 ? "frozen, but what it started are new programs, which share nothing"
                              : "frozen, but no worker is alive");
    else
        gf_found(sharing == workers ? GF_GOOD : GF_WARN, "frozen", NULL,
                 "%zu of %zu worker%s share%s its heap; %llu of %llu forks, the last %s", sharing,
                 workers, workers == 1 ? "" : "s", workers == 1 ? "s" : "",
                 (unsigned long long)status->forks_frozen, (unsigned long long)status->forks_seen,
                 gf_figure_reason(status->last_reason));
}

static void check_warmup(const struct gf_member *master) {
    const struct gcfreeze_status *status = &master->page.status;
    if (status->warmup_done > 0)
        gf_found(
            GF_GOOD, "warm-up", NULL,
            "%d page%s or function%s ran before the first fork: %.1f MiB in %.1f s, after %.1f s "
            "of trials",
            status->warmup_done, status->warmup_done == 1 ? "" : "s",
            status->warmup_done == 1 ? "" : "s", (double)status->warmup_bytes / (1 << 20),
            (double)status->warmup_parent_us / 1e6, (double)status->warmup_trial_us / 1e6);
    if (status->warmup_left_out > 0)
        gf_found(GF_WARN, "warm-up", "the log has a line with the reason for each",
                 "%d of %ld pages and functions were left out", status->warmup_left_out,
                 (long)status->warmup_done + status->warmup_left_out);
}

static void check_status(const struct gf_tree *tree, const struct gf_member *master) {
    const struct gcfreeze_status *status = &master->page.status;
    if (!status->attached) {
        gf_found(GF_BAD, "attached", "GCFREEZE_LOG=info prints a line with the reason",
                 "no interpreter that the library works with was found in %d",
                 (int)master->process.pid);
        return;
    }
    gf_found(GF_GOOD, "attached", NULL, "CPython %.32s", status->python);
    if (status->mode[0])
        gf_found(GF_GOOD, "mode", NULL, "%.16s: %.144s", status->mode, status->mode_why);
    check_warmup(master);
    check_frozen(tree, master);
    check_skips(status);
    if (status->last_threads > 1)
        gf_found(GF_WARN, "threads",
                 "start threads in the workers, not when the application is loaded",
                 "%d threads were alive at the last fork of a worker", status->last_threads);
    gf_check_passes(tree, master);
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

static void check_member(const struct gf_tree *tree, const struct gf_member *member) {
    static const char *const closed =
        "run as the server's user with kernel.yama.ptrace_scope=0, or as root";
    const int pid = (int)member->process.pid;
    switch (member->answer) {
    case GF_PAGE_READ:
        check_status(tree, member);
        break;
    case GF_PAGE_PARENTS:
        gf_found(GF_WARN, "status", NULL,
                 "%d was forked past the library, and has not forked itself", pid);
        break;
    case GF_PAGE_NOT_LOADED:
        gf_found(GF_BAD, "loaded", "start it with `gcfreeze run`", "the library is not in %d", pid);
        break;
    case GF_PAGE_CLOSED:
        gf_found(GF_WARN, "status", closed, "what the library did in %d is not for us to read",
                 pid);
        break;
    case GF_PAGE_UNKNOWN:
        gf_found(GF_WARN, "status", "use the program of the same release",
                 "%d has another version of the library", pid);
        break;
    case GF_PAGE_GONE:
        gf_found(GF_BAD, "process", NULL, "%d has just ended", pid);
        break;
    }
    gf_check_private(tree, member);
    check_late_modules(tree, member);
}

/* ---- which processes ---- */

/* Has it forked workers of its own, as far as they live? A supervisor's are no workers: some fork,
 * and then wait for the program that they start. */
static bool is_master(const struct gf_tree *tree, const struct gf_member *member) {
    if (member->answer != GF_PAGE_READ || !member->page.status.attached)
        return false;
    bool forked = false;
    for (size_t i = 1; i < tree->count && !forked; i++)
        forked = gf_tree_is_worker(&tree->members[i], member);
    const struct gf_host_row *row = forked ? gf_recognize_process(member->process.pid) : NULL;
    return forked && !(row && row->kind == GF_HOST_SUPERVISES);
}

static void say_which(const struct gf_tree *tree, const struct gf_member *member) {
    char command[256] = "";
    gf_process_command_line(member->process.pid, command, sizeof command);
    gf_found(GF_GOOD, "process", NULL, "%d, below %d: %s", (int)member->process.pid,
             (int)tree->members[0].process.pid, command);
}

void gf_check_process(pid_t pid) {
    struct gf_tree tree;
    size_t masters = 0;
    if (!gf_tree_sample(pid, &tree)) {
        gf_found(GF_BAD, "process", NULL, "%d: %s", (int)pid,
                 errno == ESRCH ? "there is no such process" : strerror(errno));
        return;
    }
    for (size_t i = 0; i < tree.count; i++) {
        const struct gf_member *member = &tree.members[i];
        if (!is_master(&tree, member))
            continue;
        masters++;
        if (i > 0)
            say_which(&tree, member);
        check_member(&tree, member);
        while (i + 1 < tree.count && tree.members[i + 1].depth > member->depth)
            i++; /* what is below it is its own */
    }
    if (masters == 0)
        check_member(&tree, &tree.members[0]);
    gf_check_workers(&tree);
    check_memory(&tree);
    gf_tree_release(&tree);
}
