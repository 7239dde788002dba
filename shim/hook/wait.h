/* The waits of a process that has something to give back: each is cut where a slice of a pass is
 * due, and to the caller looks like one wait. See hook/wait.c, and hook/semaphore.c. */
#ifndef GF_HOOK_WAIT_H
#define GF_HOOK_WAIT_H

#include <poll.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "core/reshare.h"

/* How a wait of `timeout_us` microseconds (-1: for ever) is cut, how long until its first slice,
 * and whether that comes before the wait. `masked`: it takes a signal mask. `code` is what waits.
 */
struct gf_cutting {
    enum gf_cut how;
    int64_t first_us;
    bool overdue;
};
struct gf_cutting gf_wait_plan(int64_t timeout_us, bool masked, const void *code);

/* `code` is the return address of the interposed function. */
int gf_wait_select(int count, fd_set *readable, fd_set *writable, fd_set *other,
                   struct timeval *timeout, const void *code);
int gf_wait_poll(struct pollfd *files, nfds_t count, int timeout_ms, const void *code);
int gf_wait_epoll(int epoll, struct epoll_event *events, int most, int timeout_ms,
                  const sigset_t *mask, const void *code);

/* Before a read of `size` bytes, or an accept with these flags, that will wait: does slices until
 * it need not. False: a signal handler ran that is to interrupt the call, with EINTR. */
bool gf_wait_read(int file, size_t size, const void *code);
bool gf_wait_accept(int file, int flags, const void *code);

/* The same for a semaphore; `deadline` is NULL or CLOCK_REALTIME's. True: it was taken; false: as
 * the real function says, with errno. */
int gf_wait_semaphore(sem_t *semaphore, const struct timespec *deadline, const void *code);

#endif
