#include "support/child.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http.h"

/* A connection whose other end a test plays; and one that says stop. */
static struct gf_http http;
static int server = -1;

static int open_connection(void **state) {
    int ends[2];
    (void)state;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
        return -1;
    http = (struct gf_http){.socket = ends[0], .stop = eventfd(0, EFD_CLOEXEC)};
    server = ends[1];
    return 0;
}

static void hang_up(void) {
    if (server >= 0)
        close(server);
    server = -1;
}

static int close_connection(void **state) {
    (void)state;
    gf_http_close(&http);
    close(http.stop);
    hang_up();
    return 0;
}

static void send_text(const char *text) {
    assert_int_equal(write(server, text, strlen(text)), (ssize_t)strlen(text));
}

static long soon(void) {
    return gf_http_now() + 60000;
}

static void expect_answer(int status, bool kept) {
    int found = 0;
    assert_int_equal(gf_http_read(&http, soon(), &found), GF_HTTP_ANSWERED);
    assert_int_equal(found, status);
    assert_int_equal(http.socket >= 0, kept);
}

static void expect_broken(const char *text) {
    int status = -7;
    open_connection(NULL);
    send_text(text);
    hang_up();
    enum gf_http_outcome outcome = gf_http_read(&http, soon(), &status);
    if (outcome != GF_HTTP_BROKEN)
        fail_msg("\"%s\" is taken for %d", text, outcome);
    assert_int_equal(status, -7);
    assert_int_equal(http.socket, -1);
    close_connection(NULL);
}

static void answers_of_a_known_length_follow_each_other(void **state) {
    (void)state;
    send_text("HTTP/1.1 200 OK\r\ncontent-LENGTH:   5\r\n\r\nhello"
              "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
              "HTTP/1.1 204 No Content\r\n\r\n"
              "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"
              "HTTP/1.1 500 Oops\nContent-Length: 1\n\nx");
    expect_answer(200, true);
    expect_answer(404, true);
    expect_answer(204, true);
    expect_answer(304, true);
    expect_answer(500, true);
}

static void chunks_with_extensions_and_trailers(void **state) {
    (void)state;
    send_text("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n"
              "5;name=\"value\"\r\nhello\r\nA\r\n0123456789\r\n0\r\nDigest: abc\r\n\r\n"
              "HTTP/1.1 201 Next\r\nContent-Length: 0\r\n\r\n");
    expect_answer(200, true);
    expect_answer(201, true);
}

static void announcements_are_passed_over(void **state) {
    (void)state;
    send_text("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
              "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    expect_answer(200, true);
}

static void who_keeps_the_connection(void **state) {
    static const struct {
        const char *head;
        bool kept;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n", false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n", false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_connection(NULL);
        send_text(cases[i].head);
        send_text("\r\n");
        expect_answer(200, cases[i].kept);
        close_connection(NULL);
    }
}

static void without_a_length_the_end_is_the_end(void **state) {
    (void)state;
    send_text("HTTP/1.1 200 OK\r\n\r\nall of it");
    hang_up();
    expect_answer(200, false);
}

static void answers_that_are_none(void **state) {
    (void)state;
    expect_broken("SSH-2.0-OpenSSH_9.2\r\n");
    expect_broken("HTTP/1.1 banana\r\n\r\n");
    expect_broken("HTTP/1.1 7 x\r\n\r\n");
    expect_broken("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    expect_broken("HTTP/1.1 200 OK\r\nContent-Le");
    expect_broken("HTTP/1.1 200 OK\r\n");
    expect_broken("HTTP/1.1 2");
    expect_broken("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
    expect_broken("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
    expect_broken("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n");
    expect_broken("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
}

static void a_line_without_end_is_none(void **state) {
    char line[10001];
    (void)state;
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    expect_broken(line);
}

static void a_head_may_be_larger_than_the_buffer(void **state) {
    char line[8001];
    (void)state;
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    send_text("HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 5; i++) {
        send_text(line);
        send_text("\r\n");
    }
    send_text("Content-Length: 0\r\n\r\n");
    expect_answer(200, true);
}

static void bytes_may_come_one_by_one(void **state) {
    static const char text[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n0\r\n\r\n";
    int small = 1;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        setsockopt(server, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        for (size_t i = 0; i < sizeof text - 1; i++) {
            while (write(server, text + i, 1) != 1)
                ;
        }
        _exit(0);
    }
    expect_answer(200, true);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void an_end_before_the_first_byte_is_told_apart(void **state) {
    int status = -7;
    (void)state;
    hang_up();
    assert_int_equal(gf_http_read(&http, soon(), &status), GF_HTTP_CLOSED);
    assert_int_equal(status, -7);
}

static void a_deadline_that_is_over(void **state) {
    int status;
    (void)state;
    send_text("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    assert_int_equal(gf_http_read(&http, gf_http_now() - 1, &status), GF_HTTP_LATE);
    assert_int_equal(http.socket, -1);
}

/* What a server sends that is always faster: there is more whenever somebody looks. */
static int plenty;

ssize_t __real_recv(int socket, void *buffer, size_t size, int flags);
ssize_t __wrap_recv(int socket, void *buffer, size_t size, int flags);
ssize_t __wrap_recv(int socket, void *buffer, size_t size, int flags) {
    if (plenty == 0)
        return __real_recv(socket, buffer, size, flags);
    plenty--;
    memset(buffer, 'x', size);
    return (ssize_t)size;
}

static void an_answer_that_never_pauses_ends_at_the_deadline(void **state) {
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
    int status;
    (void)state;
    memcpy(http.buffer, head, sizeof head - 1);
    http.end = sizeof head - 1;
    hang_up();
    plenty = 1000;
    assert_int_equal(gf_http_read(&http, gf_http_now() - 1, &status), GF_HTTP_LATE);
    plenty = 0;
}

static void stop_ends_the_wait(void **state) {
    const uint64_t one = 1;
    int status;
    (void)state;
    assert_int_equal(write(http.stop, &one, sizeof one), sizeof one);
    assert_int_equal(gf_http_read(&http, soon(), &status), GF_HTTP_STOPPED);
}

#define WITH_CONNECTION(test)                                                                      \
    cmocka_unit_test_setup_teardown(test, open_connection, close_connection)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_CONNECTION(answers_of_a_known_length_follow_each_other),
        WITH_CONNECTION(chunks_with_extensions_and_trailers),
        WITH_CONNECTION(announcements_are_passed_over),
        cmocka_unit_test(who_keeps_the_connection),
        WITH_CONNECTION(without_a_length_the_end_is_the_end),
        cmocka_unit_test(answers_that_are_none),
        cmocka_unit_test(a_line_without_end_is_none),
        WITH_CONNECTION(a_head_may_be_larger_than_the_buffer),
        WITH_CONNECTION(bytes_may_come_one_by_one),
        WITH_CONNECTION(an_end_before_the_first_byte_is_told_apart),
        WITH_CONNECTION(a_deadline_that_is_over),
        WITH_CONNECTION(an_answer_that_never_pauses_ends_at_the_deadline),
        WITH_CONNECTION(stop_ends_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
