/* What there is to say about a process of a tree in numbers, one row each: for JSON and for
 * Prometheus. Bytes and seconds. */
#ifndef GF_CLI_FIGURES_H
#define GF_CLI_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tree.h"

enum gf_kind {
    GF_GAUGE,
    GF_COUNTER, /* it only grows as long as the process lives */
    GF_TRUTH    /* 0 or 1 */
};

struct gf_figure {
    const char *name;
    enum gf_kind kind;
    const char *help;
    /* false: it is not known of this process */
    bool (*get)(const struct gf_member *member, double *ret);
};

extern const struct gf_figure gf_figures[];
extern const size_t gf_figure_count;

/* Did the library warm this process up (GCFREEZE_WARMUP), or try to? Its workers start from zero.
 */
bool gf_figure_warmed(const struct gf_member *member);

/* A whole number as one, anything else with six digits behind the point. */
void gf_figure_print(FILE *stream, double value);

/* The word for a reason, "reason-40" for one of a newer library. Static storage. */
const char *gf_figure_reason(int reason);

/* What it means; for one of a newer library, that this program does not know it. */
const char *gf_figure_meaning(int reason);

/* All of a view. */
void gf_json_print(FILE *stream, const struct gf_view *view);
void gf_prometheus_print(FILE *stream, const struct gf_view *view);

/* Writes the latter to a file that readers see whole, the old one or the new one. False after an
 * error. */
bool gf_prometheus_write(const char *path, const struct gf_view *view);

#endif
