#include "events.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* In version 1, a copying or a pass that did all has the word "none". */
enum { FIRST_VERSION = 1, LAST_VERSION = 2 };

static const struct {
    const char *word;
    enum gf_event_kind kind;
} kinds[] = {
    {"freeze", GF_EVENT_FREEZE},  {"skip", GF_EVENT_SKIP},
    {"reshare", GF_EVENT_PASS},   {"reshare-running", GF_EVENT_RUNNING},
    {"warm-up", GF_EVENT_WARMUP}, {"message", GF_EVENT_MESSAGE},
};

/* Numbers of the library are no larger than what a double holds exactly. */
static long take_number(const cJSON *event, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(event, name);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 9e15)
        return -1;
    return (long)item->valuedouble;
}

static const char *text_of(const cJSON *event, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, name));
    return text ? text : "";
}

static void take_text(const cJSON *event, const char *name, char *buffer, size_t size) {
    snprintf(buffer, size, "%s", text_of(event, name));
}

static bool take_kind(const cJSON *event, enum gf_event_kind *ret) {
    const char *word = text_of(event, "event");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].word, word) == 0) {
            *ret = kinds[i].kind;
            return true;
        }
    }
    return false;
}

static void say_ok(char *word) {
    if (strcmp(word, "none") == 0)
        strcpy(word, "ok");
}

/* {"200": 5, "function": 1} as words */
static void take_counts(const cJSON *event, const char *name, char *buffer, size_t size) {
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(event, name);
    size_t length = 0;
    if (!cJSON_IsObject(counts))
        return;
    for (const cJSON *item = counts->child; item && length < size; item = item->next) {
        if (cJSON_IsNumber(item))
            length += (size_t)snprintf(buffer + length, size - length, "%s%s: %.0f",
                                       length ? ", " : "", item->string, item->valuedouble);
    }
}

static bool take_event(const cJSON *event, struct gf_logged *ret) {
    const struct {
        const char *name;
        long *ret;
    } numbers[] = {
        {"errno", &ret->error},
        {"tracked", &ret->tracked},
        {"immortal", &ret->immortal},
        {"collect_us", &ret->collect_us},
        {"freeze_us", &ret->freeze_us},
        {"immortal_us", &ret->immortal_us},
        {"fork_us", &ret->fork_us},
        {"snapshot_bytes", &ret->snapshot_bytes},
        {"snapshot_us", &ret->snapshot_us},
        {"pages_given_back", &ret->given},
        {"pages_kept", &ret->kept},
        {"page_size", &ret->page_size},
        {"pass_us", &ret->pass_us},
        {"done", &ret->done},
        {"left_out", &ret->left_out},
        {"trial_us", &ret->trial_us},
        {"parent_us", &ret->parent_us},
        {"bytes", &ret->bytes},
    };
    const cJSON *time = cJSON_GetObjectItemCaseSensitive(event, "ts");
    long pid = take_number(event, "pid"), child = take_number(event, "child");
    *ret = (struct gf_logged){0};
    long version = take_number(event, "v");
    if (version < FIRST_VERSION || version > LAST_VERSION || !take_kind(event, &ret->kind) ||
        !cJSON_IsNumber(time) || !(time->valuedouble >= 0 && time->valuedouble < 1e11) || pid < 0 ||
        pid > INT32_MAX || child > INT32_MAX)
        return false;
    ret->time = time->valuedouble;
    ret->pid = (pid_t)pid;
    ret->child = (pid_t)child;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i].ret = take_number(event, numbers[i].name);
    take_text(event, "reason", ret->reason, sizeof ret->reason);
    take_text(event, "caller", ret->caller, sizeof ret->caller);
    take_text(event, "script", ret->script, sizeof ret->script);
    take_text(event, "python", ret->python, sizeof ret->python);
    take_text(event, "mode", ret->mode, sizeof ret->mode);
    take_text(event, "snapshot", ret->snapshot, sizeof ret->snapshot);
    take_text(event, "level", ret->level, sizeof ret->level);
    take_counts(event, "statuses", ret->statuses, sizeof ret->statuses);
    if (version == FIRST_VERSION) {
        say_ok(ret->snapshot);
        if (ret->kind == GF_EVENT_PASS)
            say_ok(ret->reason);
    }
    ret->partly = cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(event, "complete"));
    ret->message = strdup(text_of(event, "message"));
    return ret->message != NULL;
}

double gf_events_given_bytes(const struct gf_logged *event) {
    if (event->given < 0)
        return 0;
    return (double)event->given * (event->page_size > 0 ? (double)event->page_size : 4096);
}

bool gf_events_parse(const char *line, struct gf_logged *ret) {
    cJSON *event = cJSON_ParseWithOpts(line, NULL, true);
    bool good = cJSON_IsObject(event) && take_event(event, ret);
    cJSON_Delete(event);
    return good;
}

/* Processes write into one file as they come; lines of the same moment keep their order. */
static int by_time(const void *a, const void *b) {
    const struct gf_logged *left = a, *right = b;
    if (left->time != right->time)
        return left->time < right->time ? -1 : 1;
    return 0;
}

static bool is_of_pass(const struct gf_logged *event) {
    return event->kind == GF_EVENT_PASS || event->kind == GF_EVENT_RUNNING;
}

static int by_pid(const void *a, const void *b) {
    const struct gf_logged *left = a, *right = b;
    return left->pid != right->pid ? (left->pid > right->pid) - (left->pid < right->pid)
                                   : by_time(a, b);
}

/* A pass that goes on says what it has given back so far, and at its end what it has in all. */
static void divide(struct gf_events *events) {
    long before = 0;
    qsort(events->list, events->count, sizeof *events->list, by_pid);
    for (size_t i = 0; i < events->count; i++) {
        struct gf_logged *event = &events->list[i];
        if (i > 0 && event->pid != event[-1].pid)
            before = 0;
        if (!is_of_pass(event))
            continue;
        const long given = event->given;
        if (given >= before)
            event->given = given - before; /* else the log lacks its last line */
        before = event->kind == GF_EVENT_RUNNING && given > 0 ? given : 0;
    }
}

static bool make_room(struct gf_events *events) {
    if (events->count < events->room)
        return true;
    size_t room = events->room ? 2 * events->room : 256;
    struct gf_logged *list = realloc(events->list, room * sizeof *list);
    if (!list)
        return false;
    events->list = list;
    events->room = room;
    return true;
}

bool gf_events_read(FILE *stream, struct gf_events *ret) {
    struct gf_events events = {0};
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    bool good = true;
    while (good && (length = getline(&line, &size, stream)) > 0) {
        if (line[length - 1] == '\n')
            line[--length] = '\0';
        if (line[strspn(line, " \t\r")] == '\0' && (size_t)length == strlen(line))
            continue;
        events.lines++;
        good = make_room(&events);
        if (good && (size_t)length == strlen(line) &&
            gf_events_parse(line, &events.list[events.count]))
            events.count++;
        else
            events.broken++;
    }
    int error = ferror(stream) ? errno : ENOMEM;
    good = good && !ferror(stream);
    free(line);
    if (!good) {
        gf_events_release(&events);
        errno = error;
        return false;
    }
    if (events.count > 0) {
        divide(&events);
        qsort(events.list, events.count, sizeof *events.list, by_time);
    }
    *ret = events;
    return true;
}

void gf_events_release(struct gf_events *events) {
    for (size_t i = 0; i < events->count; i++)
        free(events->list[i].message);
    free(events->list);
    *events = (struct gf_events){0};
}
