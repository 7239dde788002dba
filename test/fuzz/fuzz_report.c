/* The lines that the library writes. Input: the numbers of an event, then the script's name and the
 * interpreter's version, each up to a byte of 0.
 *
 * - As JSON a line is whole, and the program reads the same event from it.
 * - As text it is one printable line, in which nothing ends a quotation but the quotation. */
#include <stdbool.h>
#include <string.h>

#include "core/report.h"
#include "events.h"
#include "fuzz.h"
#include "process/self.h"

enum { VERSION = 32 }; /* of gcfreeze_status.python */

static char line[4096];

void __wrap_gf_log_line(enum gf_log_level level, const char *text);
void __wrap_gf_log_line(enum gf_log_level level, const char *text) {
    (void)level;
    GF_FUZZ_CHECK(strlen(text) < sizeof line);
    strcpy(line, text);
}

static long take_number(struct gf_bytes *bytes) {
    long value = 0;
    const uint8_t *taken = gf_bytes_take(bytes, sizeof value);
    if (taken)
        memcpy(&value, taken, sizeof value);
    return value;
}

static unsigned take_byte(struct gf_bytes *bytes) {
    const uint8_t *taken = gf_bytes_take(bytes, 1);
    return taken ? *taken : 0;
}

static void take_text(struct gf_bytes *bytes, char *ret, size_t size) {
    size_t length = strnlen((const char *)bytes->data, bytes->size);
    size_t most = length < size ? length : size - 1;
    memcpy(ret, bytes->data, most);
    ret[most] = '\0';
    gf_bytes_take(bytes, length < bytes->size ? length + 1 : length);
}

/* How a number comes back: nothing below zero, and none that a double does not hold. */
static bool same(long written, long read) {
    return written < 0 || written > 9000000000000000 ? read == -1 : read == written;
}

static bool is_plain(const char *text) {
    for (; *text; text++) {
        if (*text < ' ' || *text >= 127)
            return false;
    }
    return true;
}

static size_t quotes(const char *text) {
    size_t count = 0;
    for (; *text; text++)
        count += *text == '"';
    return count;
}

static void check_json(const struct gf_event *event) {
    struct gf_logged read;
    GF_FUZZ_CHECK(gf_events_parse(line, &read));
    GF_FUZZ_CHECK(read.pid == event->pid && same(event->child, read.child));
    GF_FUZZ_CHECK(read.kind == (event->frozen ? GF_EVENT_FREEZE : GF_EVENT_SKIP));
    GF_FUZZ_CHECK(strcmp(read.reason, gcfreeze_reason_name((int32_t)event->reason)) == 0);
    GF_FUZZ_CHECK(same(event->fork_us, read.fork_us));
    if (event->frozen) {
        GF_FUZZ_CHECK(same(event->tracked, read.tracked));
        GF_FUZZ_CHECK(same(event->collect_us, read.collect_us));
        GF_FUZZ_CHECK(same(event->freeze_us, read.freeze_us));
    }
    if (event->frozen && event->immortal) {
        GF_FUZZ_CHECK(same(event->marked, read.immortal) && read.partly == !event->complete);
        GF_FUZZ_CHECK(same(event->immortal_us, read.immortal_us));
    }
    if (event->reshared)
        GF_FUZZ_CHECK(same(event->snapshot_bytes, read.snapshot_bytes) &&
                      same(event->snapshot_us, read.snapshot_us));
    if (is_plain(event->script))
        GF_FUZZ_CHECK(strncmp(read.script, event->script, sizeof read.script - 1) == 0);
    free(read.message);
}

/* A warm-up with the same numbers and texts. */
static void check_warmup(const struct gf_config *config, const struct gf_event *event) {
    struct gf_logged read;
    const struct gf_warmup_event warmup = {
        .pid = event->pid,
        .script = event->script,
        .python = event->python,
        .done = event->tracked,
        .left_out = event->marked,
        .statuses = event->frozen ? "200:2 302:1 function:1" : "",
        .trial_us = event->collect_us,
        .parent_us = event->freeze_us,
        .bytes = event->immortal_us,
    };
    gf_report_warmup(config, &warmup);
    GF_FUZZ_CHECK(gf_events_parse(line, &read));
    GF_FUZZ_CHECK(read.kind == GF_EVENT_WARMUP && read.pid == event->pid);
    GF_FUZZ_CHECK(same(warmup.done, read.done) && same(warmup.left_out, read.left_out));
    GF_FUZZ_CHECK(same(warmup.trial_us, read.trial_us) && same(warmup.parent_us, read.parent_us));
    GF_FUZZ_CHECK(same(warmup.bytes, read.bytes));
    GF_FUZZ_CHECK(strcmp(read.statuses, event->frozen ? "200: 2, 302: 1, function: 1" : "") == 0);
    free(read.message);
}

/* A pass with the same numbers, over or running. */
static void check_pass(const struct gf_config *config, const struct gf_event *event) {
    struct gf_logged read;
    const struct gf_pass_event pass = {
        .pid = event->pid,
        .running = event->frozen,
        .reason = event->reason,
        .script = event->script,
        .python = event->python,
        .given = event->tracked,
        .kept = event->marked,
        .pass_us = event->collect_us,
    };
    gf_report_pass(config, &pass);
    GF_FUZZ_CHECK(gf_events_parse(line, &read));
    GF_FUZZ_CHECK(read.kind == (pass.running ? GF_EVENT_RUNNING : GF_EVENT_PASS));
    GF_FUZZ_CHECK(same(pass.given, read.given) && same(pass.kept, read.kept));
    GF_FUZZ_CHECK(same(pass.pass_us, read.pass_us));
    free(read.message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gf_bytes bytes = {data, size};
    char script[GF_SELF_NAME_SIZE], python[VERSION];
    unsigned flags = take_byte(&bytes);
    struct gf_event event = {
        .pid = (pid_t)(take_number(&bytes) & INT32_MAX),
        .child = (pid_t)take_number(&bytes),
        .frozen = flags & 1,
        .immortal = flags & 2,
        .complete = flags & 4,
        .reshared = flags & 8,
        .reason = (enum gcfreeze_reason)(take_byte(&bytes) % GCFREEZE_REASON_COUNT),
        .snapshot = (enum gcfreeze_reason)(take_byte(&bytes) % GCFREEZE_REASON_COUNT),
        .caller = (enum gf_caller)(take_byte(&bytes) % (GF_CALLER_SIGNAL + 1)),
        .error = (int)take_byte(&bytes),
        .tracked = take_number(&bytes),
        .marked = take_number(&bytes),
        .collect_us = take_number(&bytes),
        .freeze_us = take_number(&bytes),
        .immortal_us = take_number(&bytes),
        .fork_us = take_number(&bytes),
        .snapshot_bytes = take_number(&bytes),
        .snapshot_us = take_number(&bytes),
        .script = script,
        .python = python,
        .mode_why = "told",
    };
    take_text(&bytes, script, sizeof script);
    take_text(&bytes, python, sizeof python);
    gf_log_init(GF_LOG_DEBUG, "");

    struct gf_config config = {.log_format = GF_LOG_JSON};
    gf_report_event(&config, GF_LOG_INFO, &event);
    check_json(&event);
    check_warmup(&config, &event);
    check_pass(&config, &event);
    config.log_format = GF_LOG_TEXT;
    gf_report_event(&config, GF_LOG_INFO, &event);
    GF_FUZZ_CHECK(strncmp(line, "gcfreeze[", 9) == 0);
    GF_FUZZ_CHECK(!is_plain(python) ||
                  (is_plain(line) && quotes(line) == (event.frozen ? 6 : 4) + quotes(python)));
    return 0;
}
