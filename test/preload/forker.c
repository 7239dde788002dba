/* A program without Python that makes children in every way the library stands in, and says how it
 * went.
 *
 *   forker [starve]      starve: no more memory from the moment before the first child
 *   forker loses         fork fails with EAGAIN (RLIMIT_NPROC; not as root)
 */
#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;

static void report(const char *what, pid_t pid, int expected) {
    int status = -1;
    if (pid <= 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        status = -1;
    printf("%s %d\n", what, status < 0 ? -1 : WEXITSTATUS(status));
    failures += status < 0 || WEXITSTATUS(status) != expected;
}

static void spawn(const char *what,
                  int (*make)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                              const posix_spawnattr_t *, char *const[], char *const[])) {
    static char name[] = "/bin/true";
    char *const arguments[] = {name, NULL};
    pid_t pid = -1;
    int error = make(&pid, name, NULL, NULL, arguments, environ);
    report(what, error == 0 ? pid : -1, 0);
}

static int nothing_forks(void) {
    struct rlimit limit = {0, 0};
    if (setrlimit(RLIMIT_NPROC, &limit) != 0)
        return 2;
    errno = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    printf("fork %d errno %d\n", pid, errno);
    return pid == -1 && errno == EAGAIN ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "loses") == 0)
        return nothing_forks();

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* allocates now, and children have nothing to flush */
    puts("forker");
    struct rlimit limit = {0, RLIM_INFINITY};
    bool starve = argc > 1 && strcmp(argv[1], "starve") == 0;
    if (starve && setrlimit(RLIMIT_AS, &limit) != 0)
        return 2;

    pid_t pid = fork();
    if (pid == 0)
        _exit(3);
    report("fork", pid, 3);

    int master = -1;
    pid = forkpty(&master, NULL, NULL, NULL);
    if (pid == 0)
        _exit(4);
    report("forkpty", pid, 4);

    pid = vfork();
    if (pid == 0)
        _exit(5);
    report("vfork", pid, 5);

    /* a child that goes on living: it forks again, and sets SIGPIPE as interpreters do */
    pid = fork();
    if (pid == 0) {
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        sigaction(SIGPIPE, &ignore, NULL);
        pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(6);
        int status = 0;
        waitpid(grandchild, &status, 0);
        _exit(WEXITSTATUS(status));
    }
    report("grandchild", pid, 6);

    if (!starve) { /* both allocate a stack for the child */
        spawn("posix_spawn", posix_spawn);
        spawn("posix_spawnp", posix_spawnp);
    }
    return failures ? 1 : 0;
}
