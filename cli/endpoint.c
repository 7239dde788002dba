/* http.h: where a server listens. */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http.h"
#include "say.h"

static bool add_local(const char *path, struct gf_endpoint *ret) {
    struct sockaddr_un *address = &ret->addresses[0].local;
    if (strlen(path) >= sizeof address->sun_path) {
        gf_say_error("--unix-socket=%s: the path of a socket has at most %zu bytes", path,
                     sizeof address->sun_path - 1);
        return false;
    }
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, path);
    ret->sizes[0] = sizeof *address;
    ret->count = 1;
    return true;
}

static bool look_up(const char *host, const char *port, struct gf_endpoint *ret) {
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        gf_say_error("%s: no address of it is known: %s", host, gai_strerror(error));
        return false;
    }
    for (struct addrinfo *a = found; a && ret->count < GF_HTTP_ADDRESSES; a = a->ai_next) {
        if (a->ai_addrlen > sizeof *ret->addresses)
            continue;
        memcpy(&ret->addresses[ret->count], a->ai_addr, a->ai_addrlen);
        ret->sizes[ret->count++] = a->ai_addrlen;
    }
    freeaddrinfo(found);
    return ret->count > 0;
}

bool gf_http_endpoint(const char *url, const char *unix_socket, struct gf_endpoint *ret,
                      const char **ret_path) {
    static const char scheme[] = "http://";
    char host[256];
    const char *port = "80";
    *ret = (struct gf_endpoint){0};
    if (strncasecmp(url, scheme, sizeof scheme - 1) != 0) {
        gf_say_error("%s: only http:// is spoken here; give the port where the server itself "
                     "speaks it, or --unix-socket=PATH",
                     url);
        return false;
    }
    url += sizeof scheme - 1;
    size_t length = strcspn(url, "/?#");
    if (length == 0 || length >= sizeof host || url[strcspn(url, " \t\r\n")]) {
        gf_say_error("http://%s: this is no address of a page", url);
        return false;
    }
    memcpy(ret->host, url, length);
    memcpy(host, url, length);
    host[length] = '\0';
    *ret_path = url[length] == '/' ? url + length : "/";
    char *name = host;
    char *rest = strchr(host, ':');
    if (host[0] == '[') { /* [::1]:8000 */
        char *bracket = strchr(host, ']');
        rest = bracket ? bracket + 1 : NULL;
        if (bracket)
            *bracket = '\0';
        name++;
    }
    if (rest && *rest == ':') {
        *rest = '\0';
        port = rest + 1;
    }
    return unix_socket ? add_local(unix_socket, ret) : look_up(name, port, ret);
}
