/* A log of the library (GCFREEZE_LOG_FORMAT=json): docs/architecture.md, "Events". */
#ifndef GF_CLI_EVENTS_H
#define GF_CLI_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

enum gf_event_kind {
    GF_EVENT_FREEZE,
    GF_EVENT_SKIP,
    GF_EVENT_PASS,    /* one that is over, or why there was none */
    GF_EVENT_RUNNING, /* a pass that is not over */
    GF_EVENT_WARMUP,
    GF_EVENT_MESSAGE
};
enum { GF_EVENT_KINDS = GF_EVENT_MESSAGE + 1 };

/* One line. A number that is missing or null is -1, a text that is missing is empty. */
struct gf_logged {
    enum gf_event_kind kind;
    double time; /* seconds since 1970 */
    pid_t pid, child;
    /* the outcome of a copying (`snapshot`) or a pass (`reason`) is "ok" if it did all */
    char reason[32], caller[20], script[48], python[16], mode[12], snapshot[32], level[8];
    char *message;
    long error, tracked, immortal, collect_us, freeze_us, immortal_us, fork_us;
    long snapshot_bytes, snapshot_us;
    long given, kept, page_size; /* pages, and bytes of one; after gf_events_read, `given` is what
                                    came since the line before of the same pass */
    long pass_us;
    long done, left_out, trial_us, parent_us, bytes; /* of a warm-up */
    char statuses[64];                               /* "200: 5, function: 1" */
    bool partly;                                     /* not all objects were made immortal */
};

struct gf_events {
    struct gf_logged *list; /* by time */
    size_t count, room;
    size_t lines;  /* that are not empty */
    size_t broken; /* of these, those that are no event of a version that is known */
};

/* Reads to the end. False with errno: the stream cannot be read, or ENOMEM. */
bool gf_events_read(FILE *stream, struct gf_events *ret);
void gf_events_release(struct gf_events *events);

/* What a pass gave back; 0 for other events. Before a line told the size of a page, it was 4096. */
double gf_events_given_bytes(const struct gf_logged *event);

/* One line without its newline; false: it is no event. `ret->message` is allocated. */
bool gf_events_parse(const char *line, struct gf_logged *ret);

#endif
