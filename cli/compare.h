/* gcfreeze compare: one server, several modes, the same requests. */
#ifndef GF_CLI_COMPARE_H
#define GF_CLI_COMPARE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "load.h"
#include "server.h"

/* MODE(identifier, word, GCFREEZE_MODE or NULL: without the library, whether GCFREEZE_RESHARE,
 * whether GCFREEZE_WARMUP) */
#define GF_VARIANTS(MODE)                                                                          \
    MODE(OFF, "off", NULL, false, false)                                                           \
    MODE(FREEZE, "freeze", "freeze", false, false)                                                 \
    MODE(IMMORTAL, "immortal", "immortal", false, false)                                           \
    MODE(RESHARE, "reshare", "freeze", true, false)                                                \
    MODE(FULL, "full", "immortal", true, false)                                                    \
    MODE(WARM, "warm", "auto", false, true)

enum gf_variant {
#define MODE(identifier, word, mode, reshare, warmup) GF_VARIANT_##identifier,
    GF_VARIANTS(MODE)
#undef MODE
        GF_VARIANT_COUNT
};

struct gf_worker {
    pid_t pid;
    long own_kib;
    long copied_kib; /* of its parent's memory; the rest is new since the fork. -1: not known */
};

/* The server at one moment. */
struct gf_sample {
    double seconds;           /* since its first answer; without a URL, since it was started */
    double unix_time;         /* seconds since 1970 */
    long tree_kib, group_kib; /* as in tree.h, without the keeper */
    size_t processes, workers;
    double own_mean;              /* KiB, of the workers */
    double new_mean, copied_mean; /* the two parts of it; -1: not known of all of them */
    long own_least, own_most;
};

/* What a server did in one mode. Memory figures are those of the last sample. */
struct gf_measured {
    enum gf_variant mode;
    bool complete;       /* it was measured for as long as it should be */
    double first_answer; /* seconds from the start; -1: nobody asked */
    struct gf_sample *samples;
    size_t sample_count, sample_room;
    struct gf_worker *workers; /* of the last sample, by pid */
    size_t worker_count;
    size_t closed; /* processes whose memory may not be read */
    bool loaded;   /* the load's figures are there */
    struct gf_load_result load;
    char python[32]; /* what the library said about itself; empty: nothing */
    uint64_t freezes, given_back_pages, snapshot_kib;
    struct {                 /* of the process that forked the workers */
        long done, left_out; /* pages and functions */
        int64_t trial_us, parent_us, bytes;
    } warmup;
    char notes[2048]; /* sentences, one a line */
};

struct gf_comparison {
    char **command;
    const char *library;
    const char *const *urls; /* as they were given */
    size_t url_count;        /* 0: only memory is measured */
    const char *reshare;     /* GCFREEZE_RESHARE of the modes that have it */
    const char *warmup;      /* GCFREEZE_WARMUP of the mode that has it; NULL: none was asked for */
    double seconds, wait_seconds;
    struct gf_load_plan plan;
    double began; /* seconds since 1970 */
    double load_average;
    struct gf_measured measured[GF_VARIANT_COUNT];
    size_t count;
};

const char *gf_variant_word(enum gf_variant mode);

/* "30 s of requests over 8 connections": how long and with what it was measured. */
void gf_compare_setup(const struct gf_comparison *comparison, char *buffer, size_t size);

/* Runs the server in `measured->mode` and fills the rest. `interrupt` is a descriptor that becomes
 * readable when the user has enough (interrupt.h). False: the server did not start or ended, after
 * an error; or the user has enough. What was measured until then stays. */
bool gf_compare_run(const struct gf_comparison *comparison, struct gf_measured *measured,
                    int interrupt);

/* One more sample of a running server; `began` is of CLOCK_MONOTONIC. False: there is nothing of
 * it, or no memory. */
bool gf_compare_sample(struct gf_measured *measured, const struct gf_server *server, double began);

/* What one mode spares in comparison with the first one, in percent; false: nothing to compare. */
bool gf_compare_saving(double before, double now, double *ret_percent);

const struct gf_sample *gf_measured_last(const struct gf_measured *measured); /* may be NULL */

void gf_compare_print_table(const struct gf_comparison *comparison, FILE *stream);
void gf_compare_print_json(const struct gf_comparison *comparison, FILE *stream);
void gf_compare_print_page(const struct gf_comparison *comparison, FILE *stream);

/* For the page: its plots; a mode's class in the style sheet; figures with their units. */
void gf_compare_print_plots(const struct gf_comparison *comparison, FILE *stream);
const char *gf_compare_colour(const struct gf_measured *measured);
void gf_compare_put_memory(char *buffer, size_t size, double kib);
void gf_compare_put_time(char *buffer, size_t size, double microseconds);

#endif
