/* Plots as inline SVG. Each is written twice, for a wide and for a narrow page, and the style sheet
 * of html.h shows one of them: text that is scaled with the plot would be too small on a phone. */
#ifndef GF_CLI_SVG_H
#define GF_CLI_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "axis.h"

struct gf_point {
    double x, y;
    double low, high; /* of a band around the line */
};

/* A line, and its name at its end. `colour` is a class of the style sheet. */
struct gf_series {
    const char *name, *colour;
    char value[32]; /* beside the name: what the line ends at */
    const struct gf_point *points;
    size_t count;
    bool band;
};

struct gf_lines {
    const char *description; /* read out to who does not see it */
    struct gf_axis x, y;
    const struct gf_series *series;
    size_t count; /* at most GF_SVG_SERIES */
};

enum { GF_SVG_SERIES = 8 };

void gf_svg_lines(FILE *stream, const struct gf_lines *plot);

/* A row of dots, one for each value; a longer stroke at `mean` unless that is NAN. */
struct gf_row {
    const char *name, *colour;
    char value[32]; /* at the end of the row */
    const double *values;
    size_t count;
    double mean;
};

struct gf_rows {
    const char *description;
    struct gf_axis x;
    const struct gf_row *rows;
    size_t count;
};

void gf_svg_rows(FILE *stream, const struct gf_rows *plot);

#endif
