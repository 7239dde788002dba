/* gcfreeze: run a server with the library, check it, see what it saves. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "library.h"
#include "say.h"

static const struct command {
    const char *name, *arguments, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
#define COMMAND(name, arguments, summary) {#name, arguments, summary, gf_command_##name},
#include "commands.def"
#undef COMMAND
};
enum { COUNT = sizeof commands / sizeof *commands };

static const struct command *find(const char *name) {
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static void list(FILE *stream) {
    fputs("usage: gcfreeze COMMAND [options]\n\n", stream);
    for (size_t i = 0; i < COUNT; i++)
        fprintf(stream, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\n`gcfreeze COMMAND --help` says more about one of them, gcfreeze(1) about all.\n"
          "Everywhere: --color=auto|always|never (or NO_COLOR), -h for help, -V for the version.\n",
          stream);
}

static int print_version(void) {
    printf("gcfreeze %s\n", GF_VERSION);
    return gf_say_flushed() ? 0 : GF_EXIT_FAILED;
}

int gf_command_help(const char *name, const char *details) {
    const struct command *command = find(name);
    if (!command)
        return GF_EXIT_FAILED;
    printf("usage: gcfreeze %s%s%s\n\n%s\n", name, *command->arguments ? " " : "",
           command->arguments, command->summary);
    if (details)
        printf("\n%s", details);
    return gf_say_flushed() ? 0 : GF_EXIT_FAILED;
}

int gf_command_misused(const char *name) {
    fprintf(stderr, "gcfreeze: `gcfreeze %s --help` says how it is used\n", name);
    return GF_EXIT_FAILED;
}

bool gf_command_common(const char *name, int answer, const char *details, bool *ret_end,
                       int *ret_code) {
    *ret_end = true;
    *ret_code = GF_EXIT_FAILED;
    switch (answer) {
    case 'h':
        *ret_code = gf_command_help(name, details);
        return true;
    case 'V':
        *ret_code = print_version();
        return true;
    case 'c':
        *ret_end = !gf_say_colours(optarg);
        return true;
    case '?':
        *ret_code = gf_command_misused(name);
        return true;
    default:
        *ret_end = false;
        return false;
    }
}

bool gf_command_pid(const char *text, pid_t *ret) {
    char *end;
    long value = strtol(text, &end, 10);
    if (!*text || *end || value <= 0) {
        gf_say_error("--pid=%s is not allowed; allowed: the number of a process", text);
        return false;
    }
    if (value > 4194304) { /* Linux's PID_MAX_LIMIT */
        gf_say_error("--pid=%s: no such process", text);
        return false;
    }
    *ret = (pid_t)value;
    return true;
}

bool gf_command_no_more(int argc, char **argv) {
    if (optind == argc)
        return true;
    gf_say_error("%s: \"%s\" is too much", argv[0], argv[optind]);
    gf_command_misused(argv[0]);
    return false;
}

/* --color may stand before the command, too. */
static bool take_colours(const char *argument) {
    static const char option[] = "--color=";
    return strncmp(argument, option, sizeof option - 1) == 0 &&
           gf_say_colours(argument + sizeof option - 1);
}

int main(int argc, char **argv) {
    gf_library_choose();
    while (argc > 1 && strncmp(argv[1], "--color=", 8) == 0) {
        if (!take_colours(argv[1]))
            return GF_EXIT_FAILED;
        argv++, argc--;
    }
    if (argc < 2) {
        list(stderr);
        return GF_EXIT_FAILED;
    }
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
        list(stdout);
        return gf_say_flushed() ? 0 : GF_EXIT_FAILED;
    }
    if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0)
        return print_version();
    const struct command *command = find(argv[1]);
    if (!command) {
        gf_say_error("there is no command \"%s\"; `gcfreeze --help` lists them", argv[1]);
        return GF_EXIT_FAILED;
    }
    return command->run(argc - 1, argv + 1);
}
