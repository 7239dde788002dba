/* Calls of which nothing good can come, or that wait for nothing: with passes they answer what libc
 * answers, and at once. Each in a process of its own, with libc and with ours. */
#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_alg.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/waits.h"

enum { BAD_NANOSECONDS = 1000000000 };

static char byte;
static int ends[2];

static const int *new_pipe(void) {
    GF_CHILD_CHECK(pipe(ends) == 0);
    return ends;
}

static const int *new_pair(void) {
    GF_CHILD_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    return ends;
}

static int new_listener(int type) {
    const struct sockaddr_in any = {.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int file = socket(AF_INET, type, 0);
    GF_CHILD_CHECK(bind(file, (const struct sockaddr *)&any, sizeof any) == 0);
    if (type == SOCK_STREAM)
        GF_CHILD_CHECK(listen(file, 5) == 0);
    return file;
}

static void make_nonblocking(int file) {
    GF_CHILD_CHECK(fcntl(file, F_SETFL, O_NONBLOCK) == 0);
}

static void limit_waits(int file) {
    const struct timeval limit = {.tv_usec = 5000};
    GF_CHILD_CHECK(setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
}

/* ---- read ---- */

static int nothing_of_a_pipe(const struct gf_waits *waits) {
    return (int)waits->read(new_pipe()[0], &byte, 0);
}

static int nothing_of_a_socket(const struct gf_waits *waits) {
    return (int)waits->read(new_pair()[0], &byte, 0);
}

static int a_pipe_that_is_written_to(const struct gf_waits *waits) {
    return (int)waits->read(new_pipe()[1], &byte, 1);
}

static int a_pipe_whose_end_has_come(const struct gf_waits *waits) {
    close(new_pipe()[1]);
    return (int)waits->read(ends[0], &byte, 1);
}

static int a_pipe_that_does_not_block(const struct gf_waits *waits) {
    make_nonblocking(new_pipe()[0]);
    return (int)waits->read(ends[0], &byte, 1);
}

static int a_fifo_before_its_first_writer(const struct gf_waits *waits) {
    char path[] = "/tmp/gcfreeze-fifo-XXXXXX";
    GF_CHILD_CHECK(mkdtemp(path) != NULL);
    char name[64];
    snprintf(name, sizeof name, "%s/fifo", path);
    GF_CHILD_CHECK(mkfifo(name, 0600) == 0);
    int file = open(name, O_RDONLY | O_NONBLOCK);
    unlink(name);
    rmdir(path);
    GF_CHILD_CHECK(file >= 0 && fcntl(file, F_SETFL, 0) == 0);
    return (int)waits->read(file, &byte, 1);
}

static int a_listening_socket(const struct gf_waits *waits) {
    return (int)waits->read(new_listener(SOCK_STREAM), &byte, 1);
}

static int an_unconnected_socket(const struct gf_waits *waits) {
    return (int)waits->read(socket(AF_INET, SOCK_STREAM, 0), &byte, 1);
}

static int an_unconnected_local_socket(const struct gf_waits *waits) {
    return (int)waits->read(socket(AF_UNIX, SOCK_STREAM, 0), &byte, 1);
}

static int a_socket_that_was_shut_down(const struct gf_waits *waits) {
    shutdown(new_pair()[0], SHUT_RD);
    return (int)waits->read(ends[0], &byte, 1);
}

static int a_socket_with_an_error(const struct gf_waits *waits) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int gone = new_listener(SOCK_DGRAM), file = socket(AF_INET, SOCK_DGRAM, 0);
    GF_CHILD_CHECK(getsockname(gone, (struct sockaddr *)&address, &size) == 0);
    close(gone);
    GF_CHILD_CHECK(connect(file, (const struct sockaddr *)&address, size) == 0);
    GF_CHILD_CHECK(send(file, "x", 1, 0) == 1);
    return (int)waits->read(file, &byte, 1);
}

static int a_socket_with_a_time_limit(const struct gf_waits *waits) {
    limit_waits(new_pair()[0]);
    return (int)waits->read(ends[0], &byte, 1);
}

/* Where the kernel has none, it is no file. */
static int a_hash_of_the_kernel(const struct gf_waits *waits) {
    const struct sockaddr_alg hash = {
        .salg_family = AF_ALG, .salg_type = "hash", .salg_name = "sha256"};
    char digest[32];
    int file = socket(AF_ALG, SOCK_SEQPACKET, 0);
    if (file >= 0)
        GF_CHILD_CHECK(bind(file, (const struct sockaddr *)&hash, sizeof hash) == 0);
    return (int)waits->read(accept(file, NULL, NULL), digest, sizeof digest);
}

static int a_folder(const struct gf_waits *waits) {
    return (int)waits->read(open("/tmp", O_RDONLY), &byte, 1);
}

static int the_null_device(const struct gf_waits *waits) {
    return (int)waits->read(open("/dev/null", O_RDONLY), &byte, 1);
}

static int a_counter(const struct gf_waits *waits) {
    uint64_t value = 0;
    return (int)waits->read(eventfd(3, 0), &value, sizeof value) + (int)value;
}

static int a_path_alone(const struct gf_waits *waits) {
    return (int)waits->read(open("/dev/null", O_PATH), &byte, 1);
}

static int no_file(const struct gf_waits *waits) {
    return (int)waits->read(-1, &byte, 1);
}

/* ---- accept ---- */

static int accept_from_a_pipe(const struct gf_waits *waits) {
    return waits->accept(new_pipe()[0], NULL, NULL);
}

static int accept_from_a_connection(const struct gf_waits *waits) {
    return waits->accept(new_pair()[0], NULL, NULL);
}

static int accept_datagrams(const struct gf_waits *waits) {
    return waits->accept(new_listener(SOCK_DGRAM), NULL, NULL);
}

static int accept_with_unknown_flags(const struct gf_waits *waits) {
    return waits->accept4(new_listener(SOCK_STREAM), NULL, NULL, 1);
}

static int accept_without_blocking(const struct gf_waits *waits) {
    int file = new_listener(SOCK_STREAM);
    make_nonblocking(file);
    return waits->accept4(file, NULL, NULL, SOCK_NONBLOCK);
}

static int accept_with_a_time_limit(const struct gf_waits *waits) {
    int file = new_listener(SOCK_STREAM);
    limit_waits(file);
    return waits->accept(file, NULL, NULL);
}

static int accept_after_a_shutdown(const struct gf_waits *waits) {
    int file = new_listener(SOCK_STREAM);
    shutdown(file, SHUT_RDWR);
    return waits->accept(file, NULL, NULL);
}

static int accept_from_no_file(const struct gf_waits *waits) {
    return waits->accept(-1, NULL, NULL);
}

/* ---- poll, epoll ---- */

static int poll_too_many(const struct gf_waits *waits) {
    struct pollfd files[100] = {{.fd = 0}};
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 99;
    GF_CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    return waits->poll(files, 100, -1);
}

static int poll_nothing(const struct gf_waits *waits) {
    return waits->poll(NULL, 0, 3);
}

static int poll_a_closed_file(const struct gf_waits *waits) {
    struct pollfd file = {.fd = 1000, .events = POLLIN};
    return waits->poll(&file, 1, -5) * 1000 + file.revents;
}

static int epoll_of_no_epoll(const struct gf_waits *waits) {
    struct epoll_event event;
    return waits->epoll_wait(new_pipe()[0], &event, 1, -1);
}

static int epoll_of_no_file(const struct gf_waits *waits) {
    struct epoll_event event;
    return waits->epoll_pwait(-1, &event, 1, -1, NULL);
}

static int epoll_without_room(const struct gf_waits *waits) {
    struct epoll_event event;
    return waits->epoll_wait(epoll_create1(0), &event, 0, -1);
}

/* ---- select ---- */

static int select_of(const struct gf_waits *waits, int count, int file, struct timeval timeout) {
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(file, &readable);
    int result = waits->select(count, &readable, NULL, NULL, &timeout);
    return result * 100 + (int)timeout.tv_sec * 10 + (FD_ISSET(file, &readable) != 0);
}

static int select_fewer_than_none(const struct gf_waits *waits) {
    return select_of(waits, -1, 0, (struct timeval){.tv_sec = 60});
}

static int select_a_closed_file(const struct gf_waits *waits) {
    return select_of(waits, 1001, 1000, (struct timeval){0});
}

static int select_bad_seconds(const struct gf_waits *waits) {
    return select_of(waits, new_pipe()[0] + 1, ends[0], (struct timeval){.tv_sec = -1});
}

static int select_bad_microseconds(const struct gf_waits *waits) {
    return select_of(waits, new_pipe()[0] + 1, ends[0], (struct timeval){.tv_usec = -1});
}

static int select_more_than_a_second_of_microseconds(const struct gf_waits *waits) {
    GF_CHILD_CHECK(write(new_pipe()[1], "x", 1) == 1);
    struct timeval timeout = {.tv_usec = 2000000};
    return select_of(waits, ends[0] + 1, ends[0], timeout);
}

static int select_nothing(const struct gf_waits *waits) {
    return waits->select(0, NULL, NULL, NULL, &(struct timeval){.tv_usec = 3000});
}

/* A set that is as long as it must be, in front of a page that cannot be read. */
static int select_a_short_set(const struct gf_waits *waits) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    GF_CHILD_CHECK(memory != MAP_FAILED && mprotect(memory + page, page, PROT_NONE) == 0);
    unsigned long *word = (unsigned long *)(void *)(memory + page) - 1;
    GF_CHILD_CHECK(write(new_pipe()[1], "x", 1) == 1 && ends[0] < 64);
    *word = 1UL << ends[0];
    int result = waits->select(ends[0] + 1, (fd_set *)(void *)word, NULL, NULL, NULL);
    return *word == 1UL << ends[0] ? result : -2;
}

/* ---- semaphores ---- */

static int wait_until(const struct gf_waits *waits, unsigned value, struct timespec deadline) {
    sem_t semaphore;
    GF_CHILD_CHECK(sem_init(&semaphore, 0, value) == 0);
    return waits->sem_timedwait(&semaphore, &deadline);
}

static int a_deadline_that_is_none(const struct gf_waits *waits) {
    return wait_until(waits, 0, (struct timespec){.tv_nsec = BAD_NANOSECONDS});
}

static int a_deadline_that_is_none_and_is_not_needed(const struct gf_waits *waits) {
    return wait_until(waits, 1, (struct timespec){.tv_nsec = BAD_NANOSECONDS});
}

static int a_deadline_of_long_ago(const struct gf_waits *waits) {
    return wait_until(waits, 0, (struct timespec){.tv_sec = 1});
}

static int a_deadline_before_all_time(const struct gf_waits *waits) {
    return wait_until(waits, 0, (struct timespec){.tv_sec = -1});
}

static int a_deadline_after_all_time(const struct gf_waits *waits) {
    return wait_until(waits, 1, (struct timespec){.tv_sec = INT64_MAX});
}

/* ---- the table ---- */

#define CALL(function) {#function, function}

static const struct odd {
    const char *name;
    int (*call)(const struct gf_waits *waits);
} calls[] = {
    CALL(nothing_of_a_pipe),
    CALL(nothing_of_a_socket),
    CALL(a_pipe_that_is_written_to),
    CALL(a_pipe_whose_end_has_come),
    CALL(a_pipe_that_does_not_block),
    CALL(a_fifo_before_its_first_writer),
    CALL(a_listening_socket),
    CALL(an_unconnected_socket),
    CALL(an_unconnected_local_socket),
    CALL(a_socket_that_was_shut_down),
    CALL(a_socket_with_an_error),
    CALL(a_socket_with_a_time_limit),
    CALL(a_hash_of_the_kernel),
    CALL(a_folder),
    CALL(the_null_device),
    CALL(a_counter),
    CALL(a_path_alone),
    CALL(no_file),
    CALL(accept_from_a_pipe),
    CALL(accept_from_a_connection),
    CALL(accept_datagrams),
    CALL(accept_with_unknown_flags),
    CALL(accept_without_blocking),
    CALL(accept_with_a_time_limit),
    CALL(accept_after_a_shutdown),
    CALL(accept_from_no_file),
    CALL(poll_too_many),
    CALL(poll_nothing),
    CALL(poll_a_closed_file),
    CALL(epoll_of_no_epoll),
    CALL(epoll_of_no_file),
    CALL(epoll_without_room),
    CALL(select_fewer_than_none),
    CALL(select_a_closed_file),
    CALL(select_bad_seconds),
    CALL(select_bad_microseconds),
    CALL(select_more_than_a_second_of_microseconds),
    CALL(select_nothing),
    CALL(select_a_short_set),
    CALL(a_deadline_that_is_none),
    CALL(a_deadline_that_is_none_and_is_not_needed),
    CALL(a_deadline_of_long_ago),
    CALL(a_deadline_before_all_time),
    CALL(a_deadline_after_all_time),
};

struct answer {
    const struct gf_waits *waits;
    const struct odd *odd;
};

static void answer(void *argument) {
    const struct answer *asked = argument;
    if (asked->waits == &gf_waits_ours)
        gf_waits_start();
    alarm(60);
    errno = 0;
    int result = asked->odd->call(asked->waits);
    dprintf(STDERR_FILENO, "%d, errno %d", result, result < 0 ? errno : 0);
}

static void odd_calls_answer_as_without_a_pass(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        char libc[256], ours[256];
        int status =
            gf_test_child(answer, &(struct answer){&gf_waits_libc, &calls[i]}, libc, sizeof libc);
        assert_child_succeeded(status, libc);
        status =
            gf_test_child(answer, &(struct answer){&gf_waits_ours, &calls[i]}, ours, sizeof ours);
        if (status != 0 || strcmp(libc, ours) != 0)
            fail_msg("%s: libc %s; ours %s, wait status %#x", calls[i].name, libc, ours,
                     (unsigned)status);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_calls_answer_as_without_a_pass),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
