/* The library's knobs as options of this program: --min-new 500 is GCFREEZE_MIN_NEW=500. Rows,
 * ranges and messages are the library's own (shim/core/knobs.def). */
#ifndef GF_CLI_SETTINGS_H
#define GF_CLI_SETTINGS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The first value of getopt_long's answer that stands for a knob. */
enum { GF_SETTING = 1000 };

/* The options of the knobs, then `own`, whose last row is all zeros. Allocated; NULL without
 * memory. */
struct option *gf_settings_options(const struct option *own);

/* Takes getopt_long's answer and its optarg into the environment of this process, which a command
 * that is run inherits. Behind a switch, the words "on" and "off" of `argv` are its value (optind
 * goes on). False: without memory. */
bool gf_settings_take(int answer, char **argv);

/* Is every GCFREEZE_ variable of the environment known, and its value allowed? Says what is not. */
bool gf_settings_good(void);

/* NAME=value of every GCFREEZE_ variable that is set, one call each, in the order of the knobs. */
void gf_settings_each(void (*take)(const char *name, const char *value, void *context),
                      void *context);

/* Their help: one line each. */
void gf_settings_help(FILE *stream);

#endif
