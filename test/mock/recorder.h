/* What happened, in order, in memory that children share; and what stands in the place of libc's
 * fork, forkpty and dlopen, behind the library. Linked into the host, so it comes after preloaded
 * libraries and before libc.
 */
#ifndef MOCK_RECORDER_H
#define MOCK_RECORDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* A line of the record; "child " is put in front in any process but the one that loaded us. */
__attribute__((format(printf, 1, 2))) void recorder_note(const char *format, ...);

/* From now on the calling process is the one whose lines get no prefix. */
void recorder_move_home(void);

/* All lines so far, to stdout. */
void recorder_print(void);

struct recorder_edge {
    /* The collector's state as text: each real fork is recorded with it. NULL: none yet. */
    void (*describe)(char *buffer, size_t size);
    atomic_int failures; /* that many forks answer EAGAIN */
    atomic_int inside;   /* real forks that have begun */
    atomic_int hold;     /* a real fork goes on only when that many have begun */
};
extern struct recorder_edge recorder_edge;

/* Waits for *counter to reach `least`; ends the process with a message after half a minute. */
void recorder_await(atomic_int *counter, int least);

/* errno before a fork, and what the real fork leaves in its place if it succeeds */
enum { RECORDER_ERRNO_BEFORE = 33, RECORDER_ERRNO_AFTER = 77 };

#endif
