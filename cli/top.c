/* gcfreeze top: the table of stat, again and again. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "screen.h"
#include "table.h"

/* CPU time that a refresh may spend on reading memory figures: with all else it does, 200 processes
 * stay below 0.1 s, whatever their size. */
static const int64_t budget_us = 60000;

static struct top {
    pid_t pid;
    double delay;
    long rounds; /* left; 0: no end */
    struct gf_table_order order;
    struct gf_known_list known;
    struct gf_view view;
    bool good; /* view is set */
    int error;
    size_t scroll; /* lines of the body above the screen */
} top = {.delay = 2, .order = {.column = -1}};

/* The figures of the first view are all of one moment: there is nothing yet that could be shown
 * instead. */
static void refresh(void) {
    const struct gf_known *before = top.pid ? gf_known_find(&top.known, top.pid) : NULL;
    const uint64_t started = before ? before->process.started : 0;
    gf_view_release(&top.view);
    top.good = gf_view_take(&top.known, top.pid, top.known.count ? budget_us : 0, &top.view);
    top.error = errno;
    if (top.good && before && top.view.trees[0].members[0].process.started != started) {
        top.good = false; /* the pid is another process's by now: nobody wants to see that one */
        top.error = ESRCH;
        gf_view_release(&top.view);
    }
}

static void add_summary(struct gf_lines *lines) {
    char now[16], older[64] = "";
    time_t seconds = time(NULL);
    size_t processes = 0;
    long kib = 0;
    strftime(now, sizeof now, "%H:%M:%S", localtime(&seconds));
    for (size_t i = 0; i < top.view.count; i++) {
        processes += top.view.trees[i].count;
        kib += top.view.trees[i].total_kib;
    }
    if (top.view.waiting > 0)
        snprintf(older, sizeof older, "; figures of %zu are older", top.view.waiting);
    gf_lines_add(lines, GF_PLAIN, "gcfreeze %s  %s  servers: %zu, processes: %zu, MiB: %.1f%s",
                 GF_VERSION, now, top.view.count, processes, (double)kib / 1024, older);
}

static void add_body(struct gf_lines *lines) {
    if (!top.good)
        gf_lines_add(lines, GF_YELLOW, "%s",
                     top.error == ESRCH ? "the process has ended" : strerror(top.error));
    else if (top.view.count == 0)
        gf_lines_add(lines, GF_YELLOW, "%s", GF_TABLE_NOTHING);
    gf_table_trees(lines, &top.view, top.order);
}

/* ---- without a screen ---- */

static int run_batch(void) {
    const struct timespec pause = {(time_t)top.delay, (long)(fmod(top.delay, 1) * 1e9)};
    for (bool first = true;; first = false) {
        struct gf_lines lines = {0};
        if (!first)
            nanosleep(&pause, NULL);
        refresh();
        if (!top.good && first) {
            errno = top.error;
            gf_table_no_view(top.pid);
            return GF_EXIT_FAILED;
        }
        if (!first)
            gf_lines_add(&lines, GF_PLAIN, "%s", "");
        add_summary(&lines);
        gf_table_titles(&lines, &top.view);
        add_body(&lines);
        gf_lines_print(&lines, stdout);
        gf_lines_release(&lines);
        if (!gf_say_flushed())
            return GF_EXIT_FAILED;
        if (!top.good || --top.rounds == 0)
            return 0;
    }
}

/* ---- on a screen ---- */

static void draw(void) {
    struct gf_lines head = {0}, body = {0}, foot = {0};
    char position[96] = "";
    int rows, columns;
    gf_screen_size(&rows, &columns);
    add_summary(&head);
    gf_table_titles(&head, &top.view);
    add_body(&body);
    size_t room = rows > 3 ? (size_t)rows - 3 : 1;
    size_t most = body.count > room ? body.count - room : 0;
    if (top.scroll > most)
        top.scroll = most;
    if (most > 0)
        snprintf(position, sizeof position, "  lines %zu-%zu of %zu, arrows scroll", top.scroll + 1,
                 top.scroll + room, body.count);
    gf_lines_add(&foot, GF_DIM, "sorted by %s%s%s  q quit  1-9 column  t tree  r reverse",
                 gf_table_order_name(&top.order), top.order.reversed ? ", reversed" : "", position);
    gf_screen_show(&head, &body, top.scroll, foot.count ? foot.list : NULL);
    gf_lines_release(&head);
    gf_lines_release(&body);
    gf_lines_release(&foot);
}

static void scroll_by(int lines) {
    if (lines < 0 && (size_t)-lines > top.scroll)
        top.scroll = 0;
    else
        top.scroll += (size_t)lines; /* draw() knows where the end is */
}

static void sort_by(int column) {
    bool again = top.order.column == column;
    top.order = (struct gf_table_order){column, again && !top.order.reversed};
}

/* False: it ends. */
static bool take_event(int event, bool *ret_refresh) {
    int rows, columns;
    gf_screen_size(&rows, &columns);
    switch (event) {
    case 'q':
    case 'Q':
    case 4: /* Ctrl-D */
    case GF_EVENT_CLOSED:
        return false;
    case ' ':
    case '\n':
    case '\r':
        *ret_refresh = true;
        break;
    case 't':
        sort_by(-1);
        break;
    case 'r':
        top.order.reversed = !top.order.reversed;
        break;
    case 'k':
    case GF_EVENT_UP:
        scroll_by(-1);
        break;
    case 'j':
    case GF_EVENT_DOWN:
        scroll_by(1);
        break;
    case GF_EVENT_PAGE_UP:
        scroll_by(3 - rows);
        break;
    case GF_EVENT_PAGE_DOWN:
        scroll_by(rows - 3);
        break;
    case GF_EVENT_HOME:
        top.scroll = 0;
        break;
    case GF_EVENT_END:
        top.scroll = INT_MAX;
        break;
    default:
        if (event >= '1' && event < '1' + GF_TABLE_KEYS)
            sort_by(event - '1');
    }
    return true;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Between two refreshes. False: it ends. */
static bool wait_for_keys(void) {
    const double until = now() + top.delay;
    for (double left; (left = until - now()) > 0;) {
        bool at_once = false;
        int event = gf_screen_wait((int)(left * 1000) + 1);
        if (event == GF_EVENT_TIMEOUT)
            continue;
        if (!take_event(event, &at_once))
            return false;
        if (at_once)
            return true;
        draw();
    }
    return true;
}

static int run_screen(void) {
    if (!gf_screen_open()) {
        gf_say_error("the terminal cannot be used: %s", strerror(errno));
        return GF_EXIT_FAILED;
    }
    do {
        refresh();
        draw();
    } while (--top.rounds != 0 && wait_for_keys());
    gf_screen_close();
    return 0;
}

/* ---- the command ---- */

static bool parse_delay(const char *text) {
    char *end;
    top.delay = strtod(text, &end);
    if (*text && !*end && top.delay >= 0.1 && top.delay <= 3600)
        return true;
    gf_say_error("--delay=%s is not allowed; allowed: seconds from 0.1 to 3600", text);
    return false;
}

static bool parse_rounds(const char *text) {
    char *end;
    errno = 0;
    top.rounds = strtol(text, &end, 10);
    if (errno == 0 && *text && !*end && top.rounds > 0)
        return true;
    gf_say_error("--rounds=%s is not allowed; allowed: a number from 1 on", text);
    return false;
}

int gf_command_top(int argc, char **argv) {
    static const struct option options[] = {{"pid", required_argument, NULL, 'p'},
                                            {"batch", no_argument, NULL, 'b'},
                                            {"delay", required_argument, NULL, 'd'},
                                            {"rounds", required_argument, NULL, 'n'},
                                            {"sort", required_argument, NULL, 's'},
                                            GF_COMMON_OPTIONS,
                                            {NULL, 0, NULL, 0}};
    static const char details[] =
        "  -p, --pid=PID      this process and its descendants; without it, every prefork server\n"
        "                     that has the library loaded\n"
        "  -b, --batch        plain tables, one after the other\n"
        "  -d, --delay=N      seconds between two of them (2)\n"
        "  -n, --rounds=N     end after so many\n"
        "  -s, --sort=COLUMN  tree (default), pid, role, rss, pss, private, new, copied,\n"
        "                     frozen, since-fork, reshared or given-total\n\n"
        "Keys: 1 to 9 sort by a column, the same again reverses; t: parents before their "
        "children;\n"
        "r reverses; arrows, Page Up and Page Down scroll; space refreshes; q quits.\n\n"
        "Memory is in MiB. Where output is no terminal: one table, unless -b asks for more.\n";
    int answer, code = 0;
    bool end = false, batch = false;
    while ((answer = getopt_long(argc, argv, "hVp:bd:n:s:", options, NULL)) != -1) {
        if ((answer == 'p' && !gf_command_pid(optarg, &top.pid)) ||
            (answer == 'd' && !parse_delay(optarg)) || (answer == 'n' && !parse_rounds(optarg)) ||
            (answer == 's' && !gf_table_order_parse(optarg, &top.order)))
            return GF_EXIT_FAILED;
        if (answer == 'b')
            batch = true;
        if (gf_command_common("top", answer, details, &end, &code) && end)
            return code;
    }
    if (!gf_command_no_more(argc, argv))
        return GF_EXIT_FAILED;
    if (!batch && gf_screen_possible())
        code = run_screen();
    else {
        if (!batch && top.rounds == 0)
            top.rounds = 1;
        code = run_batch();
    }
    gf_view_release(&top.view);
    gf_known_release(&top.known);
    return code;
}
