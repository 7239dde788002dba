/* What the library exports in libc's place, and its constructor. */
#include <stddef.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "core/engine.h"
#include "cpython/runtime.h"
#include "hook/real.h"

#define EXPORT __attribute__((visibility("default")))

/* glibc passes main's arguments to constructors; other libcs do not, and the names stay empty. */
__attribute__((constructor)) static void load(int argc, char **argv) {
#ifndef __GLIBC__
    argc = 0;
    argv = NULL;
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
    return gf_real_posix_spawn(pid, path, actions, attributes, argv, environment);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[],
                        char *const environment[]) {
    gf_engine_spawn();
    return gf_real_posix_spawnp(pid, file, actions, attributes, argv, environment);
}

EXPORT int sigaction(int signum, const struct sigaction *action, struct sigaction *old) {
    int result = gf_real_sigaction(signum, action, old);
    if (signum == SIGPIPE && action && action->sa_handler == SIG_IGN && result == 0)
        gf_engine_startup();
    return result;
}
