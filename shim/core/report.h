/* One line per fork, and lines for the operator: as text or as JSON.
 *
 * The JSON fields and their types are a promise that "v" numbers; docs/architecture.md lists them.
 * Phase: load (init), attach, and after the fork in the parent; never the child before its fork is
 * over.
 */
#ifndef GF_CORE_REPORT_H
#define GF_CORE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/log.h"
#include "core/config.h"
#include "gcfreeze.h"
#include "process/caller.h"

struct gf_event {
    int64_t unix_ms;
    pid_t pid;
    pid_t child; /* -1: the fork failed */
    bool frozen;
    enum gcfreeze_reason reason;
    enum gf_caller caller;
    const char *script;
    const char *python;
    long tracked; /* -1: unknown */
    const char *mode_why;
    bool immortal; /* the mode; then the next two are set */
    long marked;   /* objects made immortal */
    bool complete; /* false: the walk ran out of memory */
    int64_t collect_us, freeze_us, immortal_us, fork_us;
    int error; /* errno of a fork that failed */

    bool reshared;                 /* arenas were to be copied; then the next three are set */
    enum gcfreeze_reason snapshot; /* NONE, or why not all of them were */
    long snapshot_bytes;
    int64_t snapshot_us;
};

/* A pass over copied pages. */
struct gf_pass_event {
    pid_t pid;
    bool running;                /* it is not over, and the figures are what it has done so far */
    enum gcfreeze_reason reason; /* NONE, or why it ended early or did not begin; of one that is
                                    running: NONE, or what disturbed it last */
    const char *script;
    const char *python;
    long given, kept; /* pages */
    int64_t pass_us;
    long page_size; /* bytes */
};

/* A warm-up that is over. */
struct gf_warmup_event {
    pid_t pid;
    const char *script;
    const char *python;
    long done, left_out;  /* pages and functions */
    const char *statuses; /* of those that are done: "200:2 302:1 function:1" */
    int64_t trial_us, parent_us;
    long bytes; /* what the process's memory grew by */
};

/* Writes the event into `buffer`, without a newline. */
void gf_report_format(const struct gf_event *event, enum gf_log_format format, char *buffer,
                      size_t size);

/* Logs an event in the configured format. */
void gf_report_event(const struct gf_config *config, enum gf_log_level level,
                     const struct gf_event *event);

/* Logs a pass, at GF_LOG_INFO. Phase: a waiting process. */
void gf_report_pass(const struct gf_config *config, const struct gf_pass_event *event);

/* Logs a warm-up, at GF_LOG_INFO. Phase: before a fork. */
void gf_report_warmup(const struct gf_config *config, const struct gf_warmup_event *event);

/* Logs a sentence in the configured format. */
void gf_report_message(const struct gf_config *config, enum gf_log_level level,
                       const char *sentence);

#endif
