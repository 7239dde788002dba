#include "support/child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_SECONDS = 60, FAILED = 99 };

static int wait_for(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return status;
}

int gf_test_each_in_child(const struct CMUnitTest *tests, size_t count) {
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            const struct CMUnitTest one[] = {tests[i]};
            alarm(DEADLINE_SECONDS);
            exit(cmocka_run_group_tests(one, NULL, NULL));
        }
        int status = pid < 0 ? -1 : wait_for(pid);
        if (status != 0) {
            fprintf(stderr, "%s: wait status %#x\n", tests[i].name, (unsigned)status);
            failed++;
        }
    }
    return failed;
}

static void read_all(int fd, char *text, size_t size) {
    size_t length = 0;
    char rest[512]; /* keeps the writer going when `text` is full */
    for (;;) {
        size_t room = size - 1 - length;
        ssize_t got = room > 0 ? read(fd, text + length, room) : read(fd, rest, sizeof rest);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        if (room > 0)
            length += (size_t)got;
    }
    text[length] = '\0';
}

int gf_test_child(void (*body)(void *argument), void *argument, char *text, size_t size) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(DEADLINE_SECONDS);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        body(argument);
        _exit(0);
    }
    close(ends[1]);
    read_all(ends[0], text, size);
    close(ends[0]);
    return wait_for(pid);
}

void gf_test_child_failed(const char *file, int line, const char *condition) {
    dprintf(STDERR_FILENO, "%s:%d: %s\n", file, line, condition);
    _exit(FAILED);
}
