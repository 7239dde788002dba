#include "core/report.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

/* Room for the longest event, so that its JSON is never cut: the bytes of script and version may
 * all be escaped, in six characters each. */
enum { LINE_SIZE = 1664, SCHEMA_VERSION = 2 };

static void add_prefix(struct gf_text *line, pid_t pid) {
    gf_text_add(line, "gcfreeze[");
    gf_text_add_long(line, pid);
    gf_text_add(line, "]: ");
}

/* ---- fields: in text ` name=value`, in JSON `,"name":value` ---- */

static void add_name(struct gf_text *line, enum gf_log_format format, const char *name) {
    gf_text_add_char(line, format == GF_LOG_JSON ? ',' : ' ');
    if (format == GF_LOG_JSON)
        gf_text_add_json(line, name);
    else
        gf_text_add(line, name);
    gf_text_add_char(line, format == GF_LOG_JSON ? ':' : '=');
}

/* A number below 0 is not known. */
static void add_number(struct gf_text *line, enum gf_log_format format, const char *name,
                       long value) {
    add_name(line, format, name);
    if (value >= 0)
        gf_text_add_long(line, value);
    else
        gf_text_add(line, format == GF_LOG_JSON ? "null" : "?");
}

/* One of our own words, which needs no quotes in text. */
static void add_word(struct gf_text *line, enum gf_log_format format, const char *name,
                     const char *word) {
    add_name(line, format, name);
    if (format == GF_LOG_JSON)
        gf_text_add_json(line, word);
    else
        gf_text_add(line, word);
}

/* Words of others. */
static void add_string(struct gf_text *line, enum gf_log_format format, const char *name,
                       const char *value) {
    add_name(line, format, name);
    if (format == GF_LOG_JSON) {
        gf_text_add_json(line, value);
    } else {
        gf_text_add_char(line, '"');
        gf_text_add_plain(line, value);
        gf_text_add_char(line, '"');
    }
}

static void add_json_head(struct gf_text *line, int64_t unix_ms, pid_t pid) {
    gf_text_add(line, "{\"v\":");
    gf_text_add_long(line, SCHEMA_VERSION);
    gf_text_add(line, ",\"ts\":");
    gf_text_add_long(line, unix_ms / 1000);
    gf_text_add_char(line, '.');
    gf_text_add_padded(line, (unsigned long)(unix_ms % 1000), 3);
    gf_text_add(line, ",\"pid\":");
    gf_text_add_long(line, pid);
}

/* Why a copying or a pass did less than all. */
static const char *outcome_word(int32_t reason) {
    return reason == GCFREEZE_REASON_NONE ? "ok" : gcfreeze_reason_name(reason);
}

/* ---- forks ---- */

static void add_marked(struct gf_text *line, enum gf_log_format format,
                       const struct gf_event *event) {
    const bool json = format == GF_LOG_JSON;
    add_number(line, format, json || event->complete ? "immortal" : "immortal_partly",
               event->marked);
    if (json)
        gf_text_add(line, event->complete ? ",\"complete\":true" : ",\"complete\":false");
}

/* What both formats say alike. */
static void add_figures(struct gf_text *line, enum gf_log_format format,
                        const struct gf_event *event) {
    if (event->frozen) {
        add_word(line, format, "mode", event->immortal ? "immortal" : "freeze");
        add_string(line, format, "mode_why", event->mode_why);
        add_number(line, format, "tracked", event->tracked);
        if (event->immortal)
            add_marked(line, format, event);
        add_number(line, format, "collect_us", event->collect_us);
        add_number(line, format, "freeze_us", event->freeze_us);
        if (event->immortal)
            add_number(line, format, "immortal_us", event->immortal_us);
    }
    if (event->reshared) {
        add_word(line, format, "snapshot", outcome_word((int32_t)event->snapshot));
        add_number(line, format, "snapshot_bytes", event->snapshot_bytes);
        add_number(line, format, "snapshot_us", event->snapshot_us);
    }
    add_number(line, format, "fork_us", event->fork_us);
}

static void format_text(const struct gf_event *event, struct gf_text *line) {
    add_prefix(line, event->pid);
    gf_text_add(line, event->frozen ? "freeze " : "skip ");
    gf_text_add(line, gcfreeze_reason_name((int32_t)event->reason));
    if (event->child >= 0) {
        add_number(line, GF_LOG_TEXT, "child", event->child);
    } else {
        add_word(line, GF_LOG_TEXT, "child", "none");
        add_number(line, GF_LOG_TEXT, "errno", event->error);
    }
    add_string(line, GF_LOG_TEXT, "caller", gf_caller_name(event->caller));
    add_string(line, GF_LOG_TEXT, "script", event->script);
    add_word(line, GF_LOG_TEXT, "python", event->python[0] ? event->python : "none");
    add_figures(line, GF_LOG_TEXT, event);
}

static void format_json(const struct gf_event *event, struct gf_text *line) {
    add_json_head(line, event->unix_ms, event->pid);
    add_number(line, GF_LOG_JSON, "child", event->child);
    add_word(line, GF_LOG_JSON, "event", event->frozen ? "freeze" : "skip");
    add_word(line, GF_LOG_JSON, "reason", gcfreeze_reason_name((int32_t)event->reason));
    add_word(line, GF_LOG_JSON, "caller", gf_caller_name(event->caller));
    add_string(line, GF_LOG_JSON, "script", event->script);
    add_word(line, GF_LOG_JSON, "python", event->python);
    if (event->child < 0)
        add_number(line, GF_LOG_JSON, "errno", event->error);
    add_figures(line, GF_LOG_JSON, event);
    gf_text_add_char(line, '}');
}

void gf_report_format(const struct gf_event *event, enum gf_log_format format, char *buffer,
                      size_t size) {
    struct gf_text line;
    gf_text_init(&line, buffer, size);
    if (format == GF_LOG_JSON)
        format_json(event, &line);
    else
        format_text(event, &line);
}

void gf_report_event(const struct gf_config *config, enum gf_log_level level,
                     const struct gf_event *event) {
    if (!gf_log_wants(level))
        return;
    char buffer[LINE_SIZE];
    struct gf_event stamped = *event;
    stamped.unix_ms = gf_clock_unix_ms();
    gf_report_format(&stamped, (enum gf_log_format)config->log_format, buffer, sizeof buffer);
    gf_log_line(level, buffer);
}

/* ---- what is no fork: a word, and then fields ---- */

static void begin_line(struct gf_text *line, enum gf_log_format format, pid_t pid,
                       const char *word) {
    if (format == GF_LOG_JSON) {
        add_json_head(line, gf_clock_unix_ms(), pid);
        add_word(line, format, "event", word);
    } else {
        add_prefix(line, pid);
        gf_text_add(line, word);
    }
}

static void end_line(struct gf_text *line, enum gf_log_format format) {
    if (format == GF_LOG_JSON)
        gf_text_add_char(line, '}');
    gf_log_line(GF_LOG_INFO, line->data);
}

/* ---- passes ---- */

void gf_report_pass(const struct gf_config *config, const struct gf_pass_event *event) {
    if (!gf_log_wants(GF_LOG_INFO))
        return;
    const enum gf_log_format format = (enum gf_log_format)config->log_format;
    const char *reason = outcome_word((int32_t)event->reason);
    char buffer[LINE_SIZE];
    struct gf_text line;
    gf_text_init(&line, buffer, sizeof buffer);
    begin_line(&line, format, event->pid, event->running ? "reshare-running" : "reshare");
    if (format == GF_LOG_JSON) {
        add_word(&line, format, "reason", reason);
    } else {
        gf_text_add_char(&line, ' ');
        gf_text_add(&line, reason);
        if (event->reason != GCFREEZE_REASON_NONE)
            add_string(&line, format, "meaning", gcfreeze_reason_meaning((int32_t)event->reason));
    }
    add_string(&line, format, "script", event->script);
    add_word(&line, format, "python", event->python);
    add_number(&line, format, "pages_given_back", event->given);
    add_number(&line, format, "pages_kept", event->kept);
    add_number(&line, format, "pass_us", event->pass_us);
    add_number(&line, format, "page_size", event->page_size);
    end_line(&line, format);
}

/* ---- warm-ups ---- */

/* "200:2 302:1" as {"200":2,"302":1} */
static void add_counts(struct gf_text *line, const char *name, const char *counts) {
    add_name(line, GF_LOG_JSON, name);
    gf_text_add(line, *counts ? "{\"" : "{");
    for (; *counts; counts++) {
        if (*counts == ':')
            gf_text_add(line, "\":");
        else if (*counts == ' ')
            gf_text_add(line, ",\"");
        else
            gf_text_add_char(line, *counts);
    }
    gf_text_add_char(line, '}');
}

void gf_report_warmup(const struct gf_config *config, const struct gf_warmup_event *event) {
    if (!gf_log_wants(GF_LOG_INFO))
        return;
    const enum gf_log_format format = (enum gf_log_format)config->log_format;
    char buffer[LINE_SIZE];
    struct gf_text line;
    gf_text_init(&line, buffer, sizeof buffer);
    begin_line(&line, format, event->pid, "warm-up");
    add_string(&line, format, "script", event->script);
    add_word(&line, format, "python", event->python);
    add_number(&line, format, "done", event->done);
    add_number(&line, format, "left_out", event->left_out);
    if (format == GF_LOG_JSON)
        add_counts(&line, "statuses", event->statuses);
    else
        add_string(&line, format, "statuses", event->statuses);
    add_number(&line, format, "trial_us", event->trial_us);
    add_number(&line, format, "parent_us", event->parent_us);
    add_number(&line, format, "bytes", event->bytes);
    end_line(&line, format);
}

/* ---- sentences ---- */

static const char *level_name(enum gf_log_level level) {
    static const char *const names[] = {"none", "error", "warn", "info", "debug"};
    return names[level];
}

void gf_report_message(const struct gf_config *config, enum gf_log_level level,
                       const char *sentence) {
    if (!gf_log_wants(level))
        return;
    char buffer[LINE_SIZE];
    struct gf_text line;
    gf_text_init(&line, buffer, sizeof buffer);
    if (config->log_format == GF_LOG_JSON) {
        add_json_head(&line, gf_clock_unix_ms(), getpid());
        add_word(&line, GF_LOG_JSON, "event", "message");
        add_word(&line, GF_LOG_JSON, "level", level_name(level));
        add_word(&line, GF_LOG_JSON, "message", sentence);
        gf_text_add_char(&line, '}');
    } else {
        add_prefix(&line, getpid());
        gf_text_add(&line, sentence);
    }
    gf_log_line(level, line.data);
}
