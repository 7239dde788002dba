/* A scale with round numbers on it. */
#ifndef GF_CLI_AXIS_H
#define GF_CLI_AXIS_H

#include <stdbool.h>
#include <stddef.h>

enum { GF_AXIS_TICKS = 24 };

struct gf_axis {
    const char *title; /* with the unit */
    double least, most;
    bool logarithmic; /* least is above 0 then */
    struct {
        double at;
        char label[24];
    } ticks[GF_AXIS_TICKS];
    size_t count;
};

/* From 0 or below to a round number at or above `most`, in about `steps` steps. */
void gf_axis_linear(struct gf_axis *axis, double most, int steps);

/* Ends it at `most` instead, and drops the ticks beyond. */
void gf_axis_cut(struct gf_axis *axis, double most);

/* From and to 1, 2 or 5 times a power of ten; smaller values count as `least`. */
void gf_axis_logarithmic(struct gf_axis *axis, double least, double most);

/* Seconds since 1970, the ticks at round local times. */
void gf_axis_clock(struct gf_axis *axis, double least, double most, int steps);

/* One more tick by hand. */
void gf_axis_tick(struct gf_axis *axis, double at, const char *label);

/* 0 to 1 for least to most. */
double gf_axis_place(const struct gf_axis *axis, double value);

#endif
