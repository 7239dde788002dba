/* The functions that hook/wait.c stands for: libc's own, and those of a process that makes a pass
 * at every wait. What one of them answers the other one must answer. */
#ifndef GF_TEST_WAITS_H
#define GF_TEST_WAITS_H

#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>

struct gf_waits {
    const char *name;
    int (*select)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
    int (*poll)(struct pollfd *, nfds_t, int);
    int (*epoll_wait)(int, struct epoll_event *, int, int);
    int (*epoll_pwait)(int, struct epoll_event *, int, int, const sigset_t *);
    int (*accept)(int, struct sockaddr *, socklen_t *);
    int (*accept4)(int, struct sockaddr *, socklen_t *, int);
    ssize_t (*read)(int, void *, size_t);
    int (*sem_wait)(sem_t *);
    int (*sem_timedwait)(sem_t *, const struct timespec *);
};

extern const struct gf_waits gf_waits_libc, gf_waits_ours;

/* Makes this process one whose waits are cut. Once, before gf_waits_ours is used. */
void gf_waits_start(void);

/* Called at the end of every pass, in the middle of the wait; NULL: nothing. */
extern void (*gf_waits_in_slice)(void);
extern size_t gf_waits_slices;

#endif
