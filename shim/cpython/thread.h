/* May the calling thread work with the interpreter right now? */
#ifndef GF_CPYTHON_THREAD_H
#define GF_CPYTHON_THREAD_H

#include <stdbool.h>

#include "gcfreeze.h"

enum gf_attachment {
    GF_ATTACHED, /* the thread holds the interpreter */
    GF_KNOWN,    /* it does not, but it has a thread state: PyGILState_Ensure gives it back */
    GF_FOREIGN,  /* it has none: waiting for the GIL might be waiting for a thread that waits for us
                  */
    GF_ELSEWHERE /* it has one, but another thread's is current (told apart up to 3.11 only) */
};

/* Reads two variables of the interpreter; any phase but the child. */
enum gf_attachment gf_thread_attachment(void);

/* NONE, or why the interpreter cannot be worked with at all. `attached_before`: an interpreter that
 * is not initialized any more is finalizing. */
enum gcfreeze_reason gf_thread_obstacle(bool attached_before);

#endif
