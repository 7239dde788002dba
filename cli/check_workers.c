/* checks.h: workers that are not forked by who hands them their data. */
#include <stdio.h>
#include <stdlib.h>

#include "checks.h"
#include "hosts.h"

static const char topic[] = "workers";

static const char to_fork[] =
    "mp.set_start_method(\"fork\"), DataLoader(..., multiprocessing_context=\"fork\") or joblib's "
    "backend \"multiprocessing\" shares it. Not beside threads (a lock that one of them holds is "
    "held for ever in the child), and not after CUDA was initialized (it does not work in the "
    "child)";

/* Lib/multiprocessing/context.py: on Linux up to 3.13 it is fork. */
static bool forks_by_default(const char *version) {
    int major = 0, minor = 0;
    return sscanf(version, "%d.%d", &major, &minor) == 2 && major == 3 && minor < 14;
}

void gf_check_start_methods(const struct gf_interpreter *interpreter, bool forks) {
    static const char copies[] = "with spawn and forkserver each worker unpickles its own copy of "
                                 "what it is handed: nothing of that is shared";
    const char *version = interpreter->version;
    if (forks_by_default(version))
        gf_found(GF_GOOD, topic, to_fork,
                 "%s. CPython %s forks by default; from 3.14 on the default is forkserver", copies,
                 version);
    else
        gf_found(forks ? GF_GOOD : GF_WARN, topic, to_fork,
                 "%s. The default of CPython %s is forkserver, as it is from 3.14 on", copies,
                 version);
}

/* Do a process's workers get their data from another one? A host that is known for that has a
 * finding of its own. */
static const struct gf_host_row *row_of(const struct gf_member *member) {
    const struct gf_host_row *row = gf_recognize_process(member->process.pid);
    if (!row || (row->kind != GF_HOST_SPAWNED && row->kind != GF_HOST_SERVES))
        return NULL;
    const struct gf_host_row *parent = gf_recognize_process(member->process.parent);
    return parent && parent->kind == GF_HOST_SPAWNS ? NULL : row;
}

/* What a process that serves has forked looks as it does. */
static bool is_forked(const struct gf_tree *tree, const struct gf_member *member) {
    for (size_t i = 0; i < tree->count; i++) {
        if (gf_tree_is_worker(member, &tree->members[i]))
            return true;
    }
    return false;
}

static void say_copies(const struct gf_host_row *row, size_t count) {
    if (row->kind == GF_HOST_SPAWNED)
        gf_found(GF_WARN, topic, to_fork,
                 "%zu of %s: each unpickles its own copy of what it is handed", count, row->name);
    else
        gf_found(GF_WARN, topic, to_fork,
                 "workers of %s share what it has preloaded; each unpickles its own copy "
                 "of what it is handed",
                 row->name);
}

void gf_check_workers(const struct gf_tree *tree) {
    size_t *counts = calloc(gf_host_count, sizeof *counts);
    for (size_t m = 1; counts && m < tree->count; m++) {
        const struct gf_member *member = &tree->members[m];
        const struct gf_host_row *row = row_of(member);
        if (row && !is_forked(tree, member))
            counts[row - gf_host_rows]++;
    }
    for (size_t i = 0; counts && i < gf_host_count; i++) {
        if (counts[i] > 0)
            say_copies(&gf_host_rows[i], counts[i]);
    }
    free(counts);
}
