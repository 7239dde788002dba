/* GCFREEZE_RESHARE: when arenas are copied, and when a waiting process gives copied pages back.
 *
 * A pass over all copied pages is due GCFREEZE_RESHARE seconds after the last one began, if at
 * least 8 MB look regainable: the process's minor faults tell. It is done in slices of 3 ms, in
 * waits that would go on anyway, and takes 2 % of the time at most.
 *
 * All functions but the first three may be called by any thread; one at a time gets in, the others
 * go on without. Nothing allocates or waits, but that a slice in a process with threads takes the
 * interpreter.
 */
#ifndef GF_CORE_RESHARE_H
#define GF_CORE_RESHARE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/report.h"

/* False: waits need not ask. Set once there is something to give back. */
extern bool gf_reshare_armed;

/* Watches the interpreter's arenas, if a knob asks for it. Phase: load, and again at attach, when
 * an interpreter may be there that was loaded later. */
void gf_reshare_watch(void);

/* Is gf_reshare_prepare to be called before this worker's fork? */
bool gf_reshare_is_due(bool frozen);

/* Copies new arenas; *ret gets what was done. Phase: parent,
 * right before the fork, when libraries have ended their threads. */
void gf_reshare_prepare(struct gf_event *ret);

/* The fork has been, and gf_reshare_prepare was not called for it: *ret says so. Phase: parent,
 * after the fork. */
void gf_reshare_missed(struct gf_event *ret);

/* Starts to count anew. Phase: child; plain stores. */
void gf_reshare_child(void);

/* This thread is about to wait for `timeout_us` microseconds (-1: for ever). How long until a slice
 * is due; -1: not in this wait. `first` is false when this wait has had a slice. */
int64_t gf_reshare_plan(int64_t timeout_us, bool first);

enum gf_sliced {
    GF_SLICED,      /* the wait goes on; gf_reshare_plan says when the next slice is due */
    GF_LEFT_ALONE,  /* no slice in this wait, and nobody need ask again */
    GF_INTERRUPTED, /* there are other threads: the wait must end with EINTR */
};

/* One slice, in a process of our own and with all signals blocked, for the wait that was called
 * from `code`; `left_us` is what is left of the wait (-1: it has no end).
 *
 * Beside other threads, which must be switched on, only waits of Python's own code are cut: others
 * are left alone, and the reason is told. The kernel gives a signal that one thread blocks to
 * another, and nobody would end this wait; so there a slice runs with the caller's mask `signals`,
 * and whoever waits looks for signals then and waits for the rest. */
enum gf_sliced gf_reshare_slice(int64_t left_us, const sigset_t *signals, const void *code);

#endif
