/* A file that is there as a whole, or as it was before. */
#ifndef GF_CLI_OUTPUT_H
#define GF_CLI_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct gf_output {
    FILE *stream;
    char path[PATH_MAX], temporary[PATH_MAX]; /* temporary is empty where nothing is renamed */
};

/* "-" is stdout; what exists and is no regular file (/dev/null, a pipe) is written to directly. A
 * new file has the mode 0666 without `mask`. False after an error. */
bool gf_output_open(const char *path, mode_t mask, struct gf_output *ret);

/* umask(2), which cannot be asked for without being set. */
mode_t gf_output_mask(void);

/* Puts it in its place. False after an error. */
bool gf_output_close(struct gf_output *output);

/* Could gf_output_open work? Says why not, and creates nothing. */
bool gf_output_possible(const char *path);

#endif
