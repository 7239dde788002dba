#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "figures.h"
#include "passes.h"

enum { CELL = 32, PASSES = 256 };

typedef double (*number_function)(const struct gf_member *member);

static double pid_of(const struct gf_member *member) {
    return member->process.pid;
}

static double role_of(const struct gf_member *member) {
    return (double)member->role;
}

static double rss_of(const struct gf_member *member) {
    return (double)member->use.rss;
}

static double pss_of(const struct gf_member *member) {
    return (double)member->use.pss;
}

static double private_of(const struct gf_member *member) {
    return (double)member->use.own;
}

static double new_of(const struct gf_member *member) {
    return member->copied < 0 ? -1 : (double)(member->use.own - member->copied);
}

static double copied_of(const struct gf_member *member) {
    return (double)member->copied;
}

static double reshared_of(const struct gf_member *member) {
    return (double)member->use.reshared;
}

static double frozen_of(const struct gf_member *member) {
    return (double)member->frozen;
}

static double given_back_of(const struct gf_member *member) {
    const struct gcfreeze_status *status = &member->page.status;
    bool any = member->answer == GF_PAGE_READ && (status->passes > 0 || status->pass_running);
    return any ? (double)status->pages_given_back * (double)sysconf(_SC_PAGESIZE) / 1024 : -1;
}

static double age_of(const struct gf_member *member) {
    return gf_process_age(&member->process);
}

/* MEMORY, SHARED and TOTAL are KiB; less than 0: not known, or there is none. SHARED has no sum: it
 * would count the same pages once for each process. */
enum kind { NUMBER, ROLE, MEMORY, SHARED, TOTAL, FROZEN, AGE };

static const struct column {
    const char *name, *title;
    int width; /* negative: to the left */
    enum kind kind;
    number_function number;
    bool ascending; /* unless it is reversed */
} columns[] = {
    {"pid", "PID", 7, NUMBER, pid_of, true},
    {"role", "ROLE", -7, ROLE, role_of, true},
    {"rss", "RSS", 8, MEMORY, rss_of, false},
    {"pss", "PSS", 8, MEMORY, pss_of, false},
    {"private", "PRIVATE", 8, MEMORY, private_of, false},
    {"new", "NEW", 8, MEMORY, new_of, false},
    {"copied", "COPIED", 8, MEMORY, copied_of, false},
    {"frozen", "FROZEN", 8, FROZEN, frozen_of, false},
    {"since-fork", "SINCE FORK", 10, AGE, age_of, false},
    /* where there is GCFREEZE_RESHARE */
    {"reshared", "RESHARED", 8, SHARED, reshared_of, false},
    {"given-total", "GIVEN TOTAL", 11, TOTAL, given_back_of, false},
};
enum { COLUMNS = sizeof columns / sizeof *columns, OF_RESHARING = 2 };

static const char tree_order[] = "tree";

bool gf_table_order_parse(const char *name, struct gf_table_order *ret) {
    if (strcasecmp(name, tree_order) == 0) {
        *ret = (struct gf_table_order){.column = -1};
        return true;
    }
    for (int i = 0; i < COLUMNS; i++) {
        if (strcasecmp(name, columns[i].name) == 0) {
            *ret = (struct gf_table_order){.column = i};
            return true;
        }
    }
    gf_say_error("--sort=%s is not allowed; allowed: tree, pid, role, rss, pss, private, new, "
                 "copied, frozen, since-fork, reshared, given-total",
                 name);
    return false;
}

const char *gf_table_order_name(const struct gf_table_order *order) {
    return order->column < 0 ? tree_order : columns[order->column].name;
}

/* ---- cells ---- */

static void print_mib(char *ret, double kib) {
    if (kib < 0)
        strcpy(ret, "-");
    else
        snprintf(ret, CELL, "%.1f", kib / 1024);
}

static void print_age(char *ret, double seconds) {
    long s = seconds > 0 ? (long)seconds : 0;
    if (s < 60)
        snprintf(ret, CELL, "%lds", s);
    else if (s < 3600)
        snprintf(ret, CELL, "%ldm%02lds", s / 60, s % 60);
    else if (s < 86400)
        snprintf(ret, CELL, "%ldh%02ldm", s / 3600, s / 60 % 60);
    else
        snprintf(ret, CELL, "%ldd%02ldh", s / 86400, s / 3600 % 24);
}

static void print_cell(const struct column *column, const struct gf_member *member, char *ret) {
    static const char *const frozen[] = {"?", "no", "yes"};
    double number = column->number(member);
    switch (column->kind) {
    case NUMBER:
        snprintf(ret, CELL, "%.0f", number);
        break;
    case ROLE:
        strcpy(ret, gf_role_name(member->role));
        break;
    case MEMORY:
    case SHARED:
        if (!member->readable)
            strcpy(ret, member->closed ? "closed" : "...");
        else
            print_mib(ret, number);
        break;
    case TOTAL:
        print_mib(ret, number);
        break;
    case FROZEN:
        strcpy(ret, frozen[member->frozen]);
        break;
    case AGE:
        print_age(ret, number);
        break;
    }
}

typedef void (*cell_function)(const struct column *column, const void *context, char *ret);

static void add_row(struct gf_lines *lines, enum gf_colour style, int count, cell_function cell,
                    const void *context) {
    char row[COLUMNS * CELL], text[CELL];
    int length = 0;
    for (int i = 0; i < count; i++) {
        cell(&columns[i], context, text);
        length += snprintf(row + length, sizeof row - (size_t)length, "%s%*s", i ? " " : "",
                           columns[i].width, text);
    }
    gf_lines_add(lines, style, "%s", row);
}

static void title_cell(const struct column *column, const void *context, char *ret) {
    (void)context;
    strcpy(ret, column->title);
}

/* Eighty characters of them, unless something is shared again. */
static int columns_of(const struct gf_view *view) {
    for (size_t t = 0; t < view->count; t++) {
        for (size_t m = 0; m < view->trees[t].count; m++) {
            const struct gf_member *member = &view->trees[t].members[m];
            if ((member->readable && reshared_of(member) >= 0) || given_back_of(member) >= 0)
                return COLUMNS;
        }
    }
    return COLUMNS - OF_RESHARING;
}

void gf_table_titles(struct gf_lines *lines, const struct gf_view *view) {
    add_row(lines, GF_BOLD, columns_of(view), title_cell, NULL);
}

static void member_cell(const struct column *column, const void *context, char *ret) {
    print_cell(column, context, ret);
}

static void sum_cell(const struct column *column, const void *context, char *ret) {
    const struct gf_tree *tree = context;
    double sum = -1;
    ret[0] = '\0';
    for (size_t i = 0; i < tree->count; i++) {
        const struct gf_member *member = &tree->members[i];
        double number = member->readable || column->kind == TOTAL ? column->number(member) : -1;
        if (number >= 0)
            sum = sum < 0 ? number : sum + number;
    }
    if (column->kind == MEMORY || column->kind == TOTAL)
        print_mib(ret, sum);
    else if (column->kind == NUMBER)
        strcpy(ret, "total");
    else if (column->kind == ROLE)
        snprintf(ret, CELL, "of %zu", tree->count);
}

/* ---- trees ---- */

static void append(char *text, size_t size, const char *between, const char *word, uint64_t count) {
    size_t length = strlen(text);
    snprintf(text + length, size - length, "%s%s %llu", between, word, (unsigned long long)count);
}

static void add_forks(struct gf_lines *lines, const struct gf_member *root) {
    const struct gcfreeze_status *status = &root->page.status;
    char skips[512] = "";
    switch (root->answer) {
    case GF_PAGE_READ:
        break;
    case GF_PAGE_NOT_LOADED:
        gf_lines_add(lines, GF_YELLOW, "  the library is not loaded");
        return;
    case GF_PAGE_PARENTS:
        gf_lines_add(lines, GF_YELLOW, "  forked past the library, and has not forked itself");
        return;
    case GF_PAGE_UNKNOWN:
        gf_lines_add(lines, GF_YELLOW, "  what the library did is not known: another version");
        return;
    default:
        gf_lines_add(lines, GF_YELLOW,
                     "  what the library did is closed to this user: run as the server's user "
                     "with kernel.yama.ptrace_scope=0, or as root");
        return;
    }
    for (int i = 0; i < GCFREEZE_REASON_ROOM; i++) {
        const char *word = gcfreeze_reason_name(i);
        if (status->skipped[i] > 0)
            append(skips, sizeof skips,
                   skips[0] ? ", " : "; left alone: ", word ? word : "another reason",
                   status->skipped[i]);
    }
    bool partly = status->pass_reason != GCFREEZE_REASON_NONE;
    char mode[sizeof status->mode + sizeof status->mode_why + 16] = "";
    if (status->mode[0])
        snprintf(mode, sizeof mode, ", mode %.16s (%.144s)", status->mode, status->mode_why);
    gf_lines_add(lines, GF_PLAIN, "  %s%.32s, %llu of %llu forks frozen%s%s%s%s",
                 status->attached ? "CPython " : "no interpreter", status->python,
                 (unsigned long long)status->forks_frozen, (unsigned long long)status->forks_seen,
                 mode, skips, partly ? "; arenas: " : "",
                 partly ? gf_figure_reason(status->pass_reason) : "");
}

/* Of the process that forks the workers, which may stand below a supervisor. */
static void add_warmups(struct gf_lines *lines, const struct gf_tree *tree) {
    for (size_t i = 0; i < tree->count; i++) {
        const struct gf_member *member = &tree->members[i];
        const struct gcfreeze_status *status = &member->page.status;
        char of[32] = "", left_out[32] = "";
        if (!gf_figure_warmed(member))
            continue;
        if (i > 0)
            snprintf(of, sizeof of, " of %d", (int)member->process.pid);
        if (status->warmup_left_out > 0)
            snprintf(left_out, sizeof left_out, ", %d left out", status->warmup_left_out);
        gf_lines_add(lines, left_out[0] ? GF_YELLOW : GF_PLAIN,
                     "  warm-up%s: %d done%s, %.1f MiB in %.1f s after %.1f s of trials", of,
                     status->warmup_done, left_out, (double)status->warmup_bytes / (1 << 20),
                     (double)status->warmup_parent_us / 1e6, (double)status->warmup_trial_us / 1e6);
    }
}

static void append_passing(const struct gf_passes *group, size_t workers, void *context) {
    static const char *const words[] = {"running",          "none",          "done",
                                        "nothing worth it", "not looked at", "no copies"};
    char *text = context, word[96];
    (void)workers;
    if (group->reason != GCFREEZE_REASON_NONE)
        snprintf(word, sizeof word, "%s (%s)",
                 group->passes > 0 && group->passing == GF_PASSING_HINDERED ? "ended early"
                                                                            : words[group->passing],
                 gf_figure_reason(group->reason));
    else
        snprintf(word, sizeof word, "%s", words[group->passing]);
    append(text, PASSES, text[0] ? ", " : "", word, group->count);
}

/* Of the workers of whoever has copied its arenas. */
static void add_passes(struct gf_lines *lines, const struct gf_tree *tree) {
    for (size_t i = 0; i < tree->count; i++) {
        char text[PASSES] = "";
        gf_passes_each(tree, &tree->members[i], append_passing, text);
        if (text[0])
            gf_lines_add(lines, GF_PLAIN, "  passes in workers: %s", text);
    }
}

static void add_memory(struct gf_lines *lines, const struct gf_tree *tree) {
    char copies[64] = "", group[64] = "", closed[64] = "";
    if (tree->snapshot_kib > 0)
        snprintf(copies, sizeof copies, ", of it %.1f in copies of arenas",
                 (double)tree->snapshot_kib / 1024);
    if (tree->group_kib >= 0)
        snprintf(group, sizeof group, "; its control group %.1f", (double)tree->group_kib / 1024);
    if (tree->closed > 0)
        snprintf(closed, sizeof closed, "; %zu of %zu are closed to this user", tree->closed,
                 tree->count);
    gf_lines_add(lines, tree->closed ? GF_YELLOW : GF_PLAIN, "  memory %.1f MiB%s%s%s",
                 (double)tree->total_kib / 1024, copies, group, closed);
}

static struct gf_table_order sorting; /* qsort has no context */

static int by_order(const void *a, const void *b) {
    const struct gf_member *left = *(const struct gf_member *const *)a;
    const struct gf_member *right = *(const struct gf_member *const *)b;
    const struct column *column = &columns[sorting.column];
    double x = column->number(left), y = column->number(right);
    int order = (x > y) - (x < y);
    if (column->ascending == sorting.reversed)
        order = -order;
    return order ? order : (left > right) - (left < right);
}

static void add_tree(struct gf_lines *lines, const struct gf_tree *tree,
                     struct gf_table_order order, int count) {
    char command[1024] = "";
    const struct gf_member **rows = calloc(tree->count, sizeof(void *));
    if (!rows)
        return;
    for (size_t i = 0; i < tree->count; i++)
        rows[i] = &tree->members[order.column < 0 && order.reversed ? tree->count - 1 - i : i];
    sorting = order;
    if (order.column >= 0)
        qsort(rows, tree->count, sizeof *rows, by_order);
    if (!gf_process_command_line(tree->members[0].process.pid, command, sizeof command))
        snprintf(command, sizeof command, "(%s)", tree->members[0].process.command);
    gf_lines_add(lines, GF_BOLD, "%s", command);
    add_forks(lines, &tree->members[0]);
    add_warmups(lines, tree);
    add_passes(lines, tree);
    add_memory(lines, tree);
    for (size_t i = 0; i < tree->count; i++)
        add_row(lines, rows[i]->role == GF_ROLE_PROGRAM ? GF_DIM : GF_PLAIN, count, member_cell,
                rows[i]);
    add_row(lines, GF_BOLD, count, sum_cell, tree);
    free(rows);
}

void gf_table_trees(struct gf_lines *lines, const struct gf_view *view,
                    struct gf_table_order order) {
    for (size_t i = 0; i < view->count; i++)
        add_tree(lines, &view->trees[i], order, columns_of(view));
}

void gf_table_no_view(pid_t pid) {
    if (pid != 0 && errno == ESRCH)
        gf_say_error("--pid=%d: no such process", (int)pid);
    else
        gf_say_error("the processes cannot be read from /proc: %s", strerror(errno));
}
