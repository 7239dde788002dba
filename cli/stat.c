/* gcfreeze stat: what prefork servers have and what the library did there, once. */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "command.h"
#include "figures.h"
#include "table.h"

enum { NOTHING = 1 }; /* the exit code where there is nothing to print */

static int print_table(const struct gf_view *view) {
    struct gf_lines lines = {0};
    if (view->count == 0) {
        gf_say_error("%s", GF_TABLE_NOTHING);
        return NOTHING;
    }
    gf_table_titles(&lines, view);
    gf_table_trees(&lines, view, (struct gf_table_order){.column = -1});
    gf_lines_print(&lines, stdout);
    gf_lines_release(&lines);
    return 0;
}

static int print(const struct gf_view *view, bool json, const char *metrics) {
    int code = 0;
    if (json)
        gf_json_print(stdout, view);
    if (metrics && strcmp(metrics, "-") == 0)
        gf_prometheus_print(stdout, view);
    else if (metrics && !gf_prometheus_write(metrics, view))
        code = GF_EXIT_FAILED;
    if (!json && !metrics)
        code = print_table(view);
    return gf_say_flushed() ? code : GF_EXIT_FAILED;
}

int gf_command_stat(int argc, char **argv) {
    static const struct option options[] = {{"pid", required_argument, NULL, 'p'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"prometheus", required_argument, NULL, 'm'},
                                            GF_COMMON_OPTIONS,
                                            {NULL, 0, NULL, 0}};
    static const char details[] =
        "  --pid=PID          this process and its descendants; without it, every prefork server\n"
        "                     that has the library loaded\n"
        "  --json             for machines\n"
        "  --prometheus=FILE  metrics, in a file that is replaced as a whole; - is stdout\n\n"
        "Memory is in MiB. private: pages that only this process has, new since the fork or "
        "copied\n"
        "from its parent; the memory of a server counts each page once. reshared: of the copies "
        "of\n"
        "GCFREEZE_RESHARE, what a process shares now; given total: what its passes gave back "
        "since\n"
        "it started, the same page again and again. Exits with 1 if there is nothing to print.\n";
    int answer, code = 0;
    bool end = false, json = false;
    const char *metrics = NULL;
    pid_t pid = 0;
    struct gf_known_list known = {0};
    struct gf_view view;
    while ((answer = getopt_long(argc, argv, "hVp:", options, NULL)) != -1) {
        if (answer == 'p' && !gf_command_pid(optarg, &pid))
            return GF_EXIT_FAILED;
        if (answer == 'j')
            json = true;
        if (answer == 'm')
            metrics = optarg;
        if (gf_command_common("stat", answer, details, &end, &code) && end)
            return code;
    }
    if (!gf_command_no_more(argc, argv))
        return GF_EXIT_FAILED;
    if (gf_view_take(&known, pid, 0, &view)) {
        code = print(&view, json, metrics);
        gf_view_release(&view);
    } else {
        gf_table_no_view(pid);
        code = GF_EXIT_FAILED;
    }
    gf_known_release(&known);
    return code;
}
