/* Environments for gf_config_read, and what gf_config_tell says about them. */
#ifndef GF_TEST_TOLD_H
#define GF_TEST_TOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/config.h"

enum { GF_TOLD_LINES = 64, GF_TOLD_LINE_SIZE = 512 };

/* The lines of the last reading. */
extern char gf_told[GF_TOLD_LINES][GF_TOLD_LINE_SIZE];
extern size_t gf_told_count;

/* Reads `environment` and keeps the lines about it, which must be printable ASCII. */
struct gf_config gf_told_read(char *const *environment, bool secure);

/* Reads an environment of one variable. */
struct gf_config gf_told_read_one(const char *name, const char *value);

#endif
