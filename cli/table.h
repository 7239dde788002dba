/* A view as a table for people: what stat prints once and top again and again. Memory is in MiB. */
#ifndef GF_CLI_TABLE_H
#define GF_CLI_TABLE_H

#include <stdbool.h>

#include "lines.h"
#include "tree.h"

/* The order of a tree's rows. */
struct gf_table_order {
    int column;    /* from 0; -1: parents before their children */
    bool reversed; /* numbers come largest first, unless reversed */
};

/* Finds a column by its name, case-insensitive ("since-fork"), or "tree". False after an error. */
bool gf_table_order_parse(const char *name, struct gf_table_order *ret);

/* Its name, as the above takes it. */
const char *gf_table_order_name(const struct gf_table_order *order);

enum { GF_TABLE_KEYS = 9 }; /* columns that a digit stands for, and that are always there */

/* The line of titles. It is for this view: what only GCFREEZE_RESHARE has is left out without it.
 */
void gf_table_titles(struct gf_lines *lines, const struct gf_view *view);

/* What each tree is and did, a row for each process, and the sums. */
void gf_table_trees(struct gf_lines *lines, const struct gf_view *view,
                    struct gf_table_order order);

/* After gf_view_take has failed: says why. */
void gf_table_no_view(pid_t pid);

/* What to say where a view of all has no tree. */
#define GF_TABLE_NOTHING                                                                           \
    "no Python process that this user can look into has the library loaded: `gcfreeze run -- "     \
    "COMMAND` starts a server with it, and another user's server shows itself to that user and "   \
    "root"

#endif
