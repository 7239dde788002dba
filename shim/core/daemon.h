/* Programs that go to the background before they load what they will serve.
 *
 * A fork on that way looks like a worker's when it happens, so its child gets the application's
 * collector. What tells the two apart comes later: a daemon has left the session that its program
 * was started in, and its parent has exited. Who is both is the program, not one of its workers: it
 * loads with a put-off collector, as without going to the background.
 */
#ifndef GF_CORE_DAEMON_H
#define GF_CORE_DAEMON_H

#include <stdbool.h>

/* Could the child of the fork that is being prepared become a daemon? So it is at the first worker
 * fork of a program, and of a child that may become one itself. Before the freeze. */
bool gf_daemon_possible(void);

/* The child looks at itself when its collector runs; see daemon.c. Inside, before hook, after the
 * freeze, which would keep the collector away from it. */
void gf_daemon_expect(void);

#endif
