#include "capture.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int start(const struct gf_capture *capture, const int *ends, pid_t *ret) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (capture->errors)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int error = posix_spawn(ret, capture->program, &actions, NULL, capture->arguments,
                            capture->environment);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static void keep(int file, bool first_line, char *text, size_t size) {
    size_t length = 0;
    ssize_t got = 0;
    while (length < size - 1 && !(first_line && memchr(text, '\n', length)) &&
           (got = read(file, text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    if (first_line)
        text[strcspn(text, "\n")] = '\0';
}

int gf_capture(const struct gf_capture *capture, char *text, size_t size) {
    int ends[2], status = -1;
    pid_t child;
    text[0] = '\0';
    if (pipe(ends) != 0)
        return -1;
    int error = start(capture, ends, &child);
    close(ends[1]);
    if (error == 0)
        keep(ends[0], capture->first_line, text, size);
    close(ends[0]);
    bool ended = error == 0 && waitpid(child, &status, 0) == child && WIFEXITED(status);
    errno = error;
    return ended ? WEXITSTATUS(status) : -1;
}
