/* Ways to make a child that only C has, for roads.py: each returns the pid of one that ends at
 * once. */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

pid_t road_fork(void);
pid_t road_vfork(void);
pid_t road_clone(void);

pid_t road_fork(void) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid;
}

pid_t road_vfork(void) {
    pid_t pid = vfork();
    if (pid == 0)
        _exit(0);
    return pid;
}

/* Past libc, and so past everything that is preloaded. */
pid_t road_clone(void) {
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return pid;
}
