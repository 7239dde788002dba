/* report.h: the page: what happened, and when. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "html.h"
#include "report.h"
#include "svg.h"

struct sums {
    size_t kinds[GF_EVENT_KINDS], failed, processes;
    double copied_bytes, given_bytes;
    long longest_freeze_us, longest_fork_us;
};

static int by_number(const void *a, const void *b) {
    pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;
    return (left > right) - (left < right);
}

static size_t count_processes(const struct gf_events *events) {
    pid_t *pids = calloc(events->count, sizeof *pids);
    size_t found = 0;
    for (size_t i = 0; pids && i < events->count; i++)
        pids[i] = events->list[i].pid;
    if (pids)
        qsort(pids, events->count, sizeof *pids, by_number);
    for (size_t i = 0; pids && i < events->count; i++)
        found += i == 0 || pids[i] != pids[i - 1];
    free(pids);
    return found;
}

static long at_least_0(long value) {
    return value > 0 ? value : 0;
}

static struct sums add_up(const struct gf_events *events) {
    struct sums sums = {.processes = count_processes(events)};
    for (size_t i = 0; i < events->count; i++) {
        const struct gf_logged *event = &events->list[i];
        long freeze = at_least_0(event->collect_us) + at_least_0(event->freeze_us) +
                      at_least_0(event->immortal_us) + at_least_0(event->snapshot_us);
        sums.kinds[event->kind]++;
        sums.failed += event->kind <= GF_EVENT_SKIP && event->child < 0;
        sums.copied_bytes += (double)at_least_0(event->snapshot_bytes);
        sums.given_bytes += gf_events_given_bytes(event);
        if (freeze > sums.longest_freeze_us)
            sums.longest_freeze_us = freeze;
        if (event->fork_us > sums.longest_fork_us)
            sums.longest_fork_us = event->fork_us;
    }
    return sums;
}

/* ---- tiles ---- */

static void tile(FILE *stream, const char *figure, const char *words) {
    fprintf(stream, "<li><b>%s</b><span>%s</span></li>\n", figure, words);
}

static void count_tile(FILE *stream, size_t count, const char *one, const char *many) {
    char figure[32];
    snprintf(figure, sizeof figure, "%zu", count);
    tile(stream, figure, count == 1 ? one : many);
}

static void time_tile(FILE *stream, long microseconds, const char *words) {
    char figure[32];
    snprintf(figure, sizeof figure, "%.1f ms", (double)microseconds / 1000);
    if (microseconds > 0)
        tile(stream, figure, words);
}

static void memory_tile(FILE *stream, double bytes, const char *words) {
    char figure[32];
    snprintf(figure, sizeof figure, "%.1f MB", bytes / (1 << 20));
    if (bytes > 0)
        tile(stream, figure, words);
}

static void print_tiles(FILE *stream, const struct sums *sums) {
    const size_t *kinds = sums->kinds;
    fputs("<ul class=\"tiles\">\n", stream);
    count_tile(stream, kinds[GF_EVENT_FREEZE] + kinds[GF_EVENT_SKIP], "fork", "forks");
    count_tile(stream, kinds[GF_EVENT_FREEZE], "frozen for", "frozen for");
    count_tile(stream, kinds[GF_EVENT_SKIP], "left alone", "left alone");
    if (sums->failed > 0)
        count_tile(stream, sums->failed, "fork that failed", "forks that failed");
    count_tile(stream, sums->processes, "process wrote", "processes wrote");
    time_tile(stream, sums->longest_freeze_us, "longest freeze");
    time_tile(stream, sums->longest_fork_us, "longest fork");
    memory_tile(stream, sums->copied_bytes, "copied for sharing");
    if (kinds[GF_EVENT_PASS] > 0)
        count_tile(stream, kinds[GF_EVENT_PASS], "pass", "passes");
    memory_tile(stream, sums->given_bytes, "given back");
    if (kinds[GF_EVENT_WARMUP] > 0)
        count_tile(stream, kinds[GF_EVENT_WARMUP], "warm-up", "warm-ups");
    if (kinds[GF_EVENT_MESSAGE] > 0)
        count_tile(stream, kinds[GF_EVENT_MESSAGE], "message", "messages");
    fputs("</ul>\n", stream);
}

static void put_span(char *buffer, size_t size, double seconds) {
    if (seconds < 120)
        snprintf(buffer, size, "%.0f s", seconds);
    else if (seconds < 7200)
        snprintf(buffer, size, "%.0f min", seconds / 60);
    else if (seconds < 172800)
        snprintf(buffer, size, "%.1f hours", seconds / 3600);
    else
        snprintf(buffer, size, "%.1f days", seconds / 86400);
}

static void print_span(FILE *stream, const struct gf_events *events) {
    char from[64], span[32];
    struct tm local;
    const struct gf_logged *last = &events->list[events->count - 1];
    time_t begin = (time_t)events->list[0].time;
    strftime(from, sizeof from, "%Y-%m-%d %H:%M:%S %z", localtime_r(&begin, &local));
    put_span(span, sizeof span, last->time - events->list[0].time);
    fprintf(stream, "<p class=\"lead\">%zu event%s in %s, from %s on.</p>\n", events->count,
            events->count == 1 ? "" : "s", span, from);
}

/* ---- plots ---- */

static void plot_lanes(FILE *stream, const struct gf_events *events, const struct sums *sums) {
    static const struct {
        const char *name, *colour;
        enum gf_event_kind kind;
    } lanes[] = {{"freeze", "c1", GF_EVENT_FREEZE},  {"left alone", "c0", GF_EVENT_SKIP},
                 {"pass", "c3", GF_EVENT_PASS},      {"running pass", "c3", GF_EVENT_RUNNING},
                 {"warm-up", "c5", GF_EVENT_WARMUP}, {"message", "c2", GF_EVENT_MESSAGE}};
    struct gf_row rows[GF_EVENT_KINDS];
    double *times[GF_EVENT_KINDS] = {0};
    struct gf_rows plot = {.description = "When events happened, by kind", .rows = rows};
    for (size_t i = 0; i < GF_EVENT_KINDS; i++) {
        size_t count = 0;
        times[i] = calloc(events->count, sizeof *times[i]);
        if (!times[i] || sums->kinds[lanes[i].kind] == 0)
            continue;
        for (size_t j = 0; j < events->count; j++) {
            if (events->list[j].kind == lanes[i].kind)
                times[i][count++] = events->list[j].time;
        }
        rows[plot.count] =
            (struct gf_row){lanes[i].name, lanes[i].colour, "", times[i], count, NAN};
        snprintf(rows[plot.count].value, sizeof rows[0].value, "%zu", count);
        plot.count++;
    }
    gf_html_section(stream, "Timeline", "A dot is an event; the number is how many there are.");
    gf_axis_clock(&plot.x, events->list[0].time, events->list[events->count - 1].time, 7);
    plot.x.title = "local time";
    gf_svg_rows(stream, &plot);
    for (size_t i = 0; i < GF_EVENT_KINDS; i++)
        free(times[i]);
}

/* How much the passes have given back by then. */
static void plot_given(FILE *stream, const struct gf_events *events, const struct sums *sums) {
    struct gf_point *points = calloc(events->count + 2, sizeof *points);
    const double first = events->list[0].time, last = events->list[events->count - 1].time;
    struct gf_series series = {"given back", "c3", "", points, 0, false};
    struct gf_lines plot = {.description = "Memory that passes gave back, added up over time",
                            .series = &series,
                            .count = 1};
    double given = 0;
    if (!points || sums->given_bytes == 0) {
        free(points);
        return;
    }
    points[series.count++] = (struct gf_point){first, 0, 0, 0};
    for (size_t i = 0; i < events->count; i++) {
        const struct gf_logged *event = &events->list[i];
        if (event->kind != GF_EVENT_PASS && event->kind != GF_EVENT_RUNNING)
            continue;
        given += gf_events_given_bytes(event);
        points[series.count++] = (struct gf_point){event->time, given / (1 << 20), 0, 0};
    }
    points[series.count++] = (struct gf_point){last, given / (1 << 20), 0, 0};
    snprintf(series.value, sizeof series.value, "%.1f MB", given / (1 << 20));
    gf_html_section(stream, "Pages given back",
                    "Added up over all processes. A page that is copied and given back twice "
                    "counts twice.");
    gf_axis_clock(&plot.x, first, last, 6);
    plot.x.title = "local time";
    gf_axis_linear(&plot.y, given / (1 << 20), 5);
    plot.y.title = "MB";
    gf_svg_lines(stream, &plot);
    free(points);
}

void gf_report_print_page(const struct gf_events *events, const char *name, FILE *stream) {
    char title[256];
    struct sums sums = add_up(events);
    snprintf(title, sizeof title, "What libgcfreeze did: %s",
             strcmp(name, "-") == 0 ? "stdin" : basename(name));
    gf_html_begin(stream, title);
    print_span(stream, events);
    if (events->broken > 0)
        fprintf(stream,
                "<ul class=\"notes\"><li>%zu of %zu lines of the log are no events and are left "
                "out.</li></ul>\n",
                events->broken, events->lines);
    print_tiles(stream, &sums);
    plot_lanes(stream, events, &sums);
    gf_report_print_reasons(events, stream);
    gf_report_print_warmups(events, stream);
    gf_report_print_freezes(events, stream);
    plot_given(stream, events, &sums);
    gf_report_print_processes(events, stream);
    gf_report_print_messages(events, stream);
    fputs("<footer><p>A fork that makes a worker is frozen for, or left alone for a reason. Times "
          "are the library’s own, of the forking process. MB are 1,048,576 bytes. Written by "
          "gcfreeze " GF_VERSION ".</p></footer>\n",
          stream);
    gf_html_end(stream);
}
