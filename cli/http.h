/* As much of HTTP/1.1 as it takes to ask a server for pages: GET, answers of a known length, in
 * chunks or up to the end of the connection, connections that are kept. */
#ifndef GF_CLI_HTTP_H
#define GF_CLI_HTTP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { GF_HTTP_ADDRESSES = 8 };

/* Where a server listens. The first address is tried first. */
struct gf_endpoint {
    union gf_address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } addresses[GF_HTTP_ADDRESSES];
    socklen_t sizes[GF_HTTP_ADDRESSES];
    int count;
    char host[280]; /* for the Host header: name or name:port */
};

/* Splits http://host[:port]/path and looks its addresses up; with `unix_socket`, the host is only
 * for the header. `*ret_path` points into `url`, or to "/". False after an error. */
bool gf_http_endpoint(const char *url, const char *unix_socket, struct gf_endpoint *ret,
                      const char **ret_path);

enum gf_http_outcome {
    GF_HTTP_ANSWERED,
    GF_HTTP_UNREACHABLE, /* nobody accepts connections there */
    GF_HTTP_CLOSED,      /* before the first byte of an answer */
    GF_HTTP_BROKEN,      /* what came is no answer, or not all of one */
    GF_HTTP_LATE,        /* not complete in time */
    GF_HTTP_STOPPED      /* `stop` became readable */
};

/* One connection. Starts with socket -1. */
struct gf_http {
    int socket;
    int stop; /* a descriptor that ends all waiting when it becomes readable */
    size_t begin, end;
    char buffer[16384];
};

/* Connects to an address that accepts, and moves it to the front. */
enum gf_http_outcome gf_http_connect(struct gf_http *http, struct gf_endpoint *endpoint);

/* Reads one answer; `deadline` is in milliseconds of CLOCK_MONOTONIC. Closes the connection unless
 * the answer was complete and the server keeps it. */
enum gf_http_outcome gf_http_read(struct gf_http *http, long deadline, int *ret_status);

/* A whole request: connects if need be, asks and reads. A kept connection that the server closed
 * meanwhile is opened anew, as every client does. */
enum gf_http_outcome gf_http_get(struct gf_http *http, struct gf_endpoint *endpoint,
                                 const char *path, long deadline, int *ret_status);

void gf_http_close(struct gf_http *http);

long gf_http_now(void); /* milliseconds of CLOCK_MONOTONIC */

/* "nobody accepts connections", ... */
const char *gf_http_sentence(enum gf_http_outcome outcome);

#endif
