/* gcfreeze report: reads a log, writes a page. */
#include "report.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "output.h"
#include "say.h"

static const char details[] =
    "LOG.jsonl is what GCFREEZE_LOG=info GCFREEZE_LOG_FORMAT=json writes (GCFREEZE_LOG_FILE says\n"
    "where); \"-\" is stdin.\n\n"
    "  -o, --output=FILE  where the page goes (default: stdout)\n";

static bool read_log(const char *path, struct gf_events *ret) {
    FILE *stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    bool good = stream && gf_events_read(stream, ret);
    if (!good)
        gf_say_error("%s: cannot be read: %s", path, strerror(errno));
    if (stream && stream != stdin)
        fclose(stream);
    return good;
}

static int write_page(const struct gf_events *events, const char *log, const char *path) {
    struct gf_output output;
    if (events->count == 0) {
        char what[64] = "it is empty";
        if (events->lines > 0)
            snprintf(what, sizeof what, "none of its %zu lines is an event", events->lines);
        gf_say_error("%s: %s; GCFREEZE_LOG=info GCFREEZE_LOG_FORMAT=json GCFREEZE_LOG_FILE=/path "
                     "writes such a log",
                     log, what);
        return GF_EXIT_FAILED;
    }
    if (events->broken > 0)
        gf_say_warning("%s: %zu of %zu lines are no events and are left out", log, events->broken,
                       events->lines);
    if (!gf_output_open(path, gf_output_mask(), &output))
        return GF_EXIT_FAILED;
    gf_report_print_page(events, log, output.stream);
    return gf_output_close(&output) ? 0 : GF_EXIT_FAILED;
}

int gf_command_report(int argc, char **argv) {
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'}, GF_COMMON_OPTIONS, {NULL, 0, NULL, 0}};
    const char *path = NULL;
    int answer, code = 0;
    bool end = false;
    while ((answer = getopt_long(argc, argv, "hVo:", options, NULL)) != -1) {
        if (answer == 'o')
            path = optarg;
        else if (gf_command_common("report", answer, details, &end, &code) && end)
            return code;
    }
    if (optind + 1 != argc) {
        gf_say_error(optind == argc ? "report: which log? gcfreeze report LOG.jsonl -o FILE"
                                    : "report: one log at a time; cat puts several together");
        return gf_command_misused("report");
    }
    if (!path && isatty(STDOUT_FILENO)) {
        gf_say_error("report: a page is not for terminals; -o FILE says where it goes");
        return GF_EXIT_FAILED;
    }
    path = path ? path : "-";
    struct gf_events events;
    if (!gf_output_possible(path) || !read_log(argv[optind], &events))
        return GF_EXIT_FAILED;
    code = write_page(&events, argv[optind], path);
    gf_events_release(&events);
    return code;
}
