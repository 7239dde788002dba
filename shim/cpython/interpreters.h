/* More than one interpreter in a process: sub-interpreters of C hosts, like uWSGI's with two
 * applications.
 *
 * Each has a collector of its own from 3.9 on. Its collector works on the current interpreter,
 * which is the one of the current thread state; so that the host's thread states stay the host's,
 * one is made for a visit and deleted after it. Both take the interpreter's HEAD_LOCK, which
 * PyOS_BeforeFork holds from 3.13 on. From 3.12 on, going over gives the GIL up for a moment, in
 * which another thread might end the interpreter: with a thread state of ours in it, that aborts or
 * crashes (measured). So from there on interpreters are visited only while the process has one
 * thread.
 */
#ifndef GF_CPYTHON_INTERPRETERS_H
#define GF_CPYTHON_INTERPRETERS_H

#include <stdbool.h>

#include "cpython/api.h"

/* The list is read without its lock, which os.fork holds from 3.13 on. Any phase but the child. */
bool gf_interpreters_several(void);

/* Can interpreters be visited in this moment? `locked`: the host may be in the middle of a fork. */
bool gf_interpreters_reachable(bool locked);

/* Goes over to the main interpreter if another is current: *ret_made is the thread state that was
 * made for it, or NULL, and *ret_host the current one. -1 if memory ran out. Inside. */
int gf_interpreters_enter_main(gf_thread **ret_made, gf_thread **ret_host);

/* Goes back and deletes `made`. */
void gf_interpreters_leave(gf_thread *made, gf_thread *host);

/* Calls work() inside each interpreter that shares the main one's GIL, but for the main one itself.
 * Inside the main one. */
void gf_interpreters_visit_others(void (*work)(void));

#endif
