#include "axis.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

void gf_axis_tick(struct gf_axis *axis, double at, const char *label) {
    if (axis->count == GF_AXIS_TICKS)
        return;
    axis->ticks[axis->count].at = at;
    snprintf(axis->ticks[axis->count].label, sizeof axis->ticks[0].label, "%s", label);
    axis->count++;
}

static void tick_number(struct gf_axis *axis, double at) {
    char label[24];
    snprintf(label, sizeof label, "%.10g", at);
    gf_axis_tick(axis, at, label);
}

/* 1, 2 or 5 times a power of ten, at least `step`. */
static double round_step(double step) {
    double power = pow(10, floor(log10(step)));
    double times = step / power;
    return power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

void gf_axis_linear(struct gf_axis *axis, double most, int steps) {
    if (!(most > 0))
        most = 1;
    double step = round_step(most / steps);
    axis->least = 0;
    axis->most = step * ceil(most / step - 1e-9);
    axis->count = 0;
    for (int i = 0; i * step <= axis->most + step / 2; i++)
        tick_number(axis, i * step);
}

/* The largest of 1, 2 and 5 times a power of ten that is not above `value`. */
static double round_down(double value) {
    double power = pow(10, floor(log10(value)));
    double times = value / power;
    return power * (times < 2 ? 1 : times < 5 ? 2 : 5);
}

void gf_axis_logarithmic(struct gf_axis *axis, double least, double most) {
    static const int times[] = {1, 2, 5};
    axis->logarithmic = true;
    axis->least = round_down(least);
    axis->most = round_step(most);
    axis->count = 0;
    bool wide = axis->most / axis->least > 300; /* powers of ten are enough then */
    for (double power = pow(10, floor(log10(axis->least))); power <= axis->most * 1.001;
         power *= 10) {
        for (int i = 0; i < (wide ? 1 : 3); i++) {
            double at = power * times[i];
            if (at > axis->least * 0.999 && at < axis->most * 1.001)
                tick_number(axis, at);
        }
    }
}

void gf_axis_cut(struct gf_axis *axis, double most) {
    axis->most = most;
    while (axis->count > 1 && axis->ticks[axis->count - 1].at > most)
        axis->count--;
}

void gf_axis_clock(struct gf_axis *axis, double least, double most, int steps) {
    static const int round[] = {1,   2,    5,    10,   15,    30,    60,    120,   300,   600,
                                900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800};
    const size_t last = sizeof round / sizeof *round - 1;
    size_t i = 0;
    axis->least = least;
    axis->most = most > least ? most : least + 1;
    axis->count = 0;
    while (i < last && round[i] * (double)steps < axis->most - least)
        i++;
    double step = round[i];
    if (i == last) /* years of log */
        step *= ceil((axis->most - least) / (step * steps));
    time_t begin = (time_t)least;
    struct tm local;
    localtime_r(&begin, &local);
    double offset = (double)local.tm_gmtoff;
    for (double at = ceil((least + offset) / step) * step - offset; at <= axis->most; at += step) {
        char label[24];
        time_t moment = (time_t)at;
        localtime_r(&moment, &local);
        strftime(label, sizeof label,
                 step >= 86400 ? "%d %b"
                 : step >= 60  ? "%H:%M"
                               : "%H:%M:%S",
                 &local);
        gf_axis_tick(axis, at, label);
    }
}

double gf_axis_place(const struct gf_axis *axis, double value) {
    double place;
    if (axis->logarithmic)
        place = (log(fmax(value, axis->least)) - log(axis->least)) /
                (log(axis->most) - log(axis->least));
    else
        place = (value - axis->least) / (axis->most - axis->least);
    return fmin(fmax(place, 0), 1);
}
