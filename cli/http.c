#include "http.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 8192, CONNECT_MS = 5000 };

long gf_http_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *gf_http_sentence(enum gf_http_outcome outcome) {
    static const char *const sentences[] = {
        "it answered",
        "nobody accepts connections there",
        "it closes the connection without an answer",
        "what it sends is no HTTP answer, or not all of one",
        "it accepts connections and does not answer",
        "stopped",
    };
    return sentences[outcome];
}

static enum gf_http_outcome wait_for(const struct gf_http *http, short events, long deadline) {
    struct pollfd polled[] = {{http->socket, events, 0}, {http->stop, POLLIN, 0}};
    for (;;) {
        long left = deadline - gf_http_now();
        if (left <= 0)
            return GF_HTTP_LATE;
        int ready = poll(polled, 2, (int)left);
        if (ready < 0 && errno != EINTR)
            return GF_HTTP_BROKEN;
        if (ready > 0 && polled[1].revents)
            return GF_HTTP_STOPPED;
        if (ready > 0 && polled[0].revents)
            return GF_HTTP_ANSWERED;
    }
}

void gf_http_close(struct gf_http *http) {
    if (http->socket >= 0)
        close(http->socket);
    http->socket = -1;
    http->begin = http->end = 0;
}

static enum gf_http_outcome connect_to(struct gf_http *http, const union gf_address *address,
                                       socklen_t size) {
    int error = 0;
    socklen_t length = sizeof error;
    int on = 1;
    enum gf_http_outcome outcome = GF_HTTP_ANSWERED;
    http->socket = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (http->socket < 0)
        return GF_HTTP_UNREACHABLE;
    if (address->any.sa_family != AF_UNIX)
        setsockopt(http->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(http->socket, &address->any, size) != 0) {
        if (errno == EINPROGRESS) {
            outcome = wait_for(http, POLLOUT, gf_http_now() + CONNECT_MS);
            if (outcome == GF_HTTP_ANSWERED &&
                (getsockopt(http->socket, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error))
                outcome = GF_HTTP_UNREACHABLE;
        } else {
            outcome = GF_HTTP_UNREACHABLE; /* EAGAIN too: a unix socket whose backlog is full */
        }
    }
    if (outcome != GF_HTTP_ANSWERED)
        gf_http_close(http);
    return outcome;
}

enum gf_http_outcome gf_http_connect(struct gf_http *http, struct gf_endpoint *endpoint) {
    enum gf_http_outcome outcome = GF_HTTP_UNREACHABLE;
    for (int i = 0; i < endpoint->count; i++) {
        outcome = connect_to(http, &endpoint->addresses[i], endpoint->sizes[i]);
        if (outcome == GF_HTTP_ANSWERED && i > 0) {
            union gf_address address = endpoint->addresses[0];
            socklen_t size = endpoint->sizes[0];
            endpoint->addresses[0] = endpoint->addresses[i];
            endpoint->sizes[0] = endpoint->sizes[i];
            endpoint->addresses[i] = address;
            endpoint->sizes[i] = size;
        }
        if (outcome == GF_HTTP_ANSWERED || outcome == GF_HTTP_STOPPED)
            break;
    }
    return outcome;
}

/* ---- reading ---- */

/* More bytes into the buffer, which is empty or has room. */
static enum gf_http_outcome fill(struct gf_http *http, long deadline) {
    if (http->begin == http->end)
        http->begin = http->end = 0;
    if (http->begin > 0) {
        memmove(http->buffer, http->buffer + http->begin, http->end - http->begin);
        http->end -= http->begin;
        http->begin = 0;
    }
    if (gf_http_now() >= deadline)
        return GF_HTTP_LATE; /* there may always be more, so that nothing ever waits */
    for (;;) {
        ssize_t got =
            recv(http->socket, http->buffer + http->end, sizeof http->buffer - http->end, 0);
        if (got > 0) {
            http->end += (size_t)got;
            return GF_HTTP_ANSWERED;
        }
        if (got == 0)
            return GF_HTTP_CLOSED;
        if (errno == ECONNRESET)
            return GF_HTTP_CLOSED;
        if (errno != EAGAIN && errno != EINTR)
            return GF_HTTP_BROKEN;
        enum gf_http_outcome outcome = wait_for(http, POLLIN, deadline);
        if (outcome != GF_HTTP_ANSWERED)
            return outcome;
    }
}

/* A line without its end, in `line`. */
static enum gf_http_outcome read_line(struct gf_http *http, long deadline, char *line) {
    for (;;) {
        size_t length = http->end - http->begin;
        char *start = http->buffer + http->begin;
        char *newline = memchr(start, '\n', length);
        if (newline) {
            length = (size_t)(newline - start);
            if (length >= LINE)
                return GF_HTTP_BROKEN;
            http->begin += length + 1;
            length -= length > 0 && start[length - 1] == '\r';
            memcpy(line, start, length);
            line[length] = '\0';
            return GF_HTTP_ANSWERED;
        }
        if (length >= LINE)
            return GF_HTTP_BROKEN;
        enum gf_http_outcome outcome = fill(http, deadline);
        if (outcome != GF_HTTP_ANSWERED)
            return outcome == GF_HTTP_CLOSED && length > 0 ? GF_HTTP_BROKEN : outcome;
    }
}

static enum gf_http_outcome skip(struct gf_http *http, long deadline, unsigned long long bytes) {
    while (bytes > 0) {
        size_t here = http->end - http->begin;
        if (here == 0) {
            enum gf_http_outcome outcome = fill(http, deadline);
            if (outcome != GF_HTTP_ANSWERED)
                return outcome;
            continue;
        }
        if (here > bytes)
            here = (size_t)bytes;
        http->begin += here;
        bytes -= here;
    }
    return GF_HTTP_ANSWERED;
}

static enum gf_http_outcome skip_chunks(struct gf_http *http, long deadline) {
    char line[LINE];
    unsigned long long size;
    do {
        char *end;
        enum gf_http_outcome outcome = read_line(http, deadline, line);
        if (outcome != GF_HTTP_ANSWERED)
            return outcome;
        size = strtoull(line, &end, 16);
        if (end == line)
            return GF_HTTP_BROKEN;
        outcome = skip(http, deadline, size);
        /* the line's end after a chunk; after the last one there may be headers first */
        while (outcome == GF_HTTP_ANSWERED) {
            outcome = read_line(http, deadline, line);
            if (outcome == GF_HTTP_ANSWERED && !line[0])
                break;
            if (outcome == GF_HTTP_ANSWERED && size > 0)
                return GF_HTTP_BROKEN;
        }
        if (outcome != GF_HTTP_ANSWERED)
            return outcome;
    } while (size > 0);
    return GF_HTTP_ANSWERED;
}

struct head {
    int status;
    bool keep, chunked, sized;
    unsigned long long size;
};

/* The value of a header line if it is that header. */
static const char *header(const char *line, const char *name) {
    size_t length = strlen(name);
    if (strncasecmp(line, name, length) != 0 || line[length] != ':')
        return NULL;
    line += length + 1;
    return line + strspn(line, " \t");
}

static enum gf_http_outcome read_head(struct gf_http *http, long deadline, struct head *ret) {
    char line[LINE];
    int minor = 0;
    enum gf_http_outcome outcome = read_line(http, deadline, line);
    if (outcome != GF_HTTP_ANSWERED)
        return outcome;
    *ret = (struct head){0};
    if (sscanf(line, "HTTP/1.%d %d", &minor, &ret->status) != 2 || ret->status < 100)
        return GF_HTTP_BROKEN;
    ret->keep = minor > 0;
    while ((outcome = read_line(http, deadline, line)) == GF_HTTP_ANSWERED && line[0]) {
        const char *value;
        if ((value = header(line, "Content-Length"))) {
            ret->sized = true;
            ret->size = strtoull(value, NULL, 10);
        } else if ((value = header(line, "Transfer-Encoding"))) {
            ret->chunked = strcasestr(value, "chunked") != NULL;
        } else if ((value = header(line, "Connection"))) {
            ret->keep = strcasecmp(value, "close") != 0 &&
                        (ret->keep || strcasecmp(value, "keep-alive") == 0);
        }
    }
    return outcome == GF_HTTP_CLOSED ? GF_HTTP_BROKEN : outcome;
}

enum gf_http_outcome gf_http_read(struct gf_http *http, long deadline, int *ret_status) {
    struct head head;
    enum gf_http_outcome outcome;
    do { /* 100 Continue and the like announce the answer */
        outcome = read_head(http, deadline, &head);
    } while (outcome == GF_HTTP_ANSWERED && head.status < 200);
    if (outcome == GF_HTTP_ANSWERED) {
        bool empty = head.status == 204 || head.status == 304;
        if (head.chunked && !empty) {
            outcome = skip_chunks(http, deadline);
        } else if (head.sized || empty) {
            outcome = skip(http, deadline, empty ? 0 : head.size);
        } else { /* up to the end of the connection */
            head.keep = false;
            do {
                http->begin = http->end;
                outcome = fill(http, deadline);
            } while (outcome == GF_HTTP_ANSWERED);
            outcome = outcome == GF_HTTP_CLOSED ? GF_HTTP_ANSWERED : outcome;
        }
        outcome = outcome == GF_HTTP_CLOSED ? GF_HTTP_BROKEN : outcome;
    }
    if (outcome != GF_HTTP_ANSWERED || !head.keep)
        gf_http_close(http);
    if (outcome == GF_HTTP_ANSWERED)
        *ret_status = head.status;
    return outcome;
}

static enum gf_http_outcome ask(struct gf_http *http, const char *host, const char *path,
                                long deadline) {
    char request[LINE];
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: gcfreeze/" GF_VERSION
                        "\r\nAccept: */*\r\n\r\n",
                        path, host);
    if (size >= (int)sizeof request)
        return GF_HTTP_BROKEN;
    for (size_t sent = 0; sent < (size_t)size;) {
        ssize_t done = send(http->socket, request + sent, (size_t)size - sent, MSG_NOSIGNAL);
        if (done > 0) {
            sent += (size_t)done;
        } else if (errno == EAGAIN || errno == EINTR) {
            enum gf_http_outcome outcome = wait_for(http, POLLOUT, deadline);
            if (outcome != GF_HTTP_ANSWERED)
                return outcome;
        } else {
            return GF_HTTP_CLOSED;
        }
    }
    return GF_HTTP_ANSWERED;
}

enum gf_http_outcome gf_http_get(struct gf_http *http, struct gf_endpoint *endpoint,
                                 const char *path, long deadline, int *ret_status) {
    for (;;) {
        bool kept = http->socket >= 0;
        enum gf_http_outcome outcome = kept ? GF_HTTP_ANSWERED : gf_http_connect(http, endpoint);
        if (outcome != GF_HTTP_ANSWERED)
            return outcome;
        outcome = ask(http, endpoint->host, path, deadline);
        if (outcome == GF_HTTP_ANSWERED)
            outcome = gf_http_read(http, deadline, ret_status);
        if (outcome == GF_HTTP_ANSWERED)
            return outcome;
        gf_http_close(http);
        if (!(kept && outcome == GF_HTTP_CLOSED))
            return outcome;
    }
}
