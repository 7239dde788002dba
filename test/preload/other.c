/* Another preloaded library: its functions have no versions, so that programs of every age take
 * them. */
#include <dlfcn.h>
#include <spawn.h>
#include <stdio.h>

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[],
                char *const environment[]) {
    __typeof__(posix_spawn) *real;
    *(void **)&real = dlsym(RTLD_NEXT, "posix_spawn");
    puts("the other library's posix_spawn");
    return real(pid, path, actions, attributes, argv, environment);
}
