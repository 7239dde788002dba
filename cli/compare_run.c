/* compare.h: one server in one mode: started, asked, sampled, stopped. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"
#include "interrupt.h"
#include "library.h"
#include "say.h"

enum { TRY_MS = 50, LAST_WORDS = 12, NOTES = 3 };

static const struct mode {
    const char *word, *mode;
    bool reshare, warmup;
} modes[] = {
#define MODE(identifier, word, mode, reshare, warmup) {word, mode, reshare, warmup},
    GF_VARIANTS(MODE)
#undef MODE
};

const char *gf_variant_word(enum gf_variant mode) {
    return modes[mode].word;
}

static double seconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* False: the user has enough. */
static bool wait_until(double moment, int interrupt) {
    struct pollfd polled = {interrupt, POLLIN, 0};
    double left = moment - seconds_of(CLOCK_MONOTONIC);
    struct timespec timeout = {0};
    if (left > 0) {
        timeout.tv_sec = (time_t)left;
        timeout.tv_nsec = (long)((left - floor(left)) * 1e9);
    }
    return ppoll(&polled, 1, &timeout, NULL) == 0;
}

/* ---- starting ---- */

static bool start(const struct gf_comparison *comparison, const struct mode *mode,
                  struct gf_server *ret) {
    char *preload = gf_library_preload(comparison->library, getenv("LD_PRELOAD"));
    if (!preload)
        return false;
    const char *others = preload + strlen(comparison->library);
    const struct gf_variable variables[] = {
        {"LD_PRELOAD", mode->mode ? preload
                       : *others  ? others + 1
                                  : NULL},
        {"GCFREEZE_MODE", mode->mode},
        {"GCFREEZE_RESHARE", mode->reshare ? comparison->reshare : NULL},
        {"GCFREEZE_WARMUP", mode->warmup ? comparison->warmup : NULL},
        {NULL, NULL},
    };
    bool good = gf_server_start(comparison->command, variables, ret);
    int error = errno;
    free(preload);
    errno = error;
    return good;
}

/* A line of progress is not to be written over. */
static void leave_progress(void) {
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
}

static void complain_of_end(const struct gf_server *server, const char *mode, int status) {
    leave_progress();
    if (WIFSIGNALED(status))
        gf_say_error("mode %s: the server was ended by signal %d (%s)", mode, WTERMSIG(status),
                     strsignal(WTERMSIG(status)));
    else
        gf_say_error("mode %s: the server ended by itself, with exit code %d", mode,
                     WEXITSTATUS(status));
    gf_server_last_words(server, "", LAST_WORDS, stderr);
}

/* Waits for the first answer. */
static bool wait_for_answer(const struct gf_comparison *comparison, struct gf_server *server,
                            const char *mode, int interrupt) {
    static struct gf_http http;
    struct gf_endpoint endpoint = comparison->plan.endpoint;
    enum gf_http_outcome outcome = GF_HTTP_UNREACHABLE;
    long deadline = gf_http_now() + (long)(comparison->wait_seconds * 1000);
    int status = 0;
    http.socket = -1;
    http.stop = interrupt;
    while (gf_http_now() < deadline) {
        outcome = gf_http_get(&http, &endpoint, comparison->plan.paths[0], deadline, &status);
        gf_http_close(&http);
        if (outcome == GF_HTTP_ANSWERED)
            return true;
        if (outcome == GF_HTTP_STOPPED)
            return false;
        if (gf_server_ended(server, &status)) {
            complain_of_end(server, mode, status);
            return false;
        }
        if (!wait_until(seconds_of(CLOCK_MONOTONIC) + TRY_MS / 1e3, interrupt))
            return false;
    }
    leave_progress();
    gf_say_error("mode %s: no answer from %s within %.0f s: %s. Its last lines:", mode,
                 comparison->urls[0], comparison->wait_seconds, gf_http_sentence(outcome));
    gf_server_last_words(server, "", LAST_WORDS, stderr);
    return false;
}

/* Requests that another server answers would be measured as ours. */
static bool address_is_free(const struct gf_comparison *comparison, int interrupt) {
    static struct gf_http http;
    struct gf_endpoint endpoint = comparison->plan.endpoint;
    http.socket = -1;
    http.stop = interrupt;
    if (gf_http_connect(&http, &endpoint) != GF_HTTP_ANSWERED)
        return true;
    gf_http_close(&http);
    gf_say_error("%s: somebody accepts connections there already; end that server, or give this "
                 "one another address",
                 comparison->urls[0]);
    return false;
}

/* ---- all of it ---- */

static void say_progress(const struct gf_comparison *comparison, const struct gf_measured *measured,
                         struct gf_load *load, bool last) {
    const struct gf_sample *sample = gf_measured_last(measured);
    bool terminal = isatty(STDERR_FILENO);
    if (!sample || (!terminal && !last))
        return;
    fprintf(stderr, "%s%-8s %3.0f of %.0f s  %.1f MB in %zu process%s", terminal ? "\r" : "",
            gf_variant_word(measured->mode), fmin(sample->seconds, comparison->seconds),
            comparison->seconds, (double)sample->tree_kib / 1024, sample->processes,
            sample->processes == 1 ? "" : "es");
    if (load)
        fprintf(stderr, "  %llu answers", (unsigned long long)gf_load_answers(load));
    fprintf(stderr, "%s%s", terminal ? "\033[K" : "", last ? "\n" : "");
}

static void say_starting(const struct gf_measured *measured) {
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "%-8s starting...\033[K", gf_variant_word(measured->mode));
}

static bool observe(const struct gf_comparison *comparison, struct gf_measured *measured,
                    struct gf_server *server, struct gf_load *load, double began, int interrupt) {
    /* sixty samples, but not so often that sampling itself is what is measured */
    double every = fmin(fmax(comparison->seconds / 60, 0.2), 5);
    bool going = true;
    double next = began;
    int status;
    while (going && next < began + comparison->seconds) {
        gf_compare_sample(measured, server, began);
        say_progress(comparison, measured, load, false);
        next = fmax(next + every, seconds_of(CLOCK_MONOTONIC));
        going = wait_until(fmin(next, began + comparison->seconds), interrupt);
        if (going && gf_server_ended(server, &status)) {
            if (!load && status == 0 && measured->sample_count > 0)
                return true; /* a program that has done its work */
            complain_of_end(server, gf_variant_word(measured->mode), status);
            going = false;
        }
    }
    if (server->keeper > 0)
        gf_compare_sample(measured, server, began);
    say_progress(comparison, measured, load, true);
    return going;
}

/* What the library warned of, and what makes the figures mean less. */
static void take_notes(struct gf_measured *measured, const struct gf_server *server) {
    FILE *notes = fmemopen(measured->notes, sizeof measured->notes, "w");
    if (!notes)
        return;
    if (modes[measured->mode].mode && measured->freezes == 0 && measured->sample_count > 0)
        fputs("nothing was frozen: the library is not in these processes, or no worker was "
              "forked; gcfreeze doctor says more\n",
              notes);
    if (modes[measured->mode].warmup && measured->warmup.done == 0 && measured->sample_count > 0)
        fputs("nothing was warmed up\n", notes);
    if (measured->warmup.left_out > 0)
        fprintf(notes, "%ld of %ld pages and functions of the warm-up were left out\n",
                measured->warmup.left_out, measured->warmup.done + measured->warmup.left_out);
    if (measured->closed > 0)
        fprintf(notes,
                "the memory of %zu processes may not be read and is missing: run as the server's "
                "user\n",
                measured->closed);
    if (measured->load.refusals > 0)
        fprintf(notes, "%llu of %llu answers were errors, such as %d\n",
                (unsigned long long)measured->load.refusals,
                (unsigned long long)measured->load.answers, measured->load.refused_with);
    if (measured->load.failures > 0)
        fprintf(notes, "%llu requests failed: %s\n", (unsigned long long)measured->load.failures,
                gf_http_sentence(measured->load.failed_with));
    gf_server_last_words(server, "gcfreeze[", NOTES, notes);
    fclose(notes);
}

bool gf_compare_run(const struct gf_comparison *comparison, struct gf_measured *measured,
                    int interrupt) {
    const char *word = gf_variant_word(measured->mode);
    const bool asks = comparison->url_count > 0;
    struct gf_server server;
    struct gf_load *load = NULL;
    measured->first_answer = -1;
    if (asks && !address_is_free(comparison, interrupt))
        return false;
    double began = seconds_of(CLOCK_MONOTONIC);
    if (!start(comparison, &modes[measured->mode], &server)) {
        gf_say_error("%s: cannot be started: %s", comparison->command[0], strerror(errno));
        return false;
    }
    say_starting(measured);
    bool good = !asks || wait_for_answer(comparison, &server, word, interrupt);
    if (good && asks) {
        double now = seconds_of(CLOCK_MONOTONIC);
        measured->first_answer = now - began;
        began = now;
        load = gf_load_start(&comparison->plan);
        if (!load)
            gf_say_error("%d connections: %s", comparison->plan.connections, strerror(errno));
        good = load != NULL;
    }
    if (good)
        measured->complete = good = observe(comparison, measured, &server, load, began, interrupt);
    if (load) {
        gf_load_finish(load, &measured->load);
        measured->loaded = true;
    }
    gf_interrupt_take(interrupt); /* the next one means: hurry */
    gf_server_stop(&server, interrupt);
    take_notes(measured, &server);
    gf_server_release(&server);
    return good;
}
