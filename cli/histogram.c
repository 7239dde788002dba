#include "histogram.h"

#include <math.h>
#include <stddef.h>

enum { EXACT = 256, PARTS = 128, PART_BITS = 7 };

/* By how many bits a value of 256 or more is shortened, so that 128 to 255 is left of it. */
static int shortened(uint64_t value) {
    return 63 - __builtin_clzll(value) - PART_BITS;
}

static size_t place_of(uint64_t value) {
    if (value < EXACT)
        return (size_t)value;
    int bits = shortened(value);
    size_t place = EXACT + (size_t)(bits - 1) * PARTS + (size_t)(value >> bits) - PARTS;
    return place < GF_HISTOGRAM_PLACES ? place : GF_HISTOGRAM_PLACES - 1;
}

/* The middle of the values that share a place. */
static uint64_t value_of(size_t place) {
    if (place < EXACT)
        return place;
    size_t bits = (place - EXACT) / PARTS + 1;
    uint64_t part = (place - EXACT) % PARTS + PARTS;
    return (part << bits) + ((UINT64_C(1) << bits) - 1) / 2;
}

void gf_histogram_add(struct gf_histogram *histogram, uint64_t microseconds) {
    histogram->counts[place_of(microseconds)]++;
    histogram->total++;
    if (microseconds > histogram->longest)
        histogram->longest = microseconds;
}

void gf_histogram_merge(struct gf_histogram *histogram, const struct gf_histogram *other) {
    for (size_t i = 0; i < GF_HISTOGRAM_PLACES; i++)
        histogram->counts[i] += other->counts[i];
    histogram->total += other->total;
    if (other->longest > histogram->longest)
        histogram->longest = other->longest;
}

uint64_t gf_histogram_at(const struct gf_histogram *histogram, double fraction) {
    uint64_t wanted = (uint64_t)ceil(fraction * (double)histogram->total);
    uint64_t seen = 0;
    if (histogram->total == 0)
        return 0;
    for (size_t i = 0; i < GF_HISTOGRAM_PLACES; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted && seen > 0) {
            uint64_t value = value_of(i);
            return value < histogram->longest ? value : histogram->longest;
        }
    }
    return histogram->longest;
}
