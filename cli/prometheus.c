/* A view as metrics in Prometheus' text format. */
#include "figures.h"
#include "output.h"

#define PREFIX "gcfreeze_"

static void print_head(FILE *stream, const char *name, bool counter, const char *help) {
    const char *end = counter ? "_total" : "";
    fprintf(stream, "# HELP " PREFIX "%s%s %s\n# TYPE " PREFIX "%s%s %s\n", name, end, help, name,
            end, counter ? "counter" : "gauge");
}

static int root_of(const struct gf_tree *tree) {
    return tree->members[0].process.pid;
}

static void print_of_process(FILE *stream, const struct gf_view *view,
                             const struct gf_figure *figure) {
    double value;
    const bool counter = figure->kind == GF_COUNTER;
    print_head(stream, figure->name, counter, figure->help);
    for (size_t t = 0; t < view->count; t++) {
        const struct gf_tree *tree = &view->trees[t];
        for (size_t m = 0; m < tree->count; m++) {
            const struct gf_member *member = &tree->members[m];
            if (!figure->get(member, &value))
                continue;
            fprintf(stream, PREFIX "%s%s{root=\"%d\",pid=\"%d\",role=\"%s\"} ", figure->name,
                    counter ? "_total" : "", root_of(tree), (int)member->process.pid,
                    gf_role_name(member->role));
            gf_figure_print(stream, value);
            fputc('\n', stream);
        }
    }
}

static void print_skips(FILE *stream, const struct gf_view *view) {
    print_head(stream, "forks_left_alone", true, "Forks that were not frozen for, by reason.");
    for (size_t t = 0; t < view->count; t++) {
        const struct gf_tree *tree = &view->trees[t];
        for (size_t m = 0; m < tree->count; m++) {
            const struct gf_member *member = &tree->members[m];
            if (member->answer != GF_PAGE_READ)
                continue;
            for (int i = 0; i < GCFREEZE_REASON_ROOM; i++) {
                if (member->page.status.skipped[i] == 0)
                    continue;
                fprintf(stream,
                        PREFIX "forks_left_alone_total{root=\"%d\",pid=\"%d\",role=\"%s\","
                               "reason=\"%s\"} %llu\n",
                        root_of(tree), (int)member->process.pid, gf_role_name(member->role),
                        gf_figure_reason(i), (unsigned long long)member->page.status.skipped[i]);
            }
        }
    }
}

static void print_obstacles(FILE *stream, const struct gf_view *view) {
    print_head(stream, "pass_obstacle", false,
               "1: why the last copying or pass did less than all, or no pass begins.");
    for (size_t t = 0; t < view->count; t++) {
        const struct gf_tree *tree = &view->trees[t];
        for (size_t m = 0; m < tree->count; m++) {
            const struct gf_member *member = &tree->members[m];
            const int reason = member->page.status.pass_reason;
            if (member->answer == GF_PAGE_READ && reason != GCFREEZE_REASON_NONE)
                fprintf(stream,
                        PREFIX "pass_obstacle{root=\"%d\",pid=\"%d\",role=\"%s\","
                               "reason=\"%s\"} 1\n",
                        root_of(tree), (int)member->process.pid, gf_role_name(member->role),
                        gf_figure_reason(reason));
        }
    }
}

/* A line feed cannot be in a command line here, see gf_process_command_line. */
static void print_label(FILE *stream, const char *text) {
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', stream);
        fputc(*text, stream);
    }
}

static void print_info(FILE *stream, const struct gf_view *view) {
    print_head(stream, "tree_info", false, "1 for each prefork server.");
    for (size_t t = 0; t < view->count; t++) {
        const struct gf_member *root = &view->trees[t].members[0];
        char command[1024] = "";
        gf_process_command_line(root->process.pid, command, sizeof command);
        fprintf(stream, PREFIX "tree_info{root=\"%d\",command=\"", (int)root->process.pid);
        print_label(stream, command);
        fprintf(stream, "\",python=\"%.32s\"} 1\n", root->page.status.python);
    }
}

static const struct {
    const char *name, *help;
    size_t offset;
    double unit;
    bool is_count; /* a size_t, else a long in KiB */
} of_trees[] = {
    {"tree_memory_bytes", "Anonymous and file PSS of all, and each copy of arenas once.",
     offsetof(struct gf_tree, total_kib), 1024, false},
    {"tree_arena_copies_bytes", "Copies of arenas that the processes of a tree share.",
     offsetof(struct gf_tree, snapshot_kib), 1024, false},
    {"tree_cgroup_bytes", "memory.current of the control group that holds this tree alone.",
     offsetof(struct gf_tree, group_kib), 1024, false},
    {"tree_processes", "Processes of a tree.", offsetof(struct gf_tree, count), 1, true},
    {"tree_closed_processes", "Of these, the ones whose memory is not ours to read.",
     offsetof(struct gf_tree, closed), 1, true},
};

static void print_trees(FILE *stream, const struct gf_view *view) {
    print_head(stream, "trees", false, "Prefork servers that have the library loaded.");
    fprintf(stream, PREFIX "trees %zu\n", view->count);
    print_info(stream, view);
    for (size_t i = 0; i < sizeof of_trees / sizeof *of_trees; i++) {
        print_head(stream, of_trees[i].name, false, of_trees[i].help);
        for (size_t t = 0; t < view->count; t++) {
            const char *at = (const char *)&view->trees[t] + of_trees[i].offset;
            double value =
                of_trees[i].is_count ? (double)*(const size_t *)at : (double)*(const long *)at;
            if (value < 0)
                continue; /* there is no such group */
            fprintf(stream, PREFIX "%s{root=\"%d\"} ", of_trees[i].name, root_of(&view->trees[t]));
            gf_figure_print(stream, value * of_trees[i].unit);
            fputc('\n', stream);
        }
    }
}

void gf_prometheus_print(FILE *stream, const struct gf_view *view) {
    print_trees(stream, view);
    for (size_t i = 0; i < gf_figure_count; i++)
        print_of_process(stream, view, &gf_figures[i]);
    print_skips(stream, view);
    print_obstacles(stream, view);
}

bool gf_prometheus_write(const char *path, const struct gf_view *view) {
    struct gf_output output;
    if (!gf_output_open(path, 022, &output)) /* a collector is another user, whatever umask says */
        return false;
    gf_prometheus_print(output.stream, view);
    return gf_output_close(&output);
}
