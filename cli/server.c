#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "process.h"
#include "say.h"

enum {
    PATIENCE_SECONDS = 5,
    TAIL = 16384,
    LINES = 64,
    LOOK_EVERY_NS = 100000000,
    KILL_EVERY_NS = 20000000
};

/* What the keeper knows and we ask for. */
struct gf_server_shared {
    volatile bool ended;
    volatile int status; /* of the server's first process */
    volatile bool left;  /* processes that are not ours to end */
};

/* ---- in the keeper ---- */

static bool descends(const struct gf_process *list, size_t count, size_t i, pid_t from) {
    pid_t ancestor = list[i].parent;
    for (size_t steps = 0; ancestor > 1 && ancestor != from && steps < count; steps++) {
        size_t k = 0;
        while (k < count && list[k].pid != ancestor)
            k++;
        ancestor = k < count ? list[k].parent : 0;
    }
    return ancestor == from;
}

/* Asks for the end as a terminal does: the server's process group, and who else is our child by
 * now. Once each: servers take a second SIGINT for impatience. */
static void ask_to_end(pid_t server) {
    size_t count = 0;
    struct gf_process *list = gf_process_list(&count);
    if (kill(-server, SIGINT) != 0)
        kill(server, SIGINT); /* it has not come to its setsid yet */
    for (size_t i = 0; list && i < count; i++) {
        if (list[i].parent == getpid() && list[i].pid != server && getpgid(list[i].pid) != server)
            kill(list[i].pid, SIGINT);
    }
    free(list);
}

/* False: there are some left, and none of them is ours to end (sudo, setuid). */
static bool kill_descendants(void) {
    size_t count = 0;
    bool denied = false, killed = false;
    struct gf_process *list = gf_process_list(&count);
    for (size_t i = 0; list && i < count; i++) {
        if (!descends(list, count, i, getpid()))
            continue;
        if (kill(list[i].pid, SIGKILL) == 0)
            killed = true;
        else
            denied = denied || errno == EPERM;
    }
    free(list);
    return killed || !denied;
}

/* Takes in who has ended. False: no child is left. */
static bool reap(pid_t server, struct gf_server_shared *shared) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == server) {
            shared->status = status;
            shared->ended = true;
        }
    }
    return pid == 0;
}

static void end_all(pid_t server, struct gf_server_shared *shared) {
    const struct timespec pause = {0, KILL_EVERY_NS};
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    while (reap(server, shared)) {
        if (!kill_descendants()) {
            shared->left = true;
            _exit(0);
        }
        sigtimedwait(&child, NULL, &pause);
    }
}

static _Noreturn void keep(pid_t server, struct gf_server_shared *shared, const sigset_t *waited) {
    const struct timespec step = {0, LOOK_EVERY_NS};
    struct timespec began = {0}, now;
    bool stopping = false;
    while (reap(server, shared)) {
        int number = sigtimedwait(waited, NULL, stopping ? &step : NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (number == SIGTERM && !stopping) {
            stopping = true;
            began = now;
            ask_to_end(server);
        } else if (stopping &&
                   (number == SIGTERM || now.tv_sec - began.tv_sec >= PATIENCE_SECONDS)) {
            end_all(server, shared);
        }
    }
    _exit(0);
}

static _Noreturn void become(char **command, const struct gf_variable *variables, int output,
                             const sigset_t *mask) {
    int null = open("/dev/null", O_RDONLY);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid(); /* our Ctrl-C is not the server's */
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    for (; variables->name; variables++) {
        if (variables->value)
            setenv(variables->name, variables->value, 1);
        else
            unsetenv(variables->name);
    }
    signal(SIGINT, SIG_DFL); /* a shell's `&` has it ignored, and it is how we ask for the end */
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(command[0], command);
    dprintf(STDERR_FILENO, "%s: cannot be started: %s\n", command[0], strerror(errno));
    _exit(errno == ENOENT ? GF_EXIT_NOT_FOUND : GF_EXIT_CANNOT_RUN);
}

static _Noreturn void run_keeper(char **command, const struct gf_variable *variables,
                                 const struct gf_server *server, pid_t parent) {
    sigset_t waited, open_mask;
    sigemptyset(&open_mask);
    sigemptyset(&waited);
    sigaddset(&waited, SIGTERM);
    sigaddset(&waited, SIGCHLD);
    sigprocmask(SIG_SETMASK, &waited, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setsid();
    if (getppid() != parent)
        _exit(0);
    pid_t pid = fork();
    if (pid == 0)
        become(command, variables, server->output, &open_mask);
    if (pid < 0) {
        dprintf(server->output, "cannot fork: %s\n", strerror(errno));
        _exit(0);
    }
    keep(pid, server->shared, &waited);
}

/* ---- in our own process ---- */

bool gf_server_start(char **command, const struct gf_variable *variables, struct gf_server *ret) {
    const char *folder = getenv("TMPDIR");
    pid_t parent = getpid();
    struct gf_server server = {.output = -1};
    server.shared = mmap(NULL, sizeof *server.shared, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (server.shared == MAP_FAILED)
        return false;
    char path[4096];
    snprintf(path, sizeof path, "%s/gcfreeze-XXXXXX", folder && *folder ? folder : "/tmp");
    server.output = mkostemp(path, O_CLOEXEC | O_APPEND);
    if (server.output >= 0) {
        unlink(path);
        fflush(NULL);
        server.keeper = fork();
    }
    if (server.output >= 0 && server.keeper == 0)
        run_keeper(command, variables, &server, parent);
    if (server.output < 0 || server.keeper < 0) {
        int error = errno;
        server.keeper = 0;
        gf_server_release(&server);
        errno = error;
        return false;
    }
    *ret = server;
    return true;
}

bool gf_server_ended(struct gf_server *server, int *ret_status) {
    if (server->keeper > 0 && waitpid(server->keeper, NULL, WNOHANG) == 0)
        return false;
    server->keeper = 0;
    *ret_status = server->shared->ended ? server->shared->status : 0;
    return true;
}

/* The keeper has ended: a descriptor that becomes readable then; kernels before 5.3 have none. */
static int watch(pid_t pid) {
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    (void)pid;
    return -1;
#endif
}

void gf_server_stop(struct gf_server *server, int hurry) {
    int status;
    if (gf_server_ended(server, &status))
        return;
    struct pollfd polled[] = {{watch(server->keeper), POLLIN, 0}, {hurry, POLLIN, 0}};
    kill(server->keeper, SIGTERM);
    while (!gf_server_ended(server, &status)) {
        if (poll(polled, 2, polled[0].fd < 0 ? 50 : 1000) > 0 && polled[1].revents) {
            kill(server->keeper, SIGTERM);
            polled[1].fd = -1;
        }
    }
    if (polled[0].fd >= 0)
        close(polled[0].fd);
    if (server->shared->left)
        gf_say_warning("processes of the server belong to another user and could not be ended");
}

void gf_server_last_words(const struct gf_server *server, const char *prefix, int lines,
                          FILE *stream) {
    char tail[TAIL + 1];
    const char *found[LINES] = {NULL};
    int count = 0;
    off_t size = lseek(server->output, 0, SEEK_END);
    off_t begin = size > TAIL ? size - TAIL : 0;
    ssize_t got = size > 0 ? pread(server->output, tail, TAIL, begin) : 0;
    tail[got > 0 ? got : 0] = '\0';
    char *rest = NULL;
    if (lines > LINES)
        lines = LINES;
    for (char *line = strtok_r(tail, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        if (strncmp(line, prefix, strlen(prefix)) == 0)
            found[count++ % lines] = line;
    }
    for (int i = count > lines ? count - lines : 0; i < count; i++)
        fprintf(stream, "    %s\n", found[i % lines]);
}

void gf_server_release(struct gf_server *server) {
    if (server->output >= 0)
        close(server->output);
    if (server->shared)
        munmap(server->shared, sizeof *server->shared);
    *server = (struct gf_server){.output = -1};
}
