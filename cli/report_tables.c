/* report.h: the tables of the page. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gcfreeze.h"
#include "html.h"
#include "report.h"

enum { ROWS = 60 };

static const char *meaning_of(const char *reason) {
#define MEANING(identifier, word, meaning)                                                         \
    if (strcmp(reason, word) == 0)                                                                 \
        return meaning;
    GCFREEZE_REASONS(MEANING)
#undef MEANING
    return "a reason that this program does not know";
}

static void put_clock(char *buffer, size_t size, double seconds) {
    time_t moment = (time_t)seconds;
    struct tm local;
    strftime(buffer, size, "%Y-%m-%d %H:%M:%S", localtime_r(&moment, &local));
}

static void text_cell(FILE *stream, const char *text) {
    fputs("<td>", stream);
    gf_html_text(stream, text);
    fputs("</td>", stream);
}

static void number_cell(FILE *stream, long value) {
    if (value < 0)
        fputs("<td class=\"number\">–</td>", stream);
    else
        fprintf(stream, "<td class=\"number\">%ld</td>", value);
}

static void time_cell(FILE *stream, long microseconds) {
    if (microseconds < 0)
        fputs("<td class=\"number\">–</td>", stream);
    else
        fprintf(stream, "<td class=\"number\">%.1f ms</td>", (double)microseconds / 1000);
}

/* Text below the figure of a cell. */
static void below(FILE *stream, bool bad, const char *text) {
    fputs(bad ? "<small class=\"bad\">" : "<small>", stream);
    gf_html_text(stream, text);
    fputs("</small>", stream);
}

/* ---- reasons ---- */

struct tally {
    const struct gf_logged *event; /* the first of its kind and reason */
    size_t count;
};

static int by_count(const void *a, const void *b) {
    const struct tally *left = a, *right = b;
    return (left->count < right->count) - (left->count > right->count);
}

/* Groups events; `ret` has `room` rows, and what comes when it is full is not counted. */
static size_t tally(const struct gf_events *events,
                    bool (*same)(const struct gf_logged *a, const struct gf_logged *b),
                    struct tally *ret, size_t room) {
    size_t count = 0;
    for (size_t i = 0; i < events->count; i++) {
        size_t j = 0;
        while (j < count && !same(ret[j].event, &events->list[i]))
            j++;
        if (j == room)
            continue;
        if (j == count)
            ret[count++] = (struct tally){&events->list[i], 0};
        ret[j].count++;
    }
    if (count > 0)
        qsort(ret, count, sizeof *ret, by_count);
    return count;
}

static bool same_reason(const struct gf_logged *a, const struct gf_logged *b) {
    return a->kind == b->kind && strcmp(a->reason, b->reason) == 0;
}

void gf_report_print_reasons(const struct gf_events *events, FILE *stream) {
    static const char *const kinds[] = {"freeze", "left alone", "pass"};
    static const char *const colours[] = {"c1", "c0", "c3"};
    struct tally rows[2 * GCFREEZE_REASON_ROOM];
    size_t count = tally(events, same_reason, rows, sizeof rows / sizeof *rows);
    gf_html_section(stream, "Reasons", NULL);
    fputs("<div class=\"scroll\"><table class=\"words\">\n<tr><th>Event</th><th>Reason</th><th "
          "class=\"number\">Times</th></tr>\n",
          stream);
    for (size_t i = 0; i < count; i++) {
        const struct gf_logged *event = rows[i].event;
        if (event->kind > GF_EVENT_PASS)
            continue;
        bool whole = event->kind == GF_EVENT_PASS && strcmp(event->reason, "ok") == 0;
        fprintf(stream,
                "<tr class=\"%s\"><td><span class=\"key\">%s</span></td><td class=\"long\">",
                colours[event->kind], kinds[event->kind]);
        gf_html_text(stream, whole ? "complete" : event->reason);
        below(stream, false, whole ? "it looked at every page" : meaning_of(event->reason));
        fprintf(stream,
                "<span class=\"bar\" style=\"width:%.1f%%\"></span></td><td "
                "class=\"number\">%zu</td></tr>\n",
                100 * (double)rows[i].count / (double)rows[0].count, rows[i].count);
    }
    fputs("</table></div>\n", stream);
}

/* ---- lists of one kind ---- */

/* A section with a row for each event of a kind, the last ROWS of them; nothing where there is
 * none. */
static void print_list(FILE *stream, const struct gf_events *events, enum gf_event_kind kind,
                       const char *title, const char *explanation, const char *titles,
                       void (*print)(FILE *stream, const struct gf_logged *event)) {
    char text[256];
    size_t count = 0;
    for (size_t i = 0; i < events->count; i++)
        count += events->list[i].kind == kind;
    if (count == 0)
        return;
    snprintf(text, sizeof text, "The last %d of %zu. %s", ROWS, count, explanation);
    gf_html_section(stream, title, count > ROWS ? text : explanation);
    fprintf(stream, "<div class=\"scroll\"><table class=\"words\">\n<tr>%s</tr>\n", titles);
    size_t left = count > ROWS ? count - ROWS : 0;
    for (size_t i = 0; i < events->count; i++) {
        if (events->list[i].kind != kind)
            continue;
        if (left > 0)
            left--;
        else
            print(stream, &events->list[i]);
    }
    fputs("</table></div>\n", stream);
}

/* When and who: the first two cells of a row. */
static void begin_row(FILE *stream, const struct gf_logged *event) {
    char text[80];
    put_clock(text, sizeof text, event->time);
    fputs("<tr>", stream);
    text_cell(stream, text);
    fputs("<td>", stream);
    gf_html_text(stream, event->script);
    snprintf(text, sizeof text, "pid %d", (int)event->pid);
    below(stream, false, text);
    fputs("</td>", stream);
}

/* Its end is the caller's. */
static void begin_memory_cell(FILE *stream, long bytes) {
    if (bytes >= 0)
        fprintf(stream, "<td class=\"number\">%.1f MB", (double)bytes / (1 << 20));
    else
        fputs("<td class=\"number\">–", stream);
}

/* ---- warm-ups ---- */

static void print_warmup(FILE *stream, const struct gf_logged *event) {
    begin_row(stream, event);
    fputs("<td class=\"number\">", stream);
    if (event->done < 0)
        fputs("–", stream);
    else
        fprintf(stream, "%ld", event->done);
    below(stream, false, event->statuses);
    fputs("</td>", stream);
    number_cell(stream, event->left_out);
    time_cell(stream, event->trial_us);
    time_cell(stream, event->parent_us);
    begin_memory_cell(stream, event->bytes);
    fputs("</td></tr>\n", stream);
}

void gf_report_print_warmups(const struct gf_events *events, FILE *stream) {
    print_list(
        stream, events, GF_EVENT_WARMUP, "Warm-ups",
        "Pages and functions that ran before the first fork. The memory is what the parent grew "
        "by; workers share it.",
        "<th>Time</th><th>Process</th><th class=\"number\">Done</th><th class=\"number\">Left "
        "out</th><th class=\"number\">Trials</th><th class=\"number\">Took</th><th "
        "class=\"number\">Memory</th>",
        print_warmup);
}

/* ---- freezes ---- */

/* What it took in all, and below it of what. */
static void duration_cell(FILE *stream, const struct gf_logged *event) {
    static const char *const names[] = {"collect", "freeze", "immortal", "copy"};
    const long parts[] = {event->collect_us, event->freeze_us, event->immortal_us,
                          event->snapshot_us};
    long sum = 0;
    for (size_t i = 0; i < 4; i++)
        sum += parts[i] > 0 ? parts[i] : 0;
    fprintf(stream, "<td class=\"number\">%.1f ms", (double)sum / 1000);
    for (size_t i = 0; i < 4; i++) {
        char text[48];
        snprintf(text, sizeof text, "%s %.1f", names[i], (double)parts[i] / 1000);
        if (parts[i] > 0)
            below(stream, false, text);
    }
    fputs("</td>", stream);
}

static void print_freeze(FILE *stream, const struct gf_logged *event) {
    char text[80];
    begin_row(stream, event);
    fputs("<td>", stream);
    gf_html_text(stream, event->reason);
    below(stream, false, event->mode);
    fputs("</td><td class=\"number\">", stream);
    if (event->tracked < 0)
        fputs("–", stream);
    else
        fprintf(stream, "%ld", event->tracked);
    snprintf(text, sizeof text, "%ld immortal", event->immortal);
    if (event->immortal >= 0)
        below(stream, false, text);
    if (event->partly)
        below(stream, true, "memory ran out");
    fputs("</td>", stream);
    duration_cell(stream, event);
    begin_memory_cell(stream, event->snapshot_bytes);
    if (event->snapshot[0] && strcmp(event->snapshot, "ok") != 0)
        below(stream, true, event->snapshot);
    fputs("</td>", stream);
    time_cell(stream, event->fork_us);
    fputs("</tr>\n", stream);
}

void gf_report_print_freezes(const struct gf_events *events, FILE *stream) {
    print_list(stream, events, GF_EVENT_FREEZE, "Freezes",
               "Objects are the collector's own estimate.",
               "<th>Time</th><th>Process</th><th>Reason</th><th class=\"number\">Objects</th><th "
               "class=\"number\">Took</th><th class=\"number\">Copied</th><th "
               "class=\"number\">Fork</th>",
               print_freeze);
}

/* ---- processes ---- */

struct process {
    const struct gf_logged *event; /* its first one, but messages, which know little */
    size_t forks, freezes, passes, messages;
    double given;
};

static int by_pid(const void *a, const void *b) {
    const struct process *left = a, *right = b;
    return (left->event->pid > right->event->pid) - (left->event->pid < right->event->pid);
}

static int by_work(const void *a, const void *b) {
    const struct process *left = a, *right = b;
    size_t first = left->forks + left->passes, second = right->forks + right->passes;
    return first != second ? (first < second) - (first > second) : by_pid(a, b);
}

/* Each event as a process of its own, then those of one pid added up. */
static size_t gather(const struct gf_events *events, struct process *ret) {
    size_t count = 0;
    for (size_t i = 0; i < events->count; i++) {
        const struct gf_logged *event = &events->list[i];
        ret[i] = (struct process){
            .event = event,
            .forks = event->kind <= GF_EVENT_SKIP,
            .freezes = event->kind == GF_EVENT_FREEZE,
            .passes = event->kind == GF_EVENT_PASS,
            .messages = event->kind == GF_EVENT_MESSAGE,
            .given = gf_events_given_bytes(event),
        };
    }
    qsort(ret, events->count, sizeof *ret, by_pid);
    for (size_t i = 0; i < events->count; i++) {
        if (count == 0 || ret[count - 1].event->pid != ret[i].event->pid) {
            ret[count++] = ret[i];
            continue;
        }
        struct process *sum = &ret[count - 1];
        if (sum->event->kind == GF_EVENT_MESSAGE)
            sum->event = ret[i].event;
        sum->forks += ret[i].forks;
        sum->freezes += ret[i].freezes;
        sum->passes += ret[i].passes;
        sum->messages += ret[i].messages;
        sum->given += ret[i].given;
    }
    qsort(ret, count, sizeof *ret, by_work);
    return count;
}

void gf_report_print_processes(const struct gf_events *events, FILE *stream) {
    struct process *list = calloc(events->count, sizeof *list);
    char explanation[64];
    if (!list)
        return;
    size_t count = gather(events, list);
    snprintf(explanation, sizeof explanation, "The busiest %d of %zu.", ROWS, count);
    gf_html_section(stream, "Processes", count > ROWS ? explanation : NULL);
    fputs("<div class=\"scroll\"><table class=\"words\">\n<tr><th>Process</th><th>Script</th><th>"
          "Python</th><th class=\"number\">Forks</th><th class=\"number\">Frozen for</th><th "
          "class=\"number\">Passes</th><th class=\"number\">Given back</th><th "
          "class=\"number\">Messages</th></tr>\n",
          stream);
    for (size_t i = 0; i < count && i < ROWS; i++) {
        const struct process *process = &list[i];
        fprintf(stream, "<tr><td>%d</td>", (int)process->event->pid);
        text_cell(stream, process->event->script);
        text_cell(stream, process->event->python);
        number_cell(stream, (long)process->forks);
        number_cell(stream, (long)process->freezes);
        number_cell(stream, (long)process->passes);
        fprintf(stream, "<td class=\"number\">%.1f MB</td>", process->given / (1 << 20));
        number_cell(stream, (long)process->messages);
        fputs("</tr>\n", stream);
    }
    fputs("</table></div>\n", stream);
    free(list);
}

/* ---- messages ---- */

static bool same_message(const struct gf_logged *a, const struct gf_logged *b) {
    return a->kind == b->kind &&
           (a->kind != GF_EVENT_MESSAGE || strcmp(a->message, b->message) == 0);
}

void gf_report_print_messages(const struct gf_events *events, FILE *stream) {
    struct tally rows[ROWS];
    size_t count = tally(events, same_message, rows, ROWS);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const struct gf_logged *event = rows[i].event;
        char clock[64];
        if (event->kind != GF_EVENT_MESSAGE)
            continue;
        if (!any) {
            gf_html_section(stream, "Messages", NULL);
            fputs("<div class=\"scroll\"><table class=\"words\">\n<tr><th>What it said</th><th>"
                  "Level</th><th class=\"number\">Times</th></tr>\n",
                  stream);
            any = true;
        }
        put_clock(clock, sizeof clock, event->time);
        fputs("<tr><td class=\"long\">", stream);
        gf_html_text(stream, event->message);
        below(stream, false, clock);
        fputs("</td>", stream);
        text_cell(stream, event->level);
        number_cell(stream, (long)rows[i].count);
        fputs("</tr>\n", stream);
    }
    fputs(any ? "</table></div>\n" : "", stream);
}
