/* compare.h: the figures as a table and as JSON. */
#include <math.h>
#include <string.h>

#include "compare.h"
#include "say.h"

bool gf_compare_saving(double before, double now, double *ret_percent) {
    if (before <= 0)
        return false;
    *ret_percent = 100 * (now - before) / before;
    return true;
}

void gf_compare_setup(const struct gf_comparison *comparison, char *buffer, size_t size) {
    const struct gf_load_plan *plan = &comparison->plan;
    if (comparison->url_count == 0)
        snprintf(buffer, size, "%.0f s without requests", comparison->seconds);
    else if (plan->rate > 0)
        snprintf(buffer, size, "%.0f s of %g requests/s over %d connections", comparison->seconds,
                 plan->rate, plan->connections);
    else
        snprintf(buffer, size, "%.0f s of requests over %d connections", comparison->seconds,
                 plan->connections);
}

/* ---- table ---- */

static void print_memory(FILE *stream, double kib, double first_kib, bool compare) {
    double percent;
    fprintf(stream, "  %8.1f MB", kib / 1024);
    if (compare && gf_compare_saving(first_kib, kib, &percent))
        fprintf(stream, "  %s%+4.0f %%%s",
                gf_say_start(stream, percent < -1  ? GF_GREEN
                                     : percent > 1 ? GF_YELLOW
                                                   : GF_PLAIN),
                percent, gf_say_end(stream));
    else
        fputs("        ", stream);
}

/* A part of a worker's own memory. */
static void print_part(FILE *stream, double kib) {
    if (kib < 0)
        fprintf(stream, "  %8s", "-");
    else
        fprintf(stream, "  %8.1f", kib / 1024);
}

static void print_latency(FILE *stream, const struct gf_histogram *latency, double fraction) {
    double ms = (double)gf_histogram_at(latency, fraction) / 1000;
    fprintf(stream, "  %7.*f", ms < 10 ? 2 : 1, ms);
}

static void print_row(const struct gf_comparison *comparison, const struct gf_measured *measured,
                      FILE *stream) {
    const struct gf_sample *last = gf_measured_last(measured);
    const struct gf_sample *first = gf_measured_last(&comparison->measured[0]);
    fprintf(stream, "%s%-9s%s", gf_say_start(stream, GF_BOLD), gf_variant_word(measured->mode),
            gf_say_end(stream));
    if (!last) {
        fputs("  not measured\n", stream);
        return;
    }
    bool compare = first && measured != comparison->measured;
    print_memory(stream, (double)last->tree_kib, first ? (double)first->tree_kib : 0, compare);
    print_memory(stream, last->own_mean, first ? first->own_mean : 0, compare);
    print_part(stream, last->new_mean);
    print_part(stream, last->copied_mean);
    if (measured->loaded) {
        fprintf(stream, "  %10.0f", (double)measured->load.answers / measured->load.seconds);
        print_latency(stream, &measured->load.latency, 0.5);
        print_latency(stream, &measured->load.latency, 0.99);
        print_latency(stream, &measured->load.latency, 0.999);
        fprintf(stream, "  %6.1f s", measured->first_answer);
    }
    fputs(measured->complete ? "\n" : "  (cut short)\n", stream);
}

static void print_notes(const struct gf_measured *measured, FILE *stream) {
    for (const char *line = measured->notes; *line;) {
        size_t length = strcspn(line, "\n");
        fprintf(stream, "%s: %.*s\n", gf_variant_word(measured->mode), (int)length,
                line + strspn(line, " "));
        line += length + (line[length] == '\n');
    }
}

void gf_compare_print_table(const struct gf_comparison *comparison, FILE *stream) {
    char setup[128];
    bool group = false;
    gf_compare_setup(comparison, setup, sizeof setup);
    fprintf(stream, "\nAfter %s:\n\n", setup);
    fprintf(stream, "%-9s  %-19s  %-19s  %8s  %8s", "mode", "   server's memory", " a worker's own",
            "new", "copied");
    if (comparison->url_count > 0)
        fprintf(stream, "  %10s  %7s  %7s  %7s  %8s", "requests/s", "p50 ms", "p99 ms", "p99.9ms",
                "up after");
    fputc('\n', stream);
    for (size_t i = 0; i < comparison->count; i++)
        print_row(comparison, &comparison->measured[i], stream);
    fputs("\nserver's memory: anonymous and file PSS of all its processes, and snapshots once. A "
          "worker's own:\nprivate pages, without snapshots, on average; of it, what is new since "
          "the fork, and what was copied\nfrom the parent, which is what sharing can save.\n",
          stream);
    for (size_t i = 0; i < comparison->count; i++) {
        const struct gf_sample *last = gf_measured_last(&comparison->measured[i]);
        if (last && last->group_kib >= 0) {
            fprintf(stream, "%s %s %.1f MB", group ? "," : "Its control group says:",
                    gf_variant_word(comparison->measured[i].mode), (double)last->group_kib / 1024);
            group = true;
        }
    }
    if (group)
        fputc('\n', stream);
    for (size_t i = 0; i < comparison->count; i++) {
        const struct gf_measured *measured = &comparison->measured[i];
        if (measured->warmup.done > 0)
            fprintf(stream,
                    "%s: pages and functions that ran before the first fork: %ld, in %.1f s\n",
                    gf_variant_word(measured->mode), measured->warmup.done,
                    (double)measured->warmup.parent_us / 1e6);
    }
    for (size_t i = 0; i < comparison->count; i++)
        print_notes(&comparison->measured[i], stream);
}

/* ---- JSON ---- */

static void print_list(FILE *stream, const char *name, const char *const *texts, size_t count) {
    fprintf(stream, ",\n \"%s\": [", name);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "", stream);
        gf_say_json(stream, texts[i]);
    }
    fputc(']', stream);
}

static void print_load(FILE *stream, const struct gf_measured *measured) {
    static const struct {
        const char *name;
        double fraction;
    } points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"longest", 1}};
    const struct gf_load_result *load = &measured->load;
    fprintf(stream,
            ",\n   \"first_answer_s\": %.3f, \"answers\": %llu, \"refusals\": %llu, \"failures\": "
            "%llu, \"seconds\": %.3f, \"requests_per_second\": %.1f,\n   \"latency_us\": {",
            measured->first_answer, (unsigned long long)load->answers,
            (unsigned long long)load->refusals, (unsigned long long)load->failures, load->seconds,
            (double)load->answers / load->seconds);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        fprintf(stream, "%s\"%s\": %llu", i ? ", " : "", points[i].name,
                (unsigned long long)gf_histogram_at(&load->latency, points[i].fraction));
    fputc('}', stream);
}

/* Of memory that may not be known. */
static void print_kib(FILE *stream, const char *name, double kib) {
    fprintf(stream, ", \"%s\": ", name);
    if (kib < 0)
        fputs("null", stream);
    else
        fprintf(stream, "%.0f", kib);
}

static void print_sample(FILE *stream, const struct gf_sample *sample) {
    fprintf(stream,
            "{\"seconds\": %.3f, \"ts\": %.3f, \"tree_kib\": %ld, \"processes\": %zu, \"workers\": "
            "%zu, \"own_mean_kib\": %.0f, \"own_least_kib\": %ld, \"own_most_kib\": %ld",
            sample->seconds, sample->unix_time, sample->tree_kib, sample->processes,
            sample->workers, sample->own_mean, sample->own_least, sample->own_most);
    print_kib(stream, "new_mean_kib", sample->new_mean);
    print_kib(stream, "copied_mean_kib", sample->copied_mean);
    if (sample->group_kib >= 0)
        fprintf(stream, ", \"group_kib\": %ld", sample->group_kib);
    fputc('}', stream);
}

static void print_mode(FILE *stream, const struct gf_measured *measured) {
    const struct gf_sample *last = gf_measured_last(measured);
    fprintf(stream,
            "  {\"mode\": \"%s\", \"complete\": %s, \"python\": ", gf_variant_word(measured->mode),
            measured->complete ? "true" : "false");
    gf_say_json(stream, measured->python);
    fprintf(stream, ", \"freezes\": %llu, \"pages_given_back\": %llu, \"snapshot_kib\": %llu",
            (unsigned long long)measured->freezes, (unsigned long long)measured->given_back_pages,
            (unsigned long long)measured->snapshot_kib);
    if (measured->warmup.done > 0 || measured->warmup.left_out > 0)
        fprintf(stream,
                ",\n   \"warmup\": {\"done\": %ld, \"left_out\": %ld, \"trial_us\": %lld, "
                "\"parent_us\": "
                "%lld, \"bytes\": %lld}",
                measured->warmup.done, measured->warmup.left_out,
                (long long)measured->warmup.trial_us, (long long)measured->warmup.parent_us,
                (long long)measured->warmup.bytes);
    if (last) {
        fprintf(stream, ",\n   \"tree_kib\": %ld, \"own_mean_kib\": %.0f", last->tree_kib,
                last->own_mean);
        print_kib(stream, "new_mean_kib", last->new_mean);
        print_kib(stream, "copied_mean_kib", last->copied_mean);
    }
    fputs(",\n   \"workers\": [", stream);
    for (size_t i = 0; i < measured->worker_count; i++) {
        const struct gf_worker *worker = &measured->workers[i];
        const long copied = worker->copied_kib;
        fprintf(stream, "%s{\"pid\": %d, \"own_kib\": %ld", i ? ", " : "", (int)worker->pid,
                worker->own_kib);
        print_kib(stream, "new_kib", copied < 0 ? -1 : (double)(worker->own_kib - copied));
        print_kib(stream, "copied_kib", (double)copied);
        fputc('}', stream);
    }
    fputc(']', stream);
    if (measured->loaded)
        print_load(stream, measured);
    fputs(",\n   \"notes\": ", stream);
    gf_say_json(stream, measured->notes);
    fputs(",\n   \"samples\": [", stream);
    for (size_t i = 0; i < measured->sample_count; i++) {
        fputs(i ? ",\n    " : "\n    ", stream);
        print_sample(stream, &measured->samples[i]);
    }
    fputs("]}", stream);
}

void gf_compare_print_json(const struct gf_comparison *comparison, FILE *stream) {
    size_t words = 0;
    while (comparison->command[words])
        words++;
    fprintf(stream, "{\"v\": 2, \"ts\": %.3f, \"seconds\": %g, \"connections\": %d, \"rate\": %g",
            comparison->began, comparison->seconds, comparison->plan.connections,
            comparison->plan.rate);
    print_list(stream, "command", (const char *const *)comparison->command, words);
    print_list(stream, "urls", comparison->urls, comparison->url_count);
    fputs(",\n \"modes\": [\n", stream);
    for (size_t i = 0; i < comparison->count; i++) {
        fputs(i ? ",\n" : "", stream);
        print_mode(stream, &comparison->measured[i]);
    }
    fputs("\n ]}\n", stream);
}
