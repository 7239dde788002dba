/* Requests that are put on a server: N connections, each asks for one page after the other. */
#ifndef GF_CLI_LOAD_H
#define GF_CLI_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"
#include "http.h"

enum { GF_LOAD_CONNECTIONS = 1024, GF_LOAD_ANSWER_MS = 30000 };

struct gf_load_plan {
    struct gf_endpoint endpoint;
    const char *const *paths; /* are asked for in turn, by each connection from another one on */
    size_t path_count;
    int connections; /* 1 to GF_LOAD_CONNECTIONS */
    double rate;     /* requests a second of all together; 0: each asks again at once */
};

/* What came of it. Latencies are of complete answers: from the moment a request was due (with a
 * rate) or begun, connecting included, to the last byte. */
struct gf_load_result {
    uint64_t answers;
    uint64_t refusals; /* of these, with a status of 400 or more */
    int refused_with;  /* the last such status */
    uint64_t failures; /* no complete answer */
    enum gf_http_outcome failed_with;
    double seconds;
    struct gf_histogram latency;
};

/* Starts threads, with all signals blocked; `plan` must stay. NULL with errno. */
struct gf_load *gf_load_start(const struct gf_load_plan *plan);

/* Answers so far. */
uint64_t gf_load_answers(struct gf_load *load);

/* Stops at once; requests that are under way do not count. Frees `load`. */
void gf_load_finish(struct gf_load *load, struct gf_load_result *ret);

#endif
