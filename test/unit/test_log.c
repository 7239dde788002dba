#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

/* A folder of its own for each test, removed with what is in it. */
static char folder[64];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/gcfreeze-log-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static char *in_folder(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void read_file(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static bool pending(int number) {
    sigset_t set;
    sigpending(&set);
    return sigismember(&set, number) == 1;
}

static bool blocked(int number) {
    sigset_t set;
    sigprocmask(SIG_BLOCK, NULL, &set);
    return sigismember(&set, number) == 1;
}

/* ---- where lines go ---- */

static void log_at_every_level(void *argument) {
    gf_log_init(*(enum gf_log_level *)argument, "");
    gf_log_line(GF_LOG_NONE, "none");
    gf_log_line(GF_LOG_ERROR, "error");
    gf_log_line(GF_LOG_WARN, "warn");
    gf_log_line(GF_LOG_INFO, "info");
    gf_log_line(GF_LOG_DEBUG, "debug");
}

static void lines_up_to_the_level_go_to_stderr(void **state) {
    static const char *const expected[] = {
        [GF_LOG_NONE] = "",
        [GF_LOG_ERROR] = "error\n",
        [GF_LOG_WARN] = "error\nwarn\n",
        [GF_LOG_INFO] = "error\nwarn\ninfo\n",
        [GF_LOG_DEBUG] = "error\nwarn\ninfo\ndebug\n",
    };
    (void)state;
    for (enum gf_log_level level = GF_LOG_NONE; level <= GF_LOG_DEBUG; level++) {
        char text[256];
        assert_child_succeeded(gf_test_child(log_at_every_level, &level, text, sizeof text), text);
        assert_string_equal(text, expected[level]);
    }
}

static void log_a_huge_line(void *argument) {
    static char line[100000];
    (void)argument;
    memset(line, 'x', sizeof line - 1);
    gf_log_init(GF_LOG_INFO, NULL);
    gf_log_line(GF_LOG_INFO, line);
    gf_log_line(GF_LOG_INFO, "next");
}

static void a_huge_line_is_cut_and_still_ends(void **state) {
    char text[8192];
    (void)state;
    assert_child_succeeded(gf_test_child(log_a_huge_line, NULL, text, sizeof text), text);
    char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_in_range(end - text, 1024, 2047);
    assert_string_equal(end, "\nnext\n");
}

static int open_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

static void log_two_lines(void *path) {
    int before = open_descriptors();
    errno = EXDEV;
    gf_log_init(GF_LOG_INFO, path);
    gf_log_line(GF_LOG_INFO, "one");
    gf_log_line(GF_LOG_INFO, "two");
    GF_CHILD_CHECK(errno == EXDEV);
    GF_CHILD_CHECK(open_descriptors() == before);
}

static void a_file_is_appended_to_and_closed_again(void **state) {
    char text[256];
    char *path = in_folder("log");
    (void)state;
    assert_child_succeeded(gf_test_child(log_two_lines, path, text, sizeof text), text);
    assert_child_succeeded(gf_test_child(log_two_lines, path, text, sizeof text), text);
    assert_string_equal(text, "");
    read_file(path, text, sizeof text);
    assert_string_equal(text, "one\ntwo\none\ntwo\n");
}

static void log_with_pid_in_name(void *argument) {
    char expected[128], end[32];
    (void)argument;
    gf_log_init(GF_LOG_INFO, in_folder("%p-%%p-%x-%"));
    gf_log_line(GF_LOG_INFO, "here");
    snprintf(end, sizeof end, "%d-%%%d-%%x-%%", getpid(), getpid());
    snprintf(expected, sizeof expected, "%s/%s", folder, end);
    GF_CHILD_CHECK(access(expected, F_OK) == 0);
}

static void the_pid_replaces_its_place_in_the_name(void **state) {
    char text[256];
    (void)state;
    assert_child_succeeded(gf_test_child(log_with_pid_in_name, NULL, text, sizeof text), text);
}

/* ---- files that cannot be opened ---- */

static void assert_gave_up(const char *text, const char *why) {
    assert_non_null(strstr(text, "]: GCFREEZE_LOG_FILE: cannot open /"));
    assert_non_null(strstr(text, why));
    assert_non_null(strstr(text, "; logging is off, all else goes on\n"));
    assert_int_equal(strlen(strchr(text, '\n')), 1); /* one line for two that were logged */
}

static void a_file_that_cannot_be_opened_ends_logging_with_one_line(void **state) {
    char text[4096];
    (void)state;
    assert_child_succeeded(gf_test_child(log_two_lines, in_folder("not/there"), text, sizeof text),
                           text);
    assert_gave_up(text, ": no such directory (errno 2)");
    assert_child_succeeded(gf_test_child(log_two_lines, folder, text, sizeof text), text);
    assert_gave_up(text, ": it is a directory (errno 21)");
}

static void log_without_a_mask(void *path) {
    umask(0);
    log_two_lines(path);
}

static void a_new_file_is_for_its_owner(void **state) {
    char text[256];
    struct stat status;
    char *path = in_folder("log");
    (void)state;
    assert_child_succeeded(gf_test_child(log_without_a_mask, path, text, sizeof text), text);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void a_link_is_not_followed(void **state) {
    char text[4096], target[128];
    char *path = in_folder("link");
    (void)state;
    snprintf(target, sizeof target, "%s/target", folder);
    assert_int_equal(symlink(target, path), 0);
    assert_child_succeeded(gf_test_child(log_two_lines, path, text, sizeof text), text);
    assert_gave_up(text, ": it is a symbolic link (errno 40)");
    assert_int_equal(access(target, F_OK), -1);
}

static void a_fifo_that_nobody_reads_does_not_hang(void **state) {
    char text[4096];
    char *path = in_folder("fifo");
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_child_succeeded(gf_test_child(log_two_lines, path, text, sizeof text), text);
    assert_gave_up(text, ": nobody reads this pipe (errno 6)");
}

static void the_longest_name_still_leaves_room_for_why(void **state) {
    char text[4096];
    char path[512];
    (void)state;
    memset(path, '\xff', sizeof path); /* four characters each when shown */
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_child_succeeded(gf_test_child(log_two_lines, path, text, sizeof text), text);
    assert_gave_up(text, ": the name is too long (errno 36)");
}

static void a_name_longer_than_any_path_gives_up(void **state) {
    char text[4096];
    char path[PATH_MAX + 2];
    (void)state;
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_child_succeeded(gf_test_child(log_two_lines, path, text, sizeof text), text);
    assert_non_null(strstr(text, "GCFREEZE_LOG_FILE: cannot open /xxx"));
    assert_int_equal(strlen(strchr(text, '\n')), 1);
}

/* ---- a stderr that became another file ---- */

/* As a daemon does it: closed, and the number is the next file's. Returns the real one. */
static int replace_stderr(const char *path) {
    int kept = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    GF_CHILD_CHECK(open(path, O_RDWR | O_CREAT, 0600) == STDERR_FILENO);
    return kept;
}

static void log_into_a_file_of_the_host(void *log_path) {
    char *path = in_folder("host");
    gf_log_init(GF_LOG_INFO, log_path);
    int kept = replace_stderr(path);
    errno = EXDEV;
    gf_log_line(GF_LOG_INFO, "lost");
    int after = errno;
    dup2(kept, STDERR_FILENO);
    GF_CHILD_CHECK(after == EXDEV);
    gf_log_line(GF_LOG_INFO, "back");
}

static void a_file_that_got_the_number_of_stderr_is_the_hosts(void **state) {
    char text[4096], host[256];
    (void)state;
    assert_child_succeeded(gf_test_child(log_into_a_file_of_the_host, "", text, sizeof text), text);
    assert_string_equal(text, "back\n");
    read_file(in_folder("host"), host, sizeof host);
    assert_string_equal(host, "");
}

static void giving_up_is_not_told_to_a_file_of_the_host(void **state) {
    char text[4096], host[256], nowhere[128];
    (void)state;
    snprintf(nowhere, sizeof nowhere, "%s/not/there", folder);
    assert_child_succeeded(gf_test_child(log_into_a_file_of_the_host, nowhere, text, sizeof text),
                           text);
    assert_string_equal(text, "");
    read_file(in_folder("host"), host, sizeof host);
    assert_string_equal(host, "");
}

static void log_into_another_pipe(void *argument) {
    int ends[2];
    char byte;
    (void)argument;
    gf_log_init(GF_LOG_INFO, "");
    GF_CHILD_CHECK(pipe2(ends, O_NONBLOCK) == 0);
    int kept = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    gf_log_line(GF_LOG_INFO, "lost");
    dup2(kept, STDERR_FILENO);
    GF_CHILD_CHECK(read(ends[0], &byte, 1) == -1 && errno == EAGAIN);
}

static void a_pipe_is_not_another_pipe(void **state) {
    char text[256];
    (void)state;
    assert_child_succeeded(gf_test_child(log_into_another_pipe, NULL, text, sizeof text), text);
    assert_string_equal(text, "");
}

/* ---- writes that fail ---- */

static void log_without_stderr(void *argument) {
    (void)argument;
    close(STDERR_FILENO);
    errno = EXDEV;
    gf_log_init(GF_LOG_INFO, "");
    gf_log_line(GF_LOG_INFO, "lost");
    if (errno != EXDEV)
        _exit(1);
}

static void a_closed_stderr_loses_the_line_only(void **state) {
    char text[256];
    (void)state;
    assert_int_equal(gf_test_child(log_without_stderr, NULL, text, sizeof text), 0);
    assert_string_equal(text, "");
}

static void a_full_disk_loses_the_line_only(void **state) {
    char text[256];
    (void)state;
    if (access("/dev/full", W_OK) != 0) {
        print_message("skipped: there is no /dev/full here\n");
        skip();
    }
    assert_child_succeeded(gf_test_child(log_two_lines, "/dev/full", text, sizeof text), text);
    assert_string_equal(text, "");
}

static void log_beyond_the_limit(void *path) {
    const struct rlimit limit = {6, 6}; /* "one\n" fits, "two\n" does not */
    signal(SIGXFSZ, SIG_DFL);
    GF_CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    log_two_lines(path);
    GF_CHILD_CHECK(!pending(SIGXFSZ));
    GF_CHILD_CHECK(!blocked(SIGXFSZ));
}

static void a_file_size_limit_does_not_kill(void **state) {
    char text[256];
    char *path = in_folder("log");
    (void)state;
    assert_child_succeeded(gf_test_child(log_beyond_the_limit, path, text, sizeof text), text);
    assert_string_equal(text, "");
    read_file(path, text, sizeof text);
    assert_string_equal(text, "one\ntw");
}

static int signals_caught;

static void count_signal(int number) {
    (void)number;
    signals_caught++;
}

/* Puts a pipe without a reader in stderr's place, keeping the real one for messages. */
static int break_stderr(void) {
    int ends[2];
    int kept = dup(STDERR_FILENO);
    GF_CHILD_CHECK(pipe(ends) == 0);
    GF_CHILD_CHECK(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    return kept;
}

static void log_to_a_broken_pipe(void *disposition) {
    int kept = break_stderr();
    signal(SIGPIPE, *(sighandler_t *)disposition);
    errno = EXDEV;
    gf_log_init(GF_LOG_INFO, "");
    gf_log_line(GF_LOG_INFO, "lost");
    int after = errno;
    dup2(kept, STDERR_FILENO);
    GF_CHILD_CHECK(after == EXDEV);
    GF_CHILD_CHECK(!pending(SIGPIPE));
    GF_CHILD_CHECK(!blocked(SIGPIPE));
    GF_CHILD_CHECK(signals_caught == 0);
}

static void a_reader_that_left_does_not_kill(void **state) {
    static const sighandler_t dispositions[] = {SIG_DFL, SIG_IGN, count_signal};
    (void)state;
    for (size_t i = 0; i < sizeof dispositions / sizeof *dispositions; i++) {
        char text[256];
        sighandler_t disposition = dispositions[i];
        assert_child_succeeded(gf_test_child(log_to_a_broken_pipe, &disposition, text, sizeof text),
                               text);
    }
}

static void log_with_signals_pending(void *argument) {
    sigset_t both;
    (void)argument;
    sigemptyset(&both);
    sigaddset(&both, SIGPIPE);
    sigaddset(&both, SIGXFSZ);
    sigprocmask(SIG_BLOCK, &both, NULL);
    raise(SIGPIPE);
    raise(SIGXFSZ);
    int kept = break_stderr();
    gf_log_init(GF_LOG_INFO, "");
    gf_log_line(GF_LOG_INFO, "lost");
    dup2(kept, STDERR_FILENO);
    GF_CHILD_CHECK(pending(SIGPIPE));
    GF_CHILD_CHECK(pending(SIGXFSZ));
    GF_CHILD_CHECK(blocked(SIGPIPE));
}

static void signals_that_were_pending_before_still_are(void **state) {
    char text[256];
    (void)state;
    assert_child_succeeded(gf_test_child(log_with_signals_pending, NULL, text, sizeof text), text);
}

static void log_with_pipe_blocked(void *argument) {
    sigset_t set;
    (void)argument;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int kept = break_stderr();
    gf_log_init(GF_LOG_INFO, "");
    gf_log_line(GF_LOG_INFO, "lost");
    dup2(kept, STDERR_FILENO);
    GF_CHILD_CHECK(!pending(SIGPIPE)); /* ours, and taken away */
    GF_CHILD_CHECK(blocked(SIGPIPE));  /* the host's, and left */
}

static void a_mask_of_the_host_is_left_as_it_was(void **state) {
    char text[256];
    (void)state;
    assert_child_succeeded(gf_test_child(log_with_pipe_blocked, NULL, text, sizeof text), text);
}

/* ---- threads that are cancelled ---- */

static bool went_on;

static void *log_when_cancelled(void *path) {
    int state = -1;
    gf_log_init(GF_LOG_INFO, path);
    pthread_cancel(pthread_self());
    gf_log_line(GF_LOG_INFO, "one");
    went_on = pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state) == 0 &&
              state == PTHREAD_CANCEL_ENABLE;
    return NULL;
}

static void log_in_a_thread(void *path) {
    pthread_t thread;
    GF_CHILD_CHECK(pthread_create(&thread, NULL, log_when_cancelled, path) == 0);
    GF_CHILD_CHECK(pthread_join(thread, NULL) == 0);
    GF_CHILD_CHECK(went_on);
}

static void a_cancelled_thread_does_not_end_in_here(void **state) {
    char text[256];
    char *path = in_folder("log");
    (void)state;
    assert_child_succeeded(gf_test_child(log_in_a_thread, path, text, sizeof text), text);
    read_file(path, text, sizeof text);
    assert_string_equal(text, "one\n");
    assert_child_succeeded(gf_test_child(log_in_a_thread, "", text, sizeof text), text);
    assert_string_equal(text, "one\n");
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_up_to_the_level_go_to_stderr),
        cmocka_unit_test(a_huge_line_is_cut_and_still_ends),
        WITH_FOLDER(a_file_is_appended_to_and_closed_again),
        WITH_FOLDER(the_pid_replaces_its_place_in_the_name),
        WITH_FOLDER(a_file_that_cannot_be_opened_ends_logging_with_one_line),
        WITH_FOLDER(a_new_file_is_for_its_owner),
        WITH_FOLDER(a_link_is_not_followed),
        WITH_FOLDER(a_fifo_that_nobody_reads_does_not_hang),
        cmocka_unit_test(the_longest_name_still_leaves_room_for_why),
        cmocka_unit_test(a_name_longer_than_any_path_gives_up),
        WITH_FOLDER(a_file_that_got_the_number_of_stderr_is_the_hosts),
        WITH_FOLDER(giving_up_is_not_told_to_a_file_of_the_host),
        cmocka_unit_test(a_pipe_is_not_another_pipe),
        cmocka_unit_test(a_closed_stderr_loses_the_line_only),
        cmocka_unit_test(a_full_disk_loses_the_line_only),
        WITH_FOLDER(a_file_size_limit_does_not_kill),
        cmocka_unit_test(a_reader_that_left_does_not_kill),
        cmocka_unit_test(signals_that_were_pending_before_still_are),
        cmocka_unit_test(a_mask_of_the_host_is_left_as_it_was),
        WITH_FOLDER(a_cancelled_thread_does_not_end_in_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
