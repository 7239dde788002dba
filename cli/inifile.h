/* Files with a setting in a line: .ini files, Procfiles, and Python files that assign constants. */
#ifndef GF_CLI_INIFILE_H
#define GF_CLI_INIFILE_H

#include <stdbool.h>

/* A line `name = value` or `name: value`. A name alone has an empty value. The value is without the
 * quotes around it and without a comment behind it. `section`: the last [line] before it, or "". */
typedef void gf_inifile_take(const char *section, const char *name, const char *value,
                             void *context);

/* Calls `take` for each, in their order. A line that is anything else is passed over, and so is one
 * with more than 4095 bytes. False with errno if the file cannot be opened. */
bool gf_inifile_each(const char *path, gf_inifile_take *take, void *context);

#endif
