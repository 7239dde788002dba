#include "svg.h"

#include <math.h>
#include <string.h>

#include "html.h"

/* Pixels; letters of the page's font are 6 to 7 wide at this size. */
enum { WIDE = 880, NARROW = 344, LETTER = 7, LINE = 17, TOP = 30, BOTTOM = 44, ROW = 34 };

struct frame {
    FILE *stream;
    int width, height;
    double left, right, top, bottom; /* of the area inside the axes */
};

static double x_of(const struct frame *frame, const struct gf_axis *axis, double value) {
    return frame->left + gf_axis_place(axis, value) * (frame->right - frame->left);
}

static double y_of(const struct frame *frame, const struct gf_axis *axis, double value) {
    return frame->bottom - gf_axis_place(axis, value) * (frame->bottom - frame->top);
}

/* `anchor`: start, middle or end. */
static void text(const struct frame *frame, double x, double y, const char *classes,
                 const char *anchor, const char *words) {
    fprintf(frame->stream, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">", x, y,
            classes, anchor);
    gf_html_text(frame->stream, words);
    fputs("</text>\n", frame->stream);
}

static void begin(const struct frame *frame, const char *description) {
    fprintf(frame->stream, "<svg class=\"%s\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
            frame->width == WIDE ? "wide" : "narrow", frame->width, frame->height);
    gf_html_text(frame->stream, description);
    fputs("\">\n", frame->stream);
}

/* Ticks below the area. One that would touch its neighbour stays without a label. */
static void x_axis(const struct frame *frame, const struct gf_axis *axis, bool grid) {
    double taken = -1e9;
    for (size_t i = 0; i < axis->count; i++) {
        double x = x_of(frame, axis, axis->ticks[i].at);
        double half = (double)strlen(axis->ticks[i].label) * LETTER / 2 + 3;
        bool fits = x - half > taken && x + half < frame->width + 3;
        if (!fits)
            continue;
        fprintf(frame->stream, "<path class=\"%s\" d=\"M%.1f %.1fV%.1f\"/>\n",
                grid ? "grid" : "tick", x, frame->bottom + 5, grid ? frame->top : frame->bottom);
        text(frame, x, frame->bottom + 19, "label", "middle", axis->ticks[i].label);
        taken = x + half;
    }
    fprintf(frame->stream, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/>\n", frame->left,
            frame->bottom, frame->right);
    if (axis->title)
        text(frame, (frame->left + frame->right) / 2, frame->bottom + 37, "title", "middle",
             axis->title);
}

static void y_axis(const struct frame *frame, const struct gf_axis *axis) {
    double taken = 1e9;
    for (size_t i = 0; i < axis->count; i++) {
        double y = y_of(frame, axis, axis->ticks[i].at);
        if (y > taken - LINE)
            continue;
        fprintf(frame->stream, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>\n", frame->left, y,
                frame->right);
        text(frame, frame->left - 7, y + 4, "label", "end", axis->ticks[i].label);
        taken = y;
    }
    text(frame, 0, 14, "title", "start", axis->title);
}

static size_t longest_label(const struct gf_axis *axis) {
    size_t longest = 1;
    for (size_t i = 0; i < axis->count; i++) {
        if (strlen(axis->ticks[i].label) > longest)
            longest = strlen(axis->ticks[i].label);
    }
    return longest;
}

/* ---- lines ---- */

static void band(const struct frame *frame, const struct gf_lines *plot,
                 const struct gf_series *series) {
    fprintf(frame->stream, "<path class=\"band %s\" d=\"", series->colour);
    for (size_t i = 0; i < series->count; i++)
        fprintf(frame->stream, "%c%.1f %.1f", i ? 'L' : 'M',
                x_of(frame, &plot->x, series->points[i].x),
                y_of(frame, &plot->y, series->points[i].high));
    for (size_t i = series->count; i-- > 0;)
        fprintf(frame->stream, "L%.1f %.1f", x_of(frame, &plot->x, series->points[i].x),
                y_of(frame, &plot->y, series->points[i].low));
    fputs("Z\"/>\n", frame->stream);
}

static void line(const struct frame *frame, const struct gf_lines *plot,
                 const struct gf_series *series) {
    fprintf(frame->stream, "<path class=\"line %s\" d=\"", series->colour);
    for (size_t i = 0; i < series->count; i++)
        fprintf(frame->stream, "%c%.1f %.1f", i ? 'L' : 'M',
                x_of(frame, &plot->x, series->points[i].x),
                y_of(frame, &plot->y, series->points[i].y));
    fputs("\"/>\n", frame->stream);
    if (series->count == 1)
        fprintf(frame->stream, "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n",
                series->colour, x_of(frame, &plot->x, series->points[0].x),
                y_of(frame, &plot->y, series->points[0].y));
}

/* Names at the ends of the lines, moved apart where lines end close to each other. */
static void names(const struct frame *frame, const struct gf_lines *plot) {
    size_t order[GF_SVG_SERIES], count = 0;
    double place[GF_SVG_SERIES];
    for (size_t i = 0; i < plot->count; i++) {
        const struct gf_series *series = &plot->series[i];
        if (series->count == 0)
            continue;
        double y = y_of(frame, &plot->y, series->points[series->count - 1].y);
        size_t at = count++;
        for (; at > 0 && place[at - 1] > y; at--) {
            place[at] = place[at - 1];
            order[at] = order[at - 1];
        }
        place[at] = y;
        order[at] = i;
    }
    for (size_t i = 1; i < count; i++)
        place[i] = fmax(place[i], place[i - 1] + LINE);
    for (size_t i = count; i-- > 0;)
        place[i] = fmin(place[i], i + 1 < count ? place[i + 1] - LINE : frame->bottom);
    for (size_t i = 0; i < count; i++) {
        const struct gf_series *series = &plot->series[order[i]];
        const struct gf_point *last = &series->points[series->count - 1];
        double x = x_of(frame, &plot->x, last->x);
        fprintf(frame->stream, "<path class=\"leader %s\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n",
                series->colour, x + 2, y_of(frame, &plot->y, last->y), frame->right + 9, place[i]);
        fprintf(frame->stream, "<text x=\"%.1f\" y=\"%.1f\" class=\"name %s\">", frame->right + 13,
                place[i] + 4, series->colour);
        gf_html_text(frame->stream, series->name);
        fputs(" <tspan class=\"value\">", frame->stream);
        gf_html_text(frame->stream, series->value);
        fputs("</tspan></text>\n", frame->stream);
    }
}

static void lines(FILE *stream, const struct gf_lines *plot, int width) {
    size_t longest = 0;
    for (size_t i = 0; i < plot->count; i++) {
        size_t length = strlen(plot->series[i].name) + strlen(plot->series[i].value) + 1;
        longest = length > longest ? length : longest;
    }
    struct frame frame = {.stream = stream, .width = width, .height = width == WIDE ? 330 : 260};
    frame.left = (double)(longest_label(&plot->y) * LETTER + 10);
    frame.right = width - (double)(longest * LETTER + 22);
    frame.top = TOP;
    frame.bottom = frame.height - BOTTOM;
    begin(&frame, plot->description);
    y_axis(&frame, &plot->y);
    x_axis(&frame, &plot->x, false);
    for (size_t i = 0; i < plot->count; i++) {
        if (plot->series[i].band)
            band(&frame, plot, &plot->series[i]);
    }
    for (size_t i = 0; i < plot->count; i++)
        line(&frame, plot, &plot->series[i]);
    names(&frame, plot);
    fputs("</svg>\n", stream);
}

void gf_svg_lines(FILE *stream, const struct gf_lines *plot) {
    lines(stream, plot, WIDE);
    lines(stream, plot, NARROW);
}

/* ---- rows ---- */

/* A dot that would cover another one is left out: logs may hold thousands. */
static void dots(const struct frame *frame, const struct gf_rows *plot, const struct gf_row *row,
                 double y) {
    char drawn[2 * WIDE] = {0};
    for (size_t i = 0; i < row->count; i++) {
        double x = x_of(frame, &plot->x, row->values[i]);
        if (drawn[(int)(2 * x)])
            continue;
        drawn[(int)(2 * x)] = 1;
        fprintf(frame->stream, "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>\n",
                row->colour, x, y);
    }
}

static void rows(FILE *stream, const struct gf_rows *plot, int width) {
    size_t name = 0, value = 0;
    for (size_t i = 0; i < plot->count; i++) {
        size_t length = strlen(plot->rows[i].name);
        name = length > name ? length : name;
        length = strlen(plot->rows[i].value);
        value = length > value ? length : value;
    }
    struct frame frame = {.stream = stream, .width = width};
    frame.height = (int)plot->count * ROW + BOTTOM + 8;
    frame.left = (double)(name * LETTER + 14);
    frame.right = width - (double)(value * LETTER + 22);
    frame.top = 4;
    frame.bottom = frame.height - BOTTOM;
    begin(&frame, plot->description);
    x_axis(&frame, &plot->x, true);
    for (size_t i = 0; i < plot->count; i++) {
        const struct gf_row *row = &plot->rows[i];
        double y = frame.top + ((double)i + 0.5) * ROW;
        char classes[64];
        snprintf(classes, sizeof classes, "name %s", row->colour);
        text(&frame, 0, y + 4, classes, "start", row->name);
        fprintf(stream, "<path class=\"track\" d=\"M%.1f %.1fH%.1f\"/>\n", frame.left, y,
                frame.right);
        dots(&frame, plot, row, y);
        if (!isnan(row->mean))
            fprintf(stream, "<path class=\"mean %s\" d=\"M%.1f %.1fV%.1f\"/>\n", row->colour,
                    x_of(&frame, &plot->x, row->mean), y - 11, y + 11);
        text(&frame, frame.width, y + 4, "value", "end", row->value);
    }
    fputs("</svg>\n", stream);
}

void gf_svg_rows(FILE *stream, const struct gf_rows *plot) {
    rows(stream, plot, WIDE);
    rows(stream, plot, NARROW);
}
