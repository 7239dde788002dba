/* compare.h: the plots of the page. */
#include <math.h>
#include <stdlib.h>

#include "compare.h"
#include "html.h"
#include "svg.h"

static const char *const colours[GF_VARIANT_COUNT] = {"c0", "c1", "c2", "c3", "c4", "c5"};

const char *gf_compare_colour(const struct gf_measured *measured) {
    return colours[measured->mode];
}

void gf_compare_put_memory(char *buffer, size_t size, double kib) {
    double mb = kib / 1024;
    snprintf(buffer, size, mb < 100 ? "%.1f MB" : "%.0f MB", mb);
}

void gf_compare_put_time(char *buffer, size_t size, double microseconds) {
    double ms = microseconds / 1000;
    snprintf(buffer, size, ms < 10 ? "%.2f ms" : ms < 100 ? "%.1f ms" : "%.0f ms", ms);
}

static double tree_mb(const struct gf_sample *sample) {
    return (double)sample->tree_kib / 1024;
}

static double own_mb(const struct gf_sample *sample) {
    return sample->own_mean / 1024;
}

/* A line per mode over time. */
static void plot_samples(FILE *stream, const struct gf_comparison *comparison, bool band,
                         double (*value)(const struct gf_sample *sample), const char *description) {
    struct gf_series series[GF_VARIANT_COUNT] = {0};
    struct gf_lines plot = {.description = description, .series = series};
    struct gf_point *points[GF_VARIANT_COUNT] = {0};
    double most = 0, seconds = 1;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct gf_measured *measured = &comparison->measured[i];
        points[i] = calloc(measured->sample_count + 1, sizeof *points[i]);
        for (size_t j = 0; points[i] && j < measured->sample_count; j++) {
            const struct gf_sample *sample = &measured->samples[j];
            points[i][j] =
                (struct gf_point){sample->seconds, value(sample), (double)sample->own_least / 1024,
                                  (double)sample->own_most / 1024};
            most = fmax(most, band ? points[i][j].high : points[i][j].y);
            seconds = fmax(seconds, sample->seconds);
        }
        if (!points[i] || measured->sample_count == 0)
            continue;
        struct gf_series *added = &series[plot.count++];
        *added = (struct gf_series){gf_variant_word(measured->mode),
                                    gf_compare_colour(measured),
                                    "",
                                    points[i],
                                    measured->sample_count,
                                    band};
        gf_compare_put_memory(added->value, sizeof added->value,
                              1024 * value(gf_measured_last(measured)));
    }
    gf_axis_linear(&plot.x, seconds, 8);
    gf_axis_cut(&plot.x, seconds);
    plot.x.title =
        comparison->url_count ? "seconds after the first answer" : "seconds after the start";
    gf_axis_linear(&plot.y, most, 5);
    plot.y.title = "MB";
    gf_svg_lines(stream, &plot);
    for (size_t i = 0; i < GF_VARIANT_COUNT; i++)
        free(points[i]);
}

static void plot_workers(FILE *stream, const struct gf_comparison *comparison) {
    struct gf_row rows[GF_VARIANT_COUNT] = {0};
    struct gf_rows plot = {.description = "Each worker's own memory at the end, by mode",
                           .rows = rows};
    double *values[GF_VARIANT_COUNT] = {0};
    double most = 0;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct gf_measured *measured = &comparison->measured[i];
        if (!gf_measured_last(measured))
            continue;
        values[i] = calloc(measured->worker_count + 1, sizeof *values[i]);
        if (!values[i])
            continue;
        for (size_t j = 0; j < measured->worker_count; j++) {
            values[i][j] = (double)measured->workers[j].own_kib / 1024;
            most = fmax(most, values[i][j]);
        }
        struct gf_row *row = &rows[plot.count++];
        *row = (struct gf_row){
            gf_variant_word(measured->mode), gf_compare_colour(measured),       "", values[i],
            measured->worker_count,          own_mb(gf_measured_last(measured))};
        gf_compare_put_memory(row->value, sizeof row->value, gf_measured_last(measured)->own_mean);
    }
    gf_axis_linear(&plot.x, most, 6);
    plot.x.title = "MB that only this worker has";
    gf_svg_rows(stream, &plot);
    for (size_t i = 0; i < comparison->count; i++)
        free(values[i]);
}

enum { STEPS = 16, DECADES = 6 }; /* points per decade of 1/(1 - p) */

/* Each tenth of the requests that are left is as wide as the nine tenths before it. */
static void plot_latency(FILE *stream, const struct gf_comparison *comparison) {
    static const char *const ticks[] = {"0", "90", "99", "99.9", "99.99", "99.999"};
    static struct gf_point points[GF_VARIANT_COUNT][STEPS * DECADES + 1];
    struct gf_series series[GF_VARIANT_COUNT] = {0};
    struct gf_lines plot = {.description = "Latency by percentile and mode", .series = series};
    double least = INFINITY, most = 0, widest = 0;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct gf_measured *measured = &comparison->measured[i];
        const struct gf_histogram *latency = &measured->load.latency;
        if (latency->total == 0)
            continue;
        struct gf_series *added = &series[plot.count++];
        *added = (struct gf_series){
            gf_variant_word(measured->mode), gf_compare_colour(measured), "", points[i], 0, false};
        double last = fmin(log10((double)latency->total), DECADES - 1e-9);
        for (int j = 0; j <= STEPS * last; j++) {
            double x = (double)j / STEPS;
            double ms = (double)gf_histogram_at(latency, 1 - pow(10, -x)) / 1000;
            points[i][added->count++] = (struct gf_point){x, fmax(ms, 0.001), 0, 0};
            least = fmin(least, fmax(ms, 0.001));
            most = fmax(most, ms);
            widest = fmax(widest, x);
        }
        gf_compare_put_time(added->value, sizeof added->value,
                            1000 * points[i][added->count - 1].y);
    }
    if (plot.count == 0)
        return;
    gf_html_section(
        stream, "Latency",
        "How long that share of the requests took at most. Both scales are logarithmic: "
        "the tail is where servers differ.");
    plot.x.most = fmax(widest, 1);
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks && (double)i <= plot.x.most; i++)
        gf_axis_tick(&plot.x, (double)i, ticks[i]);
    plot.x.title = "% of the requests";
    gf_axis_logarithmic(&plot.y, least, fmax(most, 2 * least));
    plot.y.title = "milliseconds";
    gf_svg_lines(stream, &plot);
}

void gf_compare_print_plots(const struct gf_comparison *comparison, FILE *stream) {
    gf_html_section(stream, "Memory of the whole server",
                    "All its processes together; what they share is counted once.");
    plot_samples(stream, comparison, false, tree_mb, "The server's memory over time, by mode");
    gf_html_section(stream, "What a worker has for itself, over time",
                    "The line is the mean of the workers; the band reaches from the smallest to "
                    "the largest.");
    plot_samples(stream, comparison, true, own_mb, "A worker's own memory over time, by mode");
    gf_html_section(stream, "… and each of them at the end",
                    "A dot is a worker, the stroke their mean.");
    plot_workers(stream, comparison);
    plot_latency(stream, comparison);
}
