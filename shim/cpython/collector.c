#include "cpython/collector.h"

#include <stddef.h>

#include "cpython/call.h"
#include "cpython/holes.h"
#include "cpython/interpreter.h"
#include "cpython/interpreters.h"
#include "cpython/thaw.h"
#include "pages/page.h"
#include "pages/pagemap.h"

/* What new objects are counted from. */
static struct {
    long collections, collected; /* of all generations, as gc.get_stats() counts them */
    long carried;                /* objects since the last freeze, up to these two */
    long counted;                /* what gc.get_count() said after the last freeze */
    long blocks;                 /* sys.getallocatedblocks() at the last freeze; -1: not taken */
    long fresh;                  /* what the last count found */
} baseline = {.blocks = -1};

void gf_collector_reset(void) {
    baseline.collections = 0;
    baseline.collected = 0;
    baseline.carried = 0;
    baseline.counted = 0;
    baseline.blocks = -1;
}

/* Without a GIL, another thread may fork meanwhile, and its child would keep what is switched off
 * here. From 3.12 on collections run between instructions only. */
int gf_collector_suspend(bool *ret_enabled) {
    *ret_enabled = false;
    if (gf_python.free_threaded)
        return 0;
    int enabled = gf_call_truth(gf_python.gc.isenabled);
    if (enabled < 0 || gf_call(gf_python.gc.disable) != 0)
        return -1;
    *ret_enabled = enabled;
    return 0;
}

/* A collector that is left off harms the application for good, so one failed call does not do it.
 */
int gf_collector_resume(bool enabled) {
    if (!enabled || gf_call(gf_python.gc.enable) == 0)
        return 0;
    return gf_call(gf_python.gc.enable);
}

int gf_collector_threshold(long *ret) {
    return gf_call_item(gf_python.gc.get_threshold, 0, ret);
}

/* Sums over gc.get_stats(): a list with one dict for each generation. Collections of the oldest
 * generation are mostly asked for; one that came by itself is missed, and is one in a hundred. */
static int get_totals(long *ret_collections, long *ret_collected) {
    const struct gf_api *api = &gf_python.api;
    gf_object *stats = api->PyObject_CallObject(gf_python.gc.get_stats, NULL);
    long generations = stats ? api->PySequence_Size(stats) : -1;
    long collections = 0;
    long collected = 0;
    int result = generations > 0 ? 0 : -1;
    for (long i = 0; i < generations && result == 0; i++) {
        gf_object *generation = api->PySequence_GetItem(stats, i);
        long value = 0;
        if (!generation || gf_dict_long(generation, "collections", &value) != 0)
            result = -1;
        if (i < generations - 1) /* an explicit gc.collect() says nothing about new objects */
            collections += value;
        if (result == 0 && gf_dict_long(generation, "collected", &value) != 0)
            result = -1;
        collected += value;
        if (generation)
            api->Py_DecRef(generation);
    }
    if (stats)
        api->Py_DecRef(stats);
    if (result != 0) {
        api->PyErr_Clear();
        return -1;
    }
    *ret_collections = collections;
    *ret_collected = collected;
    return 0;
}

/* Counting blocks visits every pool: 2 us a megabyte, up to CPython 3.9 three times that
 * (measured). In a heap larger than this it would cost more than a freeze too many does, which
 * collects what is new and no more. */
static const long most_bytes_visited = 128L << 20;

static bool is_large(void) {
    return gf_pagemap_own_pages() > most_bytes_visited / (long)gf_page_size();
}

/* -1 where they are not counted. In the fork window sys.getallocatedblocks() takes HEAD_LOCK from
 * 3.12 on, which os.fork holds there from 3.13 on (Objects/obmalloc.c,
 * get_num_global_allocated_blocks). */
static long get_blocks(enum gf_moment moment) {
    long blocks = -1;
    if (moment != GF_MOMENT_WINDOW && gf_python.get_allocated_blocks && !is_large())
        gf_call_value(gf_python.get_allocated_blocks, &blocks);
    return blocks;
}

/* Generation 0's counter is the net number of container objects since its last collection. Each
 * collection before that came when the counter had passed the threshold, and freed what `collected`
 * says. Each fork that is prepared carries over what was counted up to then, so a threshold that
 * changes there is only applied to later collections.
 *
 * The incremental collector of 3.14.0 - 3.14.4 starts each round with a step that sets the counter
 * back and counts nowhere (Python/gc.c, gc_collect_increment): one threshold of objects in a round
 * is missed. */
static int carry_over(long threshold) {
    long collections = 0, collected = 0;
    if (get_totals(&collections, &collected) != 0)
        return -1;
    long came = (collections - baseline.collections) * (threshold + 1);
    if (came > 0) {
        came -= baseline.counted <= threshold ? baseline.counted : threshold + 1;
        baseline.counted = 0;
    }
    baseline.carried += came - (collected - baseline.collected);
    baseline.collections = collections;
    baseline.collected = collected;
    return 0;
}

/* Objects that outlived a collection and were freed by their reference count later are counted too
 * much, so once the sum matters it is held against the growth of pymalloc's blocks, of which every
 * object takes one at least. */
static long count_new(enum gf_moment moment, long min_new) {
    long count = 0, threshold = 0;
    if (gf_call_item(gf_python.gc.get_count, 0, &count) != 0 ||
        gf_collector_threshold(&threshold) != 0 || carry_over(threshold) != 0)
        return -1;
    long estimate = baseline.carried + count - baseline.counted;
    if (estimate < 0)
        estimate = 0;
    if (baseline.blocks >= 0 && estimate >= min_new) {
        long blocks = get_blocks(moment);
        long growth = blocks > baseline.blocks ? blocks - baseline.blocks : 0;
        if (blocks >= 0 && growth < estimate)
            estimate = growth;
    }
    return estimate;
}

long gf_collector_count_new(enum gf_moment moment, long min_new) {
    bool enabled = false;
    if (gf_collector_suspend(&enabled) != 0)
        return -1;
    baseline.fresh = count_new(moment, min_new);
    return gf_collector_resume(enabled) != 0 ? -1 : baseline.fresh;
}

int gf_collector_settle(void) {
    long threshold = 0;
    return gf_collector_threshold(&threshold) != 0 ? -1 : carry_over(threshold);
}

/* In another interpreter, whose collector was never put off. */
static void freeze_other(void) {
    bool enabled = false;
    if (gf_collector_suspend(&enabled) != 0)
        return;
    gf_call(gf_python.gc.freeze);
    gf_collector_resume(enabled);
}

/* Fewer new objects leave few holes, and a program that is frozen at every fork would lose those of
 * every one. */
static const long fewest_worth_filling = 10000;

/* What fills the holes is not new. */
static void count_from_here(enum gf_moment moment) {
    if (baseline.fresh < 0 || baseline.fresh >= fewest_worth_filling)
        gf_holes_fill();
    baseline.carried = 0;
    baseline.counted = 0;
    gf_call_item(gf_python.gc.get_count, 0, &baseline.counted);
    baseline.blocks = get_blocks(moment);
}

int gf_collector_freeze(enum gf_moment moment) {
    if (gf_call(gf_python.gc.freeze) != 0)
        return -1;
    gf_interpreters_visit_others(freeze_other);
    count_from_here(moment);
    return 0;
}

/* 3.12 starts with 375 frozen objects, others with none (measured); a program that does nothing
 * has 3,700 to freeze. */
static const long most_frozen_at_start = 1000;

bool gf_collector_frozen_by_application(enum gf_moment moment) {
    long count = 0;
    if (gf_thaw_is_due() || gf_call_value(gf_python.gc.get_freeze_count, &count) != 0 ||
        count <= most_frozen_at_start)
        return false;
    count_from_here(moment);
    return true;
}

/* What this collection did is not to be taken for what came since the last freeze. */
int gf_collector_collect(void) {
    return gf_call(gf_python.gc.collect) != 0
               ? -1
               : get_totals(&baseline.collections, &baseline.collected);
}
