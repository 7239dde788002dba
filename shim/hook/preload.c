/* What the library exports in libc's place, and its constructor. */
#include <stddef.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "core/engine.h"
#include "core/reshare.h"
#include "cpython/runtime.h"
#include "hook/real.h"
#include "hook/wait.h"
#include "process/arguments.h"

#define EXPORT __attribute__((visibility("default")))

/* glibc passes main's arguments to constructors; other libcs do not. */
__attribute__((constructor)) static void load(int argc, char **argv) {
#ifndef __GLIBC__
    argc = gf_arguments(&argv);
#endif
    const struct gf_host host = {
        .library = "libgcfreeze.so",
        .argc = argc,
        .argv = argv,
        .environment = environ,
        .secure = getauxval(AT_SECURE) != 0, /* what secure_getenv asks */
    };
    gf_real_bind();
    gf_engine_start(&gf_cpython, &host);
}

/* Other libraries' constructors may call us before ours has run. */
static struct gf_real *real(void) {
    gf_real_bind();
    return &gf_real;
}

EXPORT pid_t fork(void) {
    return gf_engine_fork(gf_real_fork, NULL);
}

EXPORT pid_t forkpty(int *master, char *name, const struct termios *termios,
                     const struct winsize *size) {
    struct gf_forkpty_arguments arguments = {master, name, termios, size};
    return gf_engine_fork(gf_real_forkpty, &arguments);
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const argv[],
                       char *const environment[]) {
    gf_engine_spawn();
    return real()->posix_spawn(pid, path, actions, attributes, argv, environment);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[],
                        char *const environment[]) {
    gf_engine_spawn();
    return real()->posix_spawnp(pid, file, actions, attributes, argv, environment);
}

#ifdef GF_OLD_SPAWN
/* Exported by hook/versions.map under libc's name. */
#define OLD(name) __asm__(".symver gf_old_" #name "," #name "@" GF_OLD_SPAWN)

EXPORT __typeof__(posix_spawn) gf_old_posix_spawn, gf_old_posix_spawnp;
OLD(posix_spawn);
OLD(posix_spawnp);

int gf_old_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const argv[],
                       char *const environment[]) {
    gf_engine_spawn();
    return real()->old_posix_spawn(pid, path, actions, attributes, argv, environment);
}

int gf_old_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[],
                        char *const environment[]) {
    gf_engine_spawn();
    return real()->old_posix_spawnp(pid, file, actions, attributes, argv, environment);
}
#endif

EXPORT int sigaction(int signum, const struct sigaction *action, struct sigaction *old) {
    int result = real()->sigaction(signum, action, old);
    if (signum == SIGPIPE && action && action->sa_handler == SIG_IGN && result == 0)
        gf_engine_startup();
    return result;
}

/* The waits: nothing but a branch, unless this process has memory to give back. */

#define ARMED  __builtin_expect(gf_reshare_armed, 0)
#define CALLER __builtin_return_address(0)

EXPORT int select(int count, fd_set *readable, fd_set *writable, fd_set *other,
                  struct timeval *timeout) {
    if (ARMED)
        return gf_wait_select(count, readable, writable, other, timeout, CALLER);
    return real()->select(count, readable, writable, other, timeout);
}

EXPORT int poll(struct pollfd *files, nfds_t count, int timeout) {
    if (ARMED)
        return gf_wait_poll(files, count, timeout, CALLER);
    return real()->poll(files, count, timeout);
}

EXPORT int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout) {
    if (ARMED)
        return gf_wait_epoll(epoll, events, most, timeout, NULL, CALLER);
    return real()->epoll_wait(epoll, events, most, timeout);
}

EXPORT int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout,
                       const sigset_t *mask) {
    if (ARMED)
        return gf_wait_epoll(epoll, events, most, timeout, mask, CALLER);
    return real()->epoll_pwait(epoll, events, most, timeout, mask);
}

EXPORT int accept(int file, struct sockaddr *address, socklen_t *size) {
    if (ARMED && !gf_wait_accept(file, 0, CALLER))
        return -1;
    return real()->accept(file, address, size);
}

EXPORT int accept4(int file, struct sockaddr *address, socklen_t *size, int flags) {
    if (ARMED && !gf_wait_accept(file, flags, CALLER))
        return -1;
    return real()->accept4(file, address, size, flags);
}

EXPORT ssize_t read(int file, void *buffer, size_t size) {
    if (ARMED && !gf_wait_read(file, size, CALLER))
        return -1;
    return real()->read(file, buffer, size);
}

EXPORT int sem_wait(sem_t *semaphore) {
    if (ARMED)
        return gf_wait_semaphore(semaphore, NULL, CALLER);
    return gf_real_semaphores()->sem_wait(semaphore);
}

EXPORT int sem_timedwait(sem_t *semaphore, const struct timespec *deadline) {
    if (ARMED)
        return gf_wait_semaphore(semaphore, deadline, CALLER);
    return gf_real_semaphores()->sem_timedwait(semaphore, deadline);
}
