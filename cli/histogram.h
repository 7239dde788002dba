/* How often each latency was seen, within 1 % of its value, in a fixed amount of memory. */
#ifndef GF_CLI_HISTOGRAM_H
#define GF_CLI_HISTOGRAM_H

#include <stdint.h>

/* Microseconds below 256 have a place each; above, each doubling is divided into 128. */
enum { GF_HISTOGRAM_PLACES = 256 + 32 * 128 };

/* Starts as zeros. */
struct gf_histogram {
    uint64_t counts[GF_HISTOGRAM_PLACES];
    uint64_t total;
    uint64_t longest; /* microseconds, exactly */
};

/* More than twelve days count as twelve days. */
void gf_histogram_add(struct gf_histogram *histogram, uint64_t microseconds);

void gf_histogram_merge(struct gf_histogram *histogram, const struct gf_histogram *other);

/* Microseconds that `fraction` (0 to 1) of what was added did not exceed; 0 if nothing was. */
uint64_t gf_histogram_at(const struct gf_histogram *histogram, double fraction);

#endif
