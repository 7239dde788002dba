/* The collector: its flag, freeze, and how much is new.
 *
 * Everything goes through builtins of the gc module, which run no bytecode: before hook and fork
 * window alike, with the thread attached. Up to 3.11 an allocation may start a collection, and with
 * it run the application's code: gf_collector_freeze wants to be called suspended, the others see
 * to it themselves. Errors: -1, with the interpreter's exception cleared.
 */
#ifndef GF_CPYTHON_COLLECTOR_H
#define GF_CPYTHON_COLLECTOR_H

#include <stdbool.h>

#include "core/runtime.h"

int gf_collector_suspend(bool *ret_enabled);
int gf_collector_resume(bool enabled);

/* Generation 0's, as it stands. */
int gf_collector_threshold(long *ret);

/* Counts what the collections so far tell, before the threshold that they went by changes. */
int gf_collector_settle(void);

/* After gf_collector_count_new. Moves everything tracked to the permanent generation, in every
 * interpreter that shares the GIL, and starts counting new objects from 0. Cost: 15 us at 600,000
 * objects; with the incremental collector of 3.14.0 - 3.14.4 up to 8 ms. */
int gf_collector_freeze(enum gf_moment moment);

/* After gf_collector_count_new. Has the application frozen its heap, in this process or in one that
 * it was forked from? Then new objects are counted from 0, as after a freeze. False as soon as we
 * have frozen: what is frozen says not by whom. Visits each frozen object: 20 ms for a
 * million. */
bool gf_collector_frozen_by_application(enum gf_moment moment);

/* After gf_collector_count_new, before gf_collector_freeze. A full collection: runs finalizers and
 * callbacks. Before hook only. */
int gf_collector_collect(void);

/* Net new container objects since the last freeze, estimated from the collector's own counters: no
 * walk, no audit event. -1 on error. See collector.c. */
long gf_collector_count_new(enum gf_moment moment, long min_new);

/* Forgets counts: a new interpreter starts. */
void gf_collector_reset(void);

#endif
