/* GCFREEZE_RESHARE: when arenas are copied, and when a waiting process gives copied pages back.
 *
 * A pass over all copied pages is due GCFREEZE_RESHARE seconds after the last one began, if the
 * process has done anything since by which pages could have become regainable. What is regainable
 * the pass asks of the kernel. It is done in slices, in waits that would go on anyway, and in a
 * process that is never without work between two requests; core/pace.h says how much of the time
 * they may take.
 *
 * The functions from gf_reshare_plan on may be called by any thread; one at a time gets in, the
 * others go on without. Nothing allocates or waits, but that gf_reshare_cut waits for threads that
 * are just ending, and a slice beside threads for the interpreter.
 */
#ifndef GF_CORE_RESHARE_H
#define GF_CORE_RESHARE_H

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

/* Is the slice that gf_reshare_plan has just allowed to be made before this wait, whatever is
 * ready?
 */
bool gf_reshare_is_overdue(void);

/* How a wait is cut. Asked before any signal is blocked: the kernel gives one that a thread blocks
 * to another thread, and nobody would end this wait. */
enum gf_cut {
    GF_CUT_NOT,            /* it is left alone */
    GF_CUT_ALONE,          /* this is the only thread: it blocks all signals around slices */
    GF_CUT_ALONE_ONCE,     /* the same, but the wait must end with EINTR after a slice */
    GF_CUT_BESIDE_THREADS, /* no signal may be blocked; must end with EINTR after a slice */
    GF_CUT_BESIDE_DEAF,    /* as GF_CUT_ALONE: the other threads have blocked all signals */
    GF_CUT_DEAF,           /* the same: this thread has */
};

/* A wait in a process of our own, called from `code`, in which gf_reshare_plan wants a slice.
 * `masked`: the wait takes a signal mask. Without one, and beside other threads, which must be
 * switched on, only waits of Python's own code are cut: it looks for signals at EINTR, and waits
 * for the rest. Where none may be made the reason is told, each once. */
enum gf_cut gf_reshare_cut(bool masked, const void *code);

/* One slice; `left_us` is what is left of the wait (-1: it has no end). True: gf_reshare_plan says
 * when the next one is due. False: nobody need ask again in this wait. */
bool gf_reshare_slice(int64_t left_us, enum gf_cut how);

#endif
