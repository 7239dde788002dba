/* Prints what others rely on, one line each; abi.txt holds what was promised. */
#include <stddef.h>
#include <stdio.h>

#include "core/report.h"
#include "gcfreeze.h"

#define STATUS_FIELDS(X)                                                                           \
    X(size)                                                                                        \
    X(attached)                                                                                    \
    X(python)                                                                                      \
    X(forks_seen)                                                                                  \
    X(forks_frozen)                                                                                \
    X(spawns_seen)                                                                                 \
    X(skipped)                                                                                     \
    X(last_reason)                                                                                 \
    X(last_child)                                                                                  \
    X(last_frozen)                                                                                 \
    X(last_threads)                                                                                \
    X(last_tracked)                                                                                \
    X(last_collect_us)                                                                             \
    X(last_freeze_us)                                                                              \
    X(last_fork_us)                                                                                \
    X(snapshot_bytes)                                                                              \
    X(snapshot_us)                                                                                 \
    X(passes)                                                                                      \
    X(pages_given_back)                                                                            \
    X(pages_kept)                                                                                  \
    X(pass_us)                                                                                     \
    X(pass_reason)                                                                                 \
    X(pass_running)                                                                                \
    X(mode)                                                                                        \
    X(mode_why)                                                                                    \
    X(warmup_done)                                                                                 \
    X(warmup_left_out)                                                                             \
    X(warmup_trial_us)                                                                             \
    X(warmup_parent_us)                                                                            \
    X(warmup_bytes)                                                                                \
    X(pass_looks)                                                                                  \
    X(regainable_bytes)

#define PAGE_FIELDS(X)                                                                             \
    X(magic)                                                                                       \
    X(version)                                                                                     \
    X(pid)                                                                                         \
    X(status)

static const struct gcfreeze_status status;
static const struct gcfreeze_page page;

/* There is no padding, so a field that is not listed above cannot go unnoticed. */
#define ADD_SIZE(field) +sizeof status.field
_Static_assert((0 STATUS_FIELDS(ADD_SIZE)) == sizeof status, "STATUS_FIELDS lacks a field");
#undef ADD_SIZE
#define ADD_SIZE(field) +sizeof page.field
_Static_assert((0 PAGE_FIELDS(ADD_SIZE)) == sizeof page, "PAGE_FIELDS lacks a field");

static void print_field(const char *name, size_t offset, size_t size) {
    printf("field %s at %zu, %zu bytes\n", name, offset, size);
}

static void print_structs(void) {
#define FIELD(field)                                                                               \
    print_field("gcfreeze_status." #field, offsetof(struct gcfreeze_status, field),                \
                sizeof status.field);
    STATUS_FIELDS(FIELD)
#undef FIELD
#define FIELD(field)                                                                               \
    print_field("gcfreeze_page." #field, offsetof(struct gcfreeze_page, field), sizeof page.field);
    PAGE_FIELDS(FIELD)
#undef FIELD
    printf("page %s %d\n", GCFREEZE_PAGE_MAGIC, GCFREEZE_PAGE_VERSION);
}

static void print_rows(void) {
#define REASON(identifier, word, meaning)                                                          \
    printf("reason %d %s\n", GCFREEZE_REASON_##identifier, word);
    GCFREEZE_REASONS(REASON)
#undef REASON
#define KNOB(field, kind, name, default_text, lower, upper, values, meaning)                       \
    printf("knob %s=%s: %s\n", name, default_text, values);
#include "core/knobs.def"
#undef KNOB
}

/* Every field that an event can have; all but the first go to stderr, as they do in a server. */
static void print_events(void) {
    const struct gf_config config = {.log_format = GF_LOG_JSON};
    const struct gf_event event = {.child = -1,
                                   .frozen = true,
                                   .script = "",
                                   .python = "",
                                   .mode_why = "",
                                   .immortal = true,
                                   .reshared = true};
    struct gf_pass_event pass = {.script = "", .python = ""};
    const struct gf_warmup_event warmup = {.script = "", .python = "", .statuses = ""};
    char line[2048];
    gf_report_format(&event, GF_LOG_JSON, line, sizeof line);
    puts(line);
    fflush(stdout);
    gf_log_init(GF_LOG_INFO, "");
    gf_report_pass(&config, &pass);
    pass.running = true;
    gf_report_pass(&config, &pass);
    gf_report_warmup(&config, &warmup);
    gf_report_message(&config, GF_LOG_INFO, "");
}

int main(void) {
    print_structs();
    print_rows();
    print_events();
    return ferror(stdout);
}
