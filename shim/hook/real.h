/* libc's own functions behind the ones that this library exports. Bound once, at load, to the next
 * object in search order, so that other preloaded libraries get their turn. */
#ifndef GF_HOOK_REAL_H
#define GF_HOOK_REAL_H

#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <sys/types.h>

/* Idempotent. Called by the constructor, and by any wrapper that is called before it ran. */
void gf_real_bind(void);

int gf_real_sigaction(int signum, const struct sigaction *action, struct sigaction *old);
int gf_real_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[],
                        char *const environment[]);
int gf_real_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                         const posix_spawnattr_t *attributes, char *const argv[],
                         char *const environment[]);

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
