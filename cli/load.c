#include "load.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* After a failure: a server that refuses connections must not be asked ten thousand times a second
 */
enum { PAUSE_US = 20000, STACK = 256 * 1024 };

struct client {
    struct gf_load *load;
    pthread_t thread;
    int number;
    struct gf_endpoint endpoint; /* each moves the address that works to its own front */
    struct gf_load_result result;
};

struct gf_load {
    const struct gf_load_plan *plan;
    int stop; /* an eventfd that nobody reads: once written to, it stays readable */
    int64_t begun;
    atomic_ullong answers;
    int started;
    struct client clients[];
};

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* False: it is over. */
static bool wait_until(const struct gf_load *load, int64_t moment) {
    struct pollfd polled = {load->stop, POLLIN, 0};
    int64_t left = moment - now_us();
    if (left < 0)
        left = 0;
    struct timespec timeout = {left / 1000000, left % 1000000 * 1000};
    return ppoll(&polled, 1, &timeout, NULL) == 0;
}

static void count(struct client *client, enum gf_http_outcome outcome, int status, int64_t due) {
    struct gf_load_result *result = &client->result;
    if (outcome != GF_HTTP_ANSWERED) {
        result->failures++;
        result->failed_with = outcome;
        return;
    }
    result->answers++;
    atomic_fetch_add_explicit(&client->load->answers, 1, memory_order_relaxed);
    gf_histogram_add(&result->latency, (uint64_t)(now_us() - due));
    if (status >= 400) {
        result->refusals++;
        result->refused_with = status;
    }
}

static void *work(void *context) {
    struct client *client = context;
    struct gf_load *load = client->load;
    const struct gf_load_plan *plan = load->plan;
    struct gf_http http = {.socket = -1, .stop = load->stop};
    /* connections start spread over the pages and over the time between two requests */
    size_t page = (size_t)client->number * plan->path_count / (size_t)plan->connections;
    double gap = plan->rate > 0 ? 1e6 * plan->connections / plan->rate : 0;
    int64_t first = load->begun + (int64_t)(gap * client->number / plan->connections);
    for (uint64_t turn = 0;; turn++) {
        int64_t due = gap > 0 ? first + (int64_t)(gap * (double)turn) : now_us();
        int status = 0;
        if (!wait_until(load, due))
            break;
        enum gf_http_outcome outcome =
            gf_http_get(&http, &client->endpoint, plan->paths[(page + turn) % plan->path_count],
                        gf_http_now() + GF_LOAD_ANSWER_MS, &status);
        if (outcome == GF_HTTP_STOPPED)
            break;
        count(client, outcome, status, due);
        if (outcome != GF_HTTP_ANSWERED && !wait_until(load, now_us() + PAUSE_US))
            break;
    }
    gf_http_close(&http);
    return NULL;
}

static bool start_client(struct gf_load *load, const pthread_attr_t *attributes) {
    struct client *client = &load->clients[load->started];
    client->load = load;
    client->number = load->started;
    client->endpoint = load->plan->endpoint;
    int error = pthread_create(&client->thread, attributes, work, client);
    load->started += error == 0;
    errno = error;
    return error == 0;
}

struct gf_load *gf_load_start(const struct gf_load_plan *plan) {
    size_t clients = (size_t)plan->connections;
    struct gf_load *load = calloc(1, sizeof *load + clients * sizeof load->clients[0]);
    pthread_attr_t attributes;
    sigset_t all, before;
    if (!load)
        return NULL;
    load->plan = plan;
    load->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    load->begun = now_us();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    bool good = load->stop >= 0;
    while (good && load->started < plan->connections)
        good = start_client(load, &attributes);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (good)
        return load;
    int error = errno;
    struct gf_load_result nothing;
    gf_load_finish(load, &nothing);
    errno = error;
    return NULL;
}

uint64_t gf_load_answers(struct gf_load *load) {
    return atomic_load_explicit(&load->answers, memory_order_relaxed);
}

static void add(struct gf_load_result *sum, const struct gf_load_result *part) {
    sum->answers += part->answers;
    sum->refusals += part->refusals;
    sum->failures += part->failures;
    if (part->refused_with)
        sum->refused_with = part->refused_with;
    if (part->failures)
        sum->failed_with = part->failed_with;
    gf_histogram_merge(&sum->latency, &part->latency);
}

void gf_load_finish(struct gf_load *load, struct gf_load_result *ret) {
    const uint64_t one = 1;
    memset(ret, 0, sizeof *ret);
    ret->seconds = (double)(now_us() - load->begun) / 1e6;
    if (load->stop >= 0 && write(load->stop, &one, sizeof one) < 0)
        ret->failures++; /* cannot happen: an eventfd has room for the first one */
    for (int i = 0; i < load->started; i++) {
        pthread_join(load->clients[i].thread, NULL);
        add(ret, &load->clients[i].result);
    }
    if (load->stop >= 0)
        close(load->stop);
    free(load);
}
