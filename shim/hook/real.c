#include "hook/real.h"

#include <errno.h>
#include <stddef.h>

#include "base/loader.h"

static struct {
    pid_t (*fork)(void);
    pid_t (*forkpty)(int *, char *, const struct termios *, const struct winsize *);
    int (*sigaction)(int, const struct sigaction *, struct sigaction *);
    int (*posix_spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                       const posix_spawnattr_t *, char *const[], char *const[]);
    int (*posix_spawnp)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                        const posix_spawnattr_t *, char *const[], char *const[]);
} real;

void gf_real_bind(void) {
    if (real.sigaction)
        return;
    /* POSIX lets dlsym's object pointer hold a function; ISO C has no cast for it */
    *(void **)&real.fork = dlsym(RTLD_NEXT, "fork");
    *(void **)&real.forkpty = dlsym(RTLD_NEXT, "forkpty");
    *(void **)&real.posix_spawn = dlsym(RTLD_NEXT, "posix_spawn");
    *(void **)&real.posix_spawnp = dlsym(RTLD_NEXT, "posix_spawnp");
    *(void **)&real.sigaction = dlsym(RTLD_NEXT, "sigaction");
}

int gf_real_sigaction(int signum, const struct sigaction *action, struct sigaction *old) {
    gf_real_bind();
    return real.sigaction(signum, action, old);
}

int gf_real_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[],
                        char *const environment[]) {
    gf_real_bind();
    return real.posix_spawn(pid, path, actions, attributes, argv, environment);
}

int gf_real_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                         const posix_spawnattr_t *attributes, char *const argv[],
                         char *const environment[]) {
    gf_real_bind();
    return real.posix_spawnp(pid, file, actions, attributes, argv, environment);
}

pid_t gf_real_fork(void *nothing) {
    (void)nothing;
    gf_real_bind();
    return real.fork();
}

pid_t gf_real_forkpty(void *arguments) {
    const struct gf_forkpty_arguments *a = arguments;
    gf_real_bind();
    /* Before glibc 2.34 it lives in libutil, which a host may load later than us. */
    if (!real.forkpty)
        *(void **)&real.forkpty = dlsym(RTLD_NEXT, "forkpty");
    if (!real.forkpty) {
        errno = ENOSYS;
        return -1;
    }
    return real.forkpty(a->master, a->name, a->termios, a->size);
}
