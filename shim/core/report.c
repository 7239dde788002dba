#include "core/report.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

/* Room for the longest event, so that its JSON is never cut: the bytes of script and version may
 * all be escaped, in six characters each. */
enum { LINE_SIZE = 1536, SCHEMA_VERSION = 1 };

static void add_prefix(struct gf_text *line, pid_t pid) {
    gf_text_add(line, "gcfreeze[");
    gf_text_add_long(line, pid);
    gf_text_add(line, "]: ");
}

static void add_text_field(struct gf_text *line, const char *name, long value) {
    gf_text_add_char(line, ' ');
    gf_text_add(line, name);
    gf_text_add_char(line, '=');
    if (value < 0)
        gf_text_add_char(line, '?');
    else
        gf_text_add_long(line, value);
}

static void format_text(const struct gf_event *event, struct gf_text *line) {
    add_prefix(line, event->pid);
    gf_text_add(line, event->frozen ? "freeze " : "skip ");
    gf_text_add(line, gcfreeze_reason_name((int32_t)event->reason));
    if (event->child >= 0) {
        add_text_field(line, "child", event->child);
    } else {
        gf_text_add(line, " child=none");
        add_text_field(line, "errno", event->error);
    }
    gf_text_add(line, " caller=\"");
    gf_text_add(line, gf_caller_name(event->caller));
    gf_text_add(line, "\" script=\"");
    gf_text_add_plain(line, event->script);
    gf_text_add(line, "\" python=");
    gf_text_add(line, event->python[0] ? event->python : "none");
    if (event->frozen) {
        gf_text_add(line, " mode=freeze");
        add_text_field(line, "tracked", event->tracked);
        add_text_field(line, "collect_us", event->collect_us);
        add_text_field(line, "freeze_us", event->freeze_us);
    }
    add_text_field(line, "fork_us", event->fork_us);
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

static void add_json_string(struct gf_text *line, const char *name, const char *value) {
    gf_text_add_char(line, ',');
    gf_text_add_json(line, name);
    gf_text_add_char(line, ':');
    gf_text_add_json(line, value);
}

static void add_json_number(struct gf_text *line, const char *name, long value) {
    gf_text_add_char(line, ',');
    gf_text_add_json(line, name);
    gf_text_add_char(line, ':');
    if (value < 0)
        gf_text_add(line, "null");
    else
        gf_text_add_long(line, value);
}

static void format_json(const struct gf_event *event, struct gf_text *line) {
    add_json_head(line, event->unix_ms, event->pid);
    add_json_number(line, "child", event->child);
    add_json_string(line, "event", event->frozen ? "freeze" : "skip");
    add_json_string(line, "reason", gcfreeze_reason_name((int32_t)event->reason));
    add_json_string(line, "caller", gf_caller_name(event->caller));
    add_json_string(line, "script", event->script);
    add_json_string(line, "python", event->python);
    if (event->child < 0)
        add_json_number(line, "errno", event->error);
    if (event->frozen) {
        add_json_string(line, "mode", "freeze");
        add_json_number(line, "tracked", event->tracked);
        add_json_number(line, "collect_us", event->collect_us);
        add_json_number(line, "freeze_us", event->freeze_us);
    }
    add_json_number(line, "fork_us", event->fork_us);
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
        add_json_string(&line, "event", "message");
        add_json_string(&line, "level", level_name(level));
        add_json_string(&line, "message", sentence);
        gf_text_add_char(&line, '}');
    } else {
        add_prefix(&line, getpid());
        gf_text_add(&line, sentence);
    }
    gf_log_line(level, line.data);
}
