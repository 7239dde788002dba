/* What a server answers. Input: all that it sends over one connection before it closes it.
 *
 * - How it is cut into pieces on its way changes nothing: not which answers were understood, nor
 *   whether the connection is kept. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "http.h"

enum { SOCKET = 1 << 20 /* no descriptor that is open */, ANSWERS = 512 };

static struct {
    struct gf_bytes bytes;
    size_t piece; /* how much comes at a time, */
    bool pauses;  /* and whether the reader has to wait for it */
    bool paused;
} sent;

ssize_t __wrap_recv(int socket, void *buffer, size_t size, int flags);
ssize_t __wrap_recv(int socket, void *buffer, size_t size, int flags) {
    (void)flags;
    GF_FUZZ_CHECK(socket == SOCKET && size > 0);
    sent.paused = sent.pauses && !sent.paused;
    if (sent.paused) {
        errno = EAGAIN;
        return -1;
    }
    size_t most = sent.bytes.size < sent.piece ? sent.bytes.size : sent.piece;
    most = most < size ? most : size;
    if (most > 0)
        memcpy(buffer, gf_bytes_take(&sent.bytes, most), most);
    return (ssize_t)most;
}

int __wrap_poll(struct pollfd *polled, nfds_t count, int milliseconds);
int __wrap_poll(struct pollfd *polled, nfds_t count, int milliseconds) {
    GF_FUZZ_CHECK(count == 2 && milliseconds > 0);
    polled[0].revents = polled[0].events;
    polled[1].revents = 0;
    return 1;
}

int __real_close(int file);
int __wrap_close(int file);
int __wrap_close(int file) {
    return file == SOCKET ? 0 : __real_close(file);
}

struct conversation {
    size_t count;
    struct {
        enum gf_http_outcome outcome;
        int status;
        bool kept;
    } answers[ANSWERS];
};

static void listen_to(struct gf_bytes bytes, size_t piece, bool pauses, struct conversation *ret) {
    static struct gf_http http;
    http.socket = SOCKET;
    http.stop = -1;
    http.begin = http.end = 0;
    sent.bytes = bytes;
    sent.piece = piece;
    sent.pauses = pauses;
    sent.paused = false;
    memset(ret, 0, sizeof *ret);
    while (http.socket >= 0 && ret->count < ANSWERS) {
        int status = 0;
        size_t i = ret->count++;
        ret->answers[i].outcome = gf_http_read(&http, gf_http_now() + 100000, &status);
        ret->answers[i].status = status;
        ret->answers[i].kept = http.socket >= 0;
        GF_FUZZ_CHECK(http.begin <= http.end && http.end <= sizeof http.buffer);
        GF_FUZZ_CHECK(status == 0 || status >= 200);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct {
        size_t piece;
        bool pauses;
    } ways[] = {{1, true}, {1, false}, {7, false}, {4096, true}};
    static struct conversation whole, cut;
    struct gf_bytes bytes = {data, size};
    listen_to(bytes, SIZE_MAX, false, &whole);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        listen_to(bytes, ways[i].piece, ways[i].pauses, &cut);
        GF_FUZZ_CHECK(memcmp(&whole, &cut, sizeof whole) == 0);
    }
    return 0;
}
