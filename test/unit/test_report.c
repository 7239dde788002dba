#include "support/child.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "core/report.h"

enum { ROOM = 8192 };

static const struct gf_event freeze_event = {
    .unix_ms = 1767000000007,
    .pid = 4121,
    .child = 4130,
    .frozen = true,
    .reason = GCFREEZE_REASON_FIRST_WORKER_FORK,
    .caller = GF_CALLER_OS_FORK,
    .script = "gunicorn",
    .python = "3.13.5",
    .mode_why = "auto: gunicorn preloads",
    .tracked = 522169,
    .collect_us = 0,
    .freeze_us = 14,
    .fork_us = 4630,
};

static const struct gf_event skip_event = {
    .unix_ms = 999,
    .pid = 7,
    .child = 8,
    .reason = GCFREEZE_REASON_NO_THREAD_STATE,
    .caller = GF_CALLER_UNKNOWN,
    .script = "",
    .python = "",
    .tracked = -1,
    .fork_us = 100,
};

static const char *format(const struct gf_event *event, enum gf_log_format how) {
    static char line[ROOM];
    gf_report_format(event, how, line, sizeof line);
    return line;
}

static void a_freeze_is_one_line_with_its_figures(void **state) {
    (void)state;
    assert_string_equal(
        format(&freeze_event, GF_LOG_TEXT),
        "gcfreeze[4121]: freeze first-worker-fork child=4130 caller=\"os.fork\" "
        "script=\"gunicorn\" python=3.13.5 mode=freeze "
        "mode_why=\"auto: gunicorn preloads\" tracked=522169 collect_us=0 freeze_us=14 "
        "fork_us=4630");
    assert_string_equal(
        format(&freeze_event, GF_LOG_JSON),
        "{\"v\":2,\"ts\":1767000000.007,\"pid\":4121,\"child\":4130,\"event\":\"freeze\","
        "\"reason\":\"first-worker-fork\",\"caller\":\"os.fork\",\"script\":\"gunicorn\","
        "\"python\":\"3.13.5\",\"mode\":\"freeze\",\"mode_why\":\"auto: gunicorn "
        "preloads\",\"tracked\":522169,\"collect_us\":0,"
        "\"freeze_us\":14,\"fork_us\":4630}");
}

static void a_skip_has_no_figures_of_a_freeze(void **state) {
    (void)state;
    assert_string_equal(format(&skip_event, GF_LOG_TEXT),
                        "gcfreeze[7]: skip no-thread-state child=8 caller=\"unknown\" script=\"\" "
                        "python=none fork_us=100");
    assert_string_equal(
        format(&skip_event, GF_LOG_JSON),
        "{\"v\":2,\"ts\":0.999,\"pid\":7,\"child\":8,\"event\":\"skip\",\"reason\":\"no-thread-"
        "state\",\"caller\":\"unknown\",\"script\":\"\",\"python\":\"\",\"fork_us\":100}");
}

static void a_failed_fork_has_an_errno_and_no_child(void **state) {
    struct gf_event event = freeze_event;
    (void)state;
    event.child = -1;
    event.error = 11;
    assert_non_null(strstr(format(&event, GF_LOG_TEXT), " child=none errno=11 caller="));
    assert_non_null(strstr(format(&event, GF_LOG_JSON), "\"child\":null,"));
    assert_non_null(strstr(format(&event, GF_LOG_JSON), "\"python\":\"3.13.5\",\"errno\":11,"));
}

static void an_unknown_number_is_no_number(void **state) {
    struct gf_event event = freeze_event;
    (void)state;
    event.tracked = -1;
    assert_non_null(strstr(format(&event, GF_LOG_TEXT), " tracked=? "));
    assert_non_null(strstr(format(&event, GF_LOG_JSON), ",\"tracked\":null,"));
}

static void every_reason_and_caller_has_its_word(void **state) {
    struct gf_event event = skip_event;
    char expected[64];
    (void)state;
    for (int reason = 0; reason < GCFREEZE_REASON_COUNT; reason++) {
        event.reason = (enum gcfreeze_reason)reason;
        snprintf(expected, sizeof expected, "\"reason\":\"%s\",", gcfreeze_reason_name(reason));
        assert_non_null(strstr(format(&event, GF_LOG_JSON), expected));
    }
    for (int caller = 0; caller <= GF_CALLER_SIGNAL; caller++) {
        event.caller = (enum gf_caller)caller;
        snprintf(expected, sizeof expected, " caller=\"%s\" ",
                 gf_caller_name((enum gf_caller)caller));
        assert_non_null(strstr(format(&event, GF_LOG_TEXT), expected));
    }
}

/* Script names that people do not choose, and what stands between the quotes. */
static const struct {
    const char *script, *text, *json;
} scripts[] = {
    {"my app.py", "my app.py", "my app.py"},
    {"a\" python=\"2", "a\\x22 python=\\x222", "a\\\" python=\\\"2"},
    {"back\\slash", "back\\x5cslash", "back\\\\slash"},
    {"two\nlines", "two\\x0alines", "two\\u000alines"},
    {"\x1b[31m", "\\x1b[31m", "\\u001b[31m"},
    {"caf\xc3\xa9", "caf\\xc3\\xa9", "caf\xc3\xa9"},
    {"caf\xe9", "caf\\xe9", "caf\xef\xbf\xbd"},
    {"\xc0\xaf", "\\xc0\\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"{\"v\":2}", "{\\x22v\\x22:2}", "{\\\"v\\\":2}"},
};
enum { SCRIPTS = sizeof scripts / sizeof *scripts };

/* And not "none", which is the word for a reason: people read it as nothing at all. */
static void a_copying_that_did_all_is_ok(void **state) {
    struct gf_event event = freeze_event;
    (void)state;
    event.reshared = true;
    event.snapshot = GCFREEZE_REASON_NONE;
    assert_non_null(strstr(format(&event, GF_LOG_TEXT), " snapshot=ok "));
    assert_non_null(strstr(format(&event, GF_LOG_JSON), ",\"snapshot\":\"ok\","));
    event.snapshot = GCFREEZE_REASON_NO_ROOM;
    assert_non_null(strstr(format(&event, GF_LOG_TEXT), " snapshot=no-room "));
    assert_non_null(strstr(format(&event, GF_LOG_JSON), ",\"snapshot\":\"no-room\","));
}

static void odd_script_names_stay_inside_their_quotes(void **state) {
    struct gf_event event = skip_event;
    char expected[128];
    (void)state;
    for (size_t i = 0; i < SCRIPTS; i++) {
        event.script = scripts[i].script;
        snprintf(expected, sizeof expected, " script=\"%s\" python=none", scripts[i].text);
        assert_non_null(strstr(format(&event, GF_LOG_TEXT), expected));
        snprintf(expected, sizeof expected, ",\"script\":\"%s\",\"python\":", scripts[i].json);
        assert_non_null(strstr(format(&event, GF_LOG_JSON), expected));
    }
}

static void a_line_that_does_not_fit_is_cut_and_terminated(void **state) {
    char line[16];
    (void)state;
    memset(line, 'x', sizeof line);
    gf_report_format(&freeze_event, GF_LOG_TEXT, line, sizeof line);
    assert_string_equal(line, "gcfreeze[4121]:");
}

/* ---- what reaches the log ---- */

/* The longest event there can be: each field at its longest, each byte at its most escaped. */
static struct gf_event longest_event(void) {
    static char script[128], python[32], why[144];
    memset(script, 1, sizeof script - 1);
    memset(python, 1, sizeof python - 1);
    memset(why, 'w', sizeof why - 1); /* our own words */
    return (struct gf_event){
        .pid = INT_MAX,
        .child = INT_MAX,
        .frozen = true,
        .reason = GCFREEZE_REASON_FIRST_WORKER_FORK,
        .caller = GF_CALLER_SIGNAL,
        .script = script,
        .python = python,
        .mode_why = why,
        .tracked = LONG_MAX,
        .collect_us = INT64_MAX,
        .freeze_us = INT64_MAX,
        .fork_us = INT64_MAX,
    };
}

static void log_longest_event(void *argument) {
    struct gf_event event = longest_event();
    const struct gf_config config = {.log_format = *(enum gf_log_format *)argument};
    gf_log_init(GF_LOG_INFO, "");
    gf_report_event(&config, GF_LOG_INFO, &event);
}

static void the_longest_event_reaches_the_log_whole(void **state) {
    struct gf_event event = longest_event();
    (void)state;
    for (enum gf_log_format how = GF_LOG_TEXT; how <= GF_LOG_JSON; how++) {
        char logged[ROOM], whole[ROOM + 2];
        assert_child_succeeded(gf_test_child(log_longest_event, &how, logged, sizeof logged),
                               logged);
        snprintf(whole, sizeof whole, "%s\n", format(&event, how));
        /* the time stamp is younger in the log: compare from the pid on */
        const char *from = how == GF_LOG_JSON ? "\"pid\"" : "gcfreeze[";
        assert_non_null(strstr(logged, from));
        assert_string_equal(strstr(logged, from), strstr(whole, from));
    }
}

static void log_messages(void *argument) {
    const struct gf_config text = {.log_format = GF_LOG_TEXT}, json = {.log_format = GF_LOG_JSON};
    (void)argument;
    gf_log_init(GF_LOG_WARN, "");
    gf_report_message(&text, GF_LOG_WARN, "a \"sentence\"");
    gf_report_message(&json, GF_LOG_WARN, "a \"sentence\"");
    gf_report_message(&json, GF_LOG_INFO, "of no interest");
    gf_report_event(&json, GF_LOG_INFO, &freeze_event);
}

static void sentences_come_in_the_format_of_events(void **state) {
    char logged[ROOM];
    (void)state;
    assert_child_succeeded(gf_test_child(log_messages, NULL, logged, sizeof logged), logged);
    char *second = strchr(logged, '\n');
    assert_non_null(second);
    *second++ = '\0';
    assert_non_null(strstr(logged, "]: a \"sentence\""));
    assert_memory_equal(second, "{\"v\":2,\"ts\":", 12);
    assert_non_null(strstr(second, ",\"event\":\"message\",\"level\":\"warn\","
                                   "\"message\":\"a \\\"sentence\\\"\"}\n"));
    assert_int_equal(strlen(strchr(second, '\n')), 1);
}

static const struct gf_pass_event pass_event = {
    .pid = 7,
    .script = "gunicorn",
    .python = "3.11.7",
    .given = 2560,
    .kept = 10,
    .pass_us = 4000,
    .page_size = 4096,
};

static void log_passes(void *argument) {
    const struct gf_config config = {.log_format = *(enum gf_log_format *)argument};
    struct gf_pass_event event = pass_event;
    gf_log_init(GF_LOG_INFO, "");
    gf_report_pass(&config, &event);
    event.running = true;
    gf_report_pass(&config, &event);
    event.running = false;
    event.reason = GCFREEZE_REASON_FOREIGN_WAIT;
    event.given = event.kept = event.pass_us = 0;
    gf_report_pass(&config, &event);
}

#define PASS_TEXT " script=\"gunicorn\" python=3.11.7 pages_given_back="
#define PASS_JSON ",\"script\":\"gunicorn\",\"python\":\"3.11.7\",\"pages_given_back\":"

static void a_pass_says_whether_it_is_over_or_why_there_is_none(void **state) {
    static const char *const expected[][3] = {
        {"gcfreeze[7]: reshare ok" PASS_TEXT "2560 pages_kept=10 pass_us=4000 page_size=4096\n",
         "gcfreeze[7]: reshare-running ok" PASS_TEXT
         "2560 pages_kept=10 pass_us=4000 page_size=4096\n",
         "gcfreeze[7]: reshare foreign-wait meaning=\"beside threads, this code's waits are left "
         "alone\"" PASS_TEXT "0 pages_kept=0 pass_us=0 page_size=4096\n"},
        {",\"event\":\"reshare\",\"reason\":\"ok\"" PASS_JSON "2560,",
         ",\"event\":\"reshare-running\",\"reason\":\"ok\"" PASS_JSON "2560,",
         ",\"event\":\"reshare\",\"reason\":\"foreign-wait\"" PASS_JSON "0,"}};
    (void)state;
    for (enum gf_log_format how = GF_LOG_TEXT; how <= GF_LOG_JSON; how++) {
        char logged[ROOM];
        assert_child_succeeded(gf_test_child(log_passes, &how, logged, sizeof logged), logged);
        const char *at = logged;
        for (size_t i = 0; i < 3; i++) {
            at = strstr(at, expected[how == GF_LOG_JSON][i]);
            assert_non_null(at);
            at++;
        }
    }
}

/* Somebody else's opinion on whether this is JSON. */
static void every_json_line_is_json(void **state) {
    (void)state;
    if (system("command -v python3 >/dev/null") != 0) {
        print_message("skipped: no python3 here to read JSON with\n");
        skip();
    }
    FILE *reader = popen("python3 -c 'import json\n"
                         "for line in open(0, \"rb\").read().decode(\"utf-8\").split(\"\\n\"):\n"
                         "    json.loads(line, strict=True)'",
                         "w");
    assert_non_null(reader);
    struct gf_event event = longest_event();
    fprintf(reader, "%s\n", format(&event, GF_LOG_JSON));
    event = freeze_event;
    for (size_t i = 0; i < SCRIPTS; i++) {
        event.script = scripts[i].script;
        fprintf(reader, "%s\n", format(&event, GF_LOG_JSON));
    }
    char every_byte[256];
    for (int i = 0; i < 255; i++)
        every_byte[i] = (char)(i + 1);
    every_byte[255] = '\0';
    event.script = every_byte;
    event.child = -1;
    fprintf(reader, "%s\n", format(&event, GF_LOG_JSON));
    fprintf(reader, "%s", format(&skip_event, GF_LOG_JSON));
    assert_int_equal(pclose(reader), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_freeze_is_one_line_with_its_figures),
        cmocka_unit_test(a_skip_has_no_figures_of_a_freeze),
        cmocka_unit_test(a_failed_fork_has_an_errno_and_no_child),
        cmocka_unit_test(an_unknown_number_is_no_number),
        cmocka_unit_test(every_reason_and_caller_has_its_word),
        cmocka_unit_test(a_copying_that_did_all_is_ok),
        cmocka_unit_test(odd_script_names_stay_inside_their_quotes),
        cmocka_unit_test(a_line_that_does_not_fit_is_cut_and_terminated),
        cmocka_unit_test(the_longest_event_reaches_the_log_whole),
        cmocka_unit_test(sentences_come_in_the_format_of_events),
        cmocka_unit_test(a_pass_says_whether_it_is_over_or_why_there_is_none),
        cmocka_unit_test(every_json_line_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
