/* libc's own functions behind the ones that this library exports. Bound once, at load, to the next
 * object in search order, so that other preloaded libraries get their turn.
 */
#ifndef GF_HOOK_REAL_H
#define GF_HOOK_REAL_H

#include <poll.h>
#include <pty.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Up to glibc 2.15, posix_spawn tried a shell where a file is no program. What was linked before
 * still asks for that (posix/spawn.c). 64-bit ARM and musl came later, or have one version of all.
 * Of the other functions whose version is newer than glibc itself (forkpty, sem_wait and
 * sem_timedwait moved into libc with 2.34), all versions do the same. */
#if defined(__GLIBC__) && defined(__x86_64__)
#define GF_OLD_SPAWN "GLIBC_2.2.5"
#define GF_NEW_SPAWN "GLIBC_2.15"
#endif

struct gf_real {
#define REAL(returns, name, arguments)     returns(*name) arguments;
#define REAL_OLD(returns, name, arguments) returns(*old_##name) arguments;
#include "hook/real.def"
#undef REAL
#undef REAL_OLD
};

extern struct gf_real gf_real;

/* Idempotent. Called by the constructor, and by any wrapper that is called before it ran. */
void gf_real_bind(void);

/* The same, once more for semaphores: before glibc 2.34 they live in libpthread, which a host may
 * load later than us. */
struct gf_real *gf_real_semaphores(void);

/* For gf_engine_fork, which takes one pointer: `nothing` is not looked at. */
pid_t gf_real_fork(void *nothing);

struct gf_forkpty_arguments {
    int *master;
    char *name;
    const struct termios *termios;
    const struct winsize *size;
};
pid_t gf_real_forkpty(void *arguments);

#endif
