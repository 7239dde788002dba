/* Programs that start workers: the rows of hosts.def, and which of them this one is.
 *
 * No state. Any phase; the command-line program asks, too.
 */
#ifndef GF_CORE_HOSTS_H
#define GF_CORE_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "process/names.h"

/* As hosts.def says what they are. */
enum gf_host_kind {
    GF_HOST_PREFORK,
    GF_HOST_SERVES,
    GF_HOST_LAZY,
    GF_HOST_SPAWNS,
    GF_HOST_SPAWNED,
    GF_HOST_SUPERVISES,
    GF_HOST_SINGLE
};

/* What the library reads of a row. No pointers: the loader would write to them in every process. */
struct gf_host_row {
    char kind, defers;
    char name[32], programs[80], when[56], callers[40], loads[56], application[24];
};

extern const struct gf_host_row gf_host_rows[];
extern const size_t gf_host_count;

/* Does it load something, and then fork workers that share it? */
bool gf_host_preforks(const struct gf_host_row *row);

/* Is it one of the row's programs, whatever its arguments? */
bool gf_host_has_name(const struct gf_host_row *row, const struct gf_self *self);

/* Do the arguments have what a list of patterns like `when` wants? An empty list wants nothing. */
bool gf_host_arguments(const char *patterns, int argc, char *const *argv);

/* The row of a program, or NULL. argv is as the program was given it, before it overwrites that. */
const struct gf_host_row *gf_hosts_find(const struct gf_self *self, int argc, char *const *argv);

/* Does one of the lines that gf_runtime.callers writes match one of the patterns? */
bool gf_host_called(const char *patterns, const char *callers);

/* The row of a fork by its callers, as gf_runtime.callers writes them, or NULL. `named`: the
 * program's own row, or NULL; it stays the answer if it stands first. */
const struct gf_host_row *gf_hosts_find_caller(const char *callers,
                                               const struct gf_host_row *named);

/* Do the arguments make a row that preforks load before it forks? Its configuration file may say
 * so, too, and is not looked at: MAYBE. *ret_because, unless it is NULL: the argument that decides,
 * by its index; 0: none does. */
enum gf_preloads { GF_PRELOADS_NOT, GF_PRELOADS_MAYBE, GF_PRELOADS };
enum gf_preloads gf_host_preloads(const struct gf_host_row *row, int argc, char *const *argv,
                                  int *ret_because);

/* What it does, to follow its name: "preloads". `preloads` counts for rows that prefork. */
const char *gf_host_habit(const struct gf_host_row *row, enum gf_preloads preloads);

/* The C functions among the callers, counted from 0; NULL: there are no more. */
const char *gf_host_function(size_t index);

#endif
