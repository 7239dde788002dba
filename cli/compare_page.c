/* compare.h: the page with plots. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"
#include "html.h"
#include "say.h"

/* ---- head ---- */

static void print_command(FILE *stream, char **command) {
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return;
    for (; *command; command++) {
        gf_say_quoted(memory, *command);
        if (command[1])
            fputc(' ', memory);
    }
    fclose(memory);
    fputs("<dt>Command</dt><dd><code>", stream);
    gf_html_text(stream, text);
    fputs("</code></dd>\n", stream);
    free(text);
}

static void print_fact(FILE *stream, const char *name, const char *value) {
    fprintf(stream, "<dt>%s</dt><dd>", name);
    gf_html_text(stream, value);
    fputs("</dd>\n", stream);
}

static void print_facts(FILE *stream, const struct gf_comparison *comparison) {
    char text[512];
    struct utsname system;
    time_t began = (time_t)comparison->began;
    struct tm local;
    fputs("<dl>\n", stream);
    print_command(stream, comparison->command);
    gf_compare_setup(comparison, text, sizeof text);
    print_fact(stream, "In each mode", text);
    if (comparison->url_count > 0) {
        snprintf(text, sizeof text, comparison->url_count > 1 ? "%s and %zu more" : "%s",
                 comparison->urls[0], comparison->url_count - 1);
        print_fact(stream, "Pages", text);
    }
    if (comparison->warmup)
        print_fact(stream, "Warm-up", comparison->warmup);
    for (size_t i = 0; i < comparison->count; i++) {
        if (comparison->measured[i].python[0]) {
            snprintf(text, sizeof text, "CPython %s", comparison->measured[i].python);
            print_fact(stream, "Interpreter", text);
            break;
        }
    }
    if (uname(&system) == 0) {
        snprintf(text, sizeof text, "%s %s, %ld processors; load average at the start %.1f",
                 system.sysname, system.release, sysconf(_SC_NPROCESSORS_ONLN),
                 comparison->load_average);
        print_fact(stream, "Machine", text);
    }
    strftime(text, sizeof text, "%Y-%m-%d %H:%M %z", localtime_r(&began, &local));
    print_fact(stream, "Measured", text);
    print_fact(stream, "By", "gcfreeze " GF_VERSION);
    fputs("</dl>\n", stream);
}

/* One sentence: the mode whose server needs least, beside the first one. */
static void print_lead(FILE *stream, const struct gf_comparison *comparison) {
    const struct gf_measured *best = NULL, *first = &comparison->measured[0];
    const struct gf_sample *before = gf_measured_last(first);
    char from[32], to[32];
    double percent;
    for (size_t i = 1; i < comparison->count; i++) {
        const struct gf_sample *last = gf_measured_last(&comparison->measured[i]);
        if (last && (!best || last->tree_kib < gf_measured_last(best)->tree_kib))
            best = &comparison->measured[i];
    }
    if (!best || !before)
        return;
    const struct gf_sample *last = gf_measured_last(best);
    if (!gf_compare_saving((double)before->tree_kib, (double)last->tree_kib, &percent))
        return;
    gf_compare_put_memory(from, sizeof from, (double)before->tree_kib);
    gf_compare_put_memory(to, sizeof to, (double)last->tree_kib);
    if (percent > -1) {
        fprintf(stream, "<p class=\"lead\">No mode needs less memory than <b>%s</b>: %s.</p>\n",
                gf_variant_word(first->mode), from);
        return;
    }
    fprintf(stream,
            "<p class=\"lead\">With mode <b>%s</b>, the server needs <b>%s</b> instead of %s "
            "(−%.0f %%)",
            gf_variant_word(best->mode), to, from, -percent);
    gf_compare_put_memory(from, sizeof from, before->own_mean);
    gf_compare_put_memory(to, sizeof to, last->own_mean);
    fprintf(stream, ", and a worker keeps <b>%s</b> for itself instead of %s.</p>\n", to, from);
}

static void print_notes(FILE *stream, const struct gf_comparison *comparison) {
    bool any = false;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct gf_measured *measured = &comparison->measured[i];
        if (!measured->notes[0] && measured->complete)
            continue;
        fputs(any ? "<li>" : "<ul class=\"notes\">\n<li>", stream);
        any = true;
        fprintf(stream, "<b>%s</b>: ", gf_variant_word(measured->mode));
        gf_html_text(stream, measured->complete ? "" : "cut short. ");
        gf_html_text(stream, measured->notes);
        fputs("</li>\n", stream);
    }
    fputs(any ? "</ul>\n" : "", stream);
}

/* ---- table ---- */

struct cell {
    char text[48];
    double value;
};

typedef bool figure(const struct gf_measured *measured, struct cell *ret);

static bool tree_figure(const struct gf_measured *measured, struct cell *ret) {
    ret->value = (double)gf_measured_last(measured)->tree_kib;
    gf_compare_put_memory(ret->text, sizeof ret->text, ret->value);
    return true;
}

static bool own_figure(const struct gf_measured *measured, struct cell *ret) {
    ret->value = gf_measured_last(measured)->own_mean;
    gf_compare_put_memory(ret->text, sizeof ret->text, ret->value);
    return true;
}

static bool new_figure(const struct gf_measured *measured, struct cell *ret) {
    ret->value = gf_measured_last(measured)->new_mean;
    gf_compare_put_memory(ret->text, sizeof ret->text, ret->value);
    return ret->value >= 0;
}

static bool copied_figure(const struct gf_measured *measured, struct cell *ret) {
    ret->value = gf_measured_last(measured)->copied_mean;
    gf_compare_put_memory(ret->text, sizeof ret->text, ret->value);
    return ret->value >= 0;
}

static bool group_figure(const struct gf_measured *measured, struct cell *ret) {
    ret->value = (double)gf_measured_last(measured)->group_kib;
    gf_compare_put_memory(ret->text, sizeof ret->text, ret->value);
    return ret->value >= 0;
}

static bool rate_figure(const struct gf_measured *measured, struct cell *ret) {
    if (!measured->loaded)
        return false;
    snprintf(ret->text, sizeof ret->text, "%.0f",
             (double)measured->load.answers / measured->load.seconds);
    return true;
}

static bool latency_figure(const struct gf_measured *measured, double fraction, struct cell *ret) {
    gf_compare_put_time(ret->text, sizeof ret->text,
                        (double)gf_histogram_at(&measured->load.latency, fraction));
    return measured->loaded && measured->load.answers > 0;
}

static bool p50_figure(const struct gf_measured *measured, struct cell *ret) {
    return latency_figure(measured, 0.5, ret);
}

static bool p99_figure(const struct gf_measured *measured, struct cell *ret) {
    return latency_figure(measured, 0.99, ret);
}

static bool p999_figure(const struct gf_measured *measured, struct cell *ret) {
    return latency_figure(measured, 0.999, ret);
}

static bool longest_figure(const struct gf_measured *measured, struct cell *ret) {
    return latency_figure(measured, 1, ret);
}

static bool first_figure(const struct gf_measured *measured, struct cell *ret) {
    snprintf(ret->text, sizeof ret->text, "%.1f s", measured->first_answer);
    return measured->first_answer >= 0;
}

static bool warmup_figure(const struct gf_measured *measured, struct cell *ret) {
    snprintf(ret->text, sizeof ret->text, "%ld in %.1f s", measured->warmup.done,
             (double)measured->warmup.parent_us / 1e6);
    return measured->warmup.done > 0;
}

static bool given_figure(const struct gf_measured *measured, struct cell *ret) {
    gf_compare_put_memory(ret->text, sizeof ret->text,
                          (double)measured->given_back_pages * (double)sysconf(_SC_PAGESIZE) /
                              1024);
    return measured->given_back_pages > 0;
}

static const struct {
    const char *title, *below;
    figure *get;
    bool compared; /* with the first mode */
} figures[] = {
    {"Server’s memory", "all processes", tree_figure, true},
    {"Its control group", "from the kernel", group_figure, true},
    {"A worker’s own", "mean", own_figure, true},
    {"of it new", "since the fork", new_figure, true},
    {"of it copied", "from the parent", copied_figure, true},
    {"Requests/s", NULL, rate_figure, false},
    {"Median latency", NULL, p50_figure, false},
    {"99 %", NULL, p99_figure, false},
    {"99.9 %", NULL, p999_figure, false},
    {"longest", NULL, longest_figure, false},
    {"First answer after", NULL, first_figure, false},
    {"Warm-up", "pages and functions", warmup_figure, false},
    {"Given back in all", "the same page again and again", given_figure, false},
};

static void print_figure(FILE *stream, const struct gf_comparison *comparison, size_t row) {
    struct cell cells[GF_VARIANT_COUNT] = {0};
    bool has[GF_VARIANT_COUNT] = {0}, any = false;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct gf_measured *measured = &comparison->measured[i];
        has[i] = gf_measured_last(measured) && figures[row].get(measured, &cells[i]);
        any = any || has[i];
    }
    if (!any)
        return;
    fprintf(stream, "<tr><td>%s", figures[row].title);
    if (figures[row].below)
        fprintf(stream, "<small>%s</small>", figures[row].below);
    fputs("</td>", stream);
    for (size_t i = 0; i < comparison->count; i++) {
        double percent;
        fprintf(stream, "<td>%s", has[i] ? cells[i].text : "–");
        if (figures[row].compared && i > 0 && has[0] && has[i] &&
            gf_compare_saving(cells[0].value, cells[i].value, &percent))
            fprintf(stream, "<small class=\"%s\">%s%.0f %%</small>",
                    percent < -1  ? "good"
                    : percent > 1 ? "bad"
                                  : "",
                    percent < -0.5  ? "−"
                    : percent > 0.5 ? "+"
                                    : "±",
                    fabs(percent));
        fputs("</td>", stream);
    }
    fputs("</tr>\n", stream);
}

static void print_table(FILE *stream, const struct gf_comparison *comparison) {
    fputs("<div class=\"scroll\"><table>\n<tr><th></th>", stream);
    for (size_t i = 0; i < comparison->count; i++)
        fprintf(stream, "<th class=\"key %s\">%s</th>", gf_compare_colour(&comparison->measured[i]),
                gf_variant_word(comparison->measured[i].mode));
    fputs("</tr>\n", stream);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        print_figure(stream, comparison, i);
    fputs("</table></div>\n", stream);
}

void gf_compare_print_page(const struct gf_comparison *comparison, FILE *stream) {
    char title[256];
    snprintf(title, sizeof title, "%s, without and with libgcfreeze",
             basename(comparison->command[0]));
    gf_html_begin(stream, title);
    print_lead(stream, comparison);
    print_notes(stream, comparison);
    print_table(stream, comparison);
    gf_compare_print_plots(comparison, stream);
    gf_html_section(stream, "How this was measured", NULL);
    print_facts(stream, comparison);
    fputs(
        "<footer><p>The server’s memory is the anonymous and file-backed PSS of its processes "
        "(a page that n processes map counts as 1/n in each), and the sealed snapshots of "
        "<code>GCFREEZE_RESHARE</code> once. A worker’s own memory is its private pages without "
        "pages of snapshots: what would be free without it; it is copied where the parent has "
        "memory at the same address, and else new since the fork. All of it is read from the "
        "kernel, and the figures of the table are those of the last sample, under load. Latency "
        "is measured from the moment a request is begun (or due, with <code>--rate</code>) to the "
        "last byte of the answer, connecting included. MB are 1,048,576 bytes.</p></footer>\n",
        stream);
    gf_html_end(stream);
}
