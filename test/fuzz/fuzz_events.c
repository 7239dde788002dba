/* A log that `gcfreeze report` reads, and the page that it makes of it. Input: the log.
 *
 * - Each line is an event or counted as broken; events are sorted by time, their texts end.
 * - Nothing of a log becomes markup: the page's tags are those that the program writes. */
#include <string.h>

#include "events.h"
#include "fuzz.h"
#include "report.h"

static void check_text(const char *text, size_t size) {
    GF_FUZZ_CHECK(memchr(text, '\0', size) != NULL);
}

static void check_events(const struct gf_events *events) {
    GF_FUZZ_CHECK(events->count + events->broken == events->lines);
    for (size_t i = 0; i < events->count; i++) {
        const struct gf_logged *event = &events->list[i];
        GF_FUZZ_CHECK(i == 0 || events->list[i - 1].time <= event->time);
        GF_FUZZ_CHECK(event->kind <= GF_EVENT_MESSAGE && event->message && event->pid >= 0);
        check_text(event->reason, sizeof event->reason);
        check_text(event->caller, sizeof event->caller);
        check_text(event->script, sizeof event->script);
        check_text(event->python, sizeof event->python);
        check_text(event->mode, sizeof event->mode);
        check_text(event->snapshot, sizeof event->snapshot);
        check_text(event->level, sizeof event->level);
        check_text(event->statuses, sizeof event->statuses);
    }
}

static void check_page(const struct gf_events *events) {
    static const char tags[] =
        " !doctype b body circle code dd div dl dt footer g h1 h2 head html li line meta p path "
        "polygon polyline rect small span style svg table td text th title tr tspan ul ";
    char *page = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&page, &size);
    if (!stream)
        abort();
    gf_report_print_page(events, "log <name>", stream);
    fclose(stream);
    GF_FUZZ_CHECK(strlen(page) == size);
    for (const char *at = page; (at = strchr(at, '<'));) {
        char word[32];
        at += at[1] == '/' ? 2 : 1;
        size_t length = strspn(at, "!abcdefghijklmnopqrstuvwxyz123");
        snprintf(word, sizeof word, " %.*s ", (int)length, at);
        if (length == 0 || !strstr(tags, word))
            fprintf(stderr, "tag: %.40s\n", at - 1);
        GF_FUZZ_CHECK(length > 0 && strstr(tags, word));
    }
    free(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gf_events events;
    FILE *stream = size ? fmemopen((void *)data, size, "r") : NULL;
    if (!stream)
        return 0;
    GF_FUZZ_CHECK(gf_events_read(stream, &events));
    fclose(stream);
    check_events(&events);
    if (events.count > 0)
        check_page(&events);
    gf_events_release(&events);
    return 0;
}
