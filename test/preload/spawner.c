/* Spawns what its argument names, by path and by name in PATH, and says what came of it. With OLD
 * as a program does that was linked before glibc 2.15: libc still has what it asks for. */
#include <libgen.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef OLD
__asm__(".symver posix_spawn,posix_spawn@GLIBC_2.2.5");
__asm__(".symver posix_spawnp,posix_spawnp@GLIBC_2.2.5");
#endif

static void tell(const char *name, int error, pid_t child) {
    int status = 0;
    if (error == 0)
        waitpid(child, &status, 0);
    printf("%s: %s, exit status %d\n", name, strerror(error), WEXITSTATUS(status));
}

int main(int argc, char **argv) {
    pid_t child = -1;
    if (argc != 2)
        return 2;
    char *arguments[] = {argv[1], (char *)"an argument", NULL};
    setvbuf(stdout, NULL, _IONBF, 0);
    int error = posix_spawn(&child, argv[1], NULL, NULL, arguments, environ);
    tell("posix_spawn", error, child);
    error = posix_spawnp(&child, basename(argv[1]), NULL, NULL, arguments, environ);
    tell("posix_spawnp", error, child);
    return 0;
}
