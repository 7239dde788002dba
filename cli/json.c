/* A view as JSON. Numbers that are not known are null. */
#include <time.h>

#include "figures.h"
#include "say.h"

static void print_key(FILE *stream, const char *name) {
    fprintf(stream, ", \"%s\": ", name);
}

static void print_skips(FILE *stream, const struct gf_member *member) {
    const char *between = "";
    print_key(stream, "left_alone");
    if (member->answer != GF_PAGE_READ) {
        fputs("null", stream);
        return;
    }
    fputc('{', stream);
    for (int i = 0; i < GCFREEZE_REASON_ROOM; i++) {
        uint64_t count = member->page.status.skipped[i];
        if (count == 0)
            continue;
        fprintf(stream, "%s\"%s\": %llu", between, gf_figure_reason(i), (unsigned long long)count);
        between = ", ";
    }
    fputc('}', stream);
}

static void print_member(FILE *stream, const struct gf_member *member) {
    static const char *const answers[] = {"read",    "not-loaded", "closed",
                                          "unknown", "parents",    "gone"};
    double value;
    fprintf(stream, "{\"pid\": %d, \"parent\": %d, \"role\": \"%s\", \"status\": \"%s\"",
            (int)member->process.pid, (int)member->process.parent, gf_role_name(member->role),
            answers[member->answer]);
    for (size_t i = 0; i < gf_figure_count; i++) {
        print_key(stream, gf_figures[i].name);
        if (!gf_figures[i].get(member, &value))
            fputs("null", stream);
        else if (gf_figures[i].kind == GF_TRUTH)
            fputs(value != 0 ? "true" : "false", stream);
        else
            gf_figure_print(stream, value);
    }
    print_key(stream, "pass_reason");
    if (member->answer == GF_PAGE_READ)
        gf_say_json(stream, gf_figure_reason(member->page.status.pass_reason));
    else
        fputs("null", stream);
    print_skips(stream, member);
    fputc('}', stream);
}

/* What a process says in words; null if it does not. */
static void print_text(FILE *stream, const struct gf_member *member, const char *name,
                       const char *text, size_t size) {
    char copy[256];
    print_key(stream, name);
    snprintf(copy, sizeof copy, "%.*s", (int)size, text);
    if (member->answer == GF_PAGE_READ && copy[0])
        gf_say_json(stream, copy);
    else
        fputs("null", stream);
}

static void print_tree(FILE *stream, const struct gf_tree *tree) {
    const struct gf_member *root = &tree->members[0];
    char command[4096] = "", python[sizeof root->page.status.python + 1];
    gf_process_command_line(root->process.pid, command, sizeof command);
    snprintf(python, sizeof python, "%.32s", root->page.status.python);
    fprintf(stream, " {\"root\": %d, \"command\": ", (int)root->process.pid);
    gf_say_json(stream, command);
    print_key(stream, "python");
    gf_say_json(stream, python);
    print_text(stream, root, "mode", root->page.status.mode, sizeof root->page.status.mode);
    print_text(stream, root, "mode_why", root->page.status.mode_why,
               sizeof root->page.status.mode_why);
    fprintf(stream, ", \"memory_bytes\": %lld, \"arena_copies_bytes\": %lld, \"cgroup_bytes\": ",
            tree->total_kib * 1024LL, tree->snapshot_kib * 1024LL);
    if (tree->group_kib >= 0)
        fprintf(stream, "%lld", tree->group_kib * 1024LL);
    else
        fputs("null", stream);
    fprintf(stream, ", \"closed\": %zu, \"processes\": [", tree->closed);
    for (size_t i = 0; i < tree->count; i++) {
        fputs(i ? ",\n  " : "\n  ", stream);
        print_member(stream, &tree->members[i]);
    }
    fputs("]}", stream);
}

void gf_json_print(FILE *stream, const struct gf_view *view) {
    fprintf(stream, "{\"version\": 1, \"time\": %lld, \"trees\": [", (long long)time(NULL));
    for (size_t i = 0; i < view->count; i++) {
        fputs(i ? ",\n" : "\n", stream);
        print_tree(stream, &view->trees[i]);
    }
    fputs("]}\n", stream);
}
