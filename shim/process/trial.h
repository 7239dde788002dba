/* A child of which the program notices nothing: no SIGCHLD, no answer of its waitpid, no end that
 * it has to see to.
 *
 * The kernel sends no signal for a child that was made with none, and waitpid does not see it
 * without __WALL. libc's fork makes no such children. So a *keeper* is made that way, which shares
 * this process's memory and calls libc's fork in its place, so that libc and whoever registered
 * with pthread_atfork do what they do for any fork. The child goes on where this process called.
 * The keeper waits for it, ends it when its time is over, and ends whatever it left running.
 *
 * One at a time. Phase: where Python code may run; never the child of a fork, never a signal
 * handler.
 */
#ifndef GF_PROCESS_TRIAL_H
#define GF_PROCESS_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What the child reported, and how it ended: its wait status; late: its time was over. */
struct gf_trial {
    const char *report; /* valid until gf_trial_release */
    int status;
    bool late;
};

/* Forks. Returns 0 in the child, a number above 0 in the parent, -1 and errno if there is none. The
 * child is in a process group of its own, adopts what its children leave, dumps no core, and ends
 * when its parent does. */
int gf_trial_fork(double seconds);

/* In the child: adds to what the parent will get. What does not fit is left out. */
void gf_trial_report(const char *text);

/* In the parent: waits for the end. False: a signal or a moment has passed before it, call it
 * again. */
bool gf_trial_wait(struct gf_trial *ret);

/* In the parent, after a false: ends the child. gf_trial_wait is still to be called. */
void gf_trial_stop(void);

/* In the parent, after the end. */
void gf_trial_release(void);

#endif
