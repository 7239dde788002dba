#include "support/waits.h"

#include <unistd.h>

#include "core/reshare.h"
#include "hook/real.h"
#include "hook/wait.h"
#include "support/fake.h"

void (*gf_waits_in_slice)(void);
size_t gf_waits_slices;

static void pass_ended(void) {
    gf_waits_slices++;
    if (gf_waits_in_slice)
        gf_waits_in_slice();
}

/* cmocka's own have SA_RESTART: beside such a one, a read is left alone. */
static void remove_handlers(void) {
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && (action.sa_flags & SA_RESTART))
            signal(number, SIG_DFL);
    }
}

void gf_waits_start(void) {
    remove_handlers();
    gf_real_bind();
    gf_fake_start((char *[]){"GCFREEZE_RESHARE=1", "GCFREEZE_TEST_RESHARE=always", NULL});
    gf_fake.at_version = pass_ended;
}

static int our_select(int count, fd_set *readable, fd_set *writable, fd_set *other,
                      struct timeval *timeout) {
    return gf_wait_select(count, readable, writable, other, timeout, NULL);
}

static int our_poll(struct pollfd *files, nfds_t count, int timeout) {
    return gf_wait_poll(files, count, timeout, NULL);
}

static int our_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout) {
    return gf_wait_epoll(epoll, events, most, timeout, NULL, NULL);
}

static int our_epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout,
                           const sigset_t *mask) {
    return gf_wait_epoll(epoll, events, most, timeout, mask, NULL);
}

static int our_accept(int file, struct sockaddr *address, socklen_t *size) {
    return gf_wait_accept(file, 0, NULL) ? accept(file, address, size) : -1;
}

static int our_accept4(int file, struct sockaddr *address, socklen_t *size, int flags) {
    return gf_wait_accept(file, flags, NULL) ? accept4(file, address, size, flags) : -1;
}

static ssize_t our_read(int file, void *buffer, size_t size) {
    return gf_wait_read(file, size, NULL) ? read(file, buffer, size) : -1;
}

static int our_sem_wait(sem_t *semaphore) {
    return gf_wait_semaphore(semaphore, NULL, NULL);
}

static int our_sem_timedwait(sem_t *semaphore, const struct timespec *deadline) {
    return gf_wait_semaphore(semaphore, deadline, NULL);
}

const struct gf_waits gf_waits_libc = {
    .name = "libc",
    .select = select,
    .poll = poll,
    .epoll_wait = epoll_wait,
    .epoll_pwait = epoll_pwait,
    .accept = accept,
    .accept4 = accept4,
    .read = read,
    .sem_wait = sem_wait,
    .sem_timedwait = sem_timedwait,
};

const struct gf_waits gf_waits_ours = {
    .name = "ours",
    .select = our_select,
    .poll = our_poll,
    .epoll_wait = our_epoll_wait,
    .epoll_pwait = our_epoll_pwait,
    .accept = our_accept,
    .accept4 = our_accept4,
    .read = our_read,
    .sem_wait = our_sem_wait,
    .sem_timedwait = our_sem_timedwait,
};
