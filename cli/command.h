/* What a command is, and how all of them end. */
#ifndef GF_CLI_COMMAND_H
#define GF_CLI_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

/* Exit codes as env(1) uses them. */
enum { GF_EXIT_FAILED = 125, GF_EXIT_CANNOT_RUN = 126, GF_EXIT_NOT_FOUND = 127 };

/* A command gets its own name as argv[0] and returns the program's exit code. */
#define COMMAND(name, arguments, summary) int gf_command_##name(int argc, char **argv);
#include "commands.def"
#undef COMMAND

/* Prints how `name` is used, with `details` (may be NULL) below, to stdout; returns 0. */
int gf_command_help(const char *name, const char *details);

/* The options that every command has: for getopt_long's rows, and what to do about them. */
#define GF_COMMON_OPTIONS                                                                          \
    {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {                       \
        "color", required_argument, NULL, 'c'                                                      \
    }

/* `answer` is getopt_long's. True: it was a common one, and the command goes on; or it ends now,
 * with *ret_end set and its code in *ret_code. `details` is for gf_command_help. */
bool gf_command_common(const char *name, int answer, const char *details, bool *ret_end,
                       int *ret_code);

/* After getopt_long found an option that is none, and has said so: points to --help; returns
 * GF_EXIT_FAILED. */
int gf_command_misused(const char *name);

/* The argument of --pid. False after an error. */
bool gf_command_pid(const char *text, pid_t *ret);

/* After all options: false after an error if there are more arguments. */
bool gf_command_no_more(int argc, char **argv);

#endif
