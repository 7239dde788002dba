/* gcfreeze run, env, path: starting a server with the library, or saying how. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "library.h"
#include "say.h"
#include "settings.h"
#include "target.h"
#include "warmup.h"

static void print_assignment(const char *name, const char *value, void *context) {
    (void)context;
    printf("%s=", name);
    gf_say_quoted(stdout, value);
    putchar(' ');
}

static int print_command(char **command, const char *preload) {
    printf("env LD_PRELOAD=");
    gf_say_quoted(stdout, preload);
    putchar(' ');
    gf_settings_each(print_assignment, NULL);
    for (; *command; command++) {
        gf_say_quoted(stdout, *command);
        putchar(command[1] ? ' ' : '\n');
    }
    return gf_say_flushed() ? 0 : GF_EXIT_FAILED;
}

static int start(char **command, bool dry) {
    struct gf_target target;
    const char *library = gf_library_path();
    if (!library)
        return GF_EXIT_FAILED;
    int code = gf_target_find(command[0], &target);
    if (code != 0)
        return code;
    const char *obstacle = gf_target_obstacle(&target, library);
    if (obstacle) {
        gf_say_error("%s: the library cannot work there: %s", command[0], obstacle);
        return GF_EXIT_FAILED;
    }
    char *preload = gf_library_preload(library, getenv("LD_PRELOAD"));
    if (!preload || setenv("LD_PRELOAD", preload, 1) != 0) {
        gf_say_error("out of memory");
        return GF_EXIT_FAILED;
    }
    if (dry)
        return print_command(command, preload);
    execvp(command[0], command);
    gf_say_error("%s: cannot be started: %s", command[0], strerror(errno));
    return errno == ENOENT ? GF_EXIT_NOT_FOUND : GF_EXIT_CANNOT_RUN;
}

static void warn(const char *line) {
    gf_say_warning("%s; it is left out", line);
}

/* Both commands take the settings as options. Returns -1 to go on, else the exit code; `take` gets
 * the answers that are the command's own. */
static int take_options(int argc, char **argv, const struct option *own, const char *details,
                        bool (*take)(int answer)) {
    struct option *options = gf_settings_options(own);
    int answer, code = 0;
    bool end = false;
    if (!options) {
        gf_say_error("out of memory");
        return GF_EXIT_FAILED;
    }
    while ((answer = getopt_long(argc, argv, "+hV", options, NULL)) != -1) {
        if (answer == 'h') {
            code = gf_command_help(argv[0], details);
            putchar('\n');
            gf_settings_help(stdout);
            return code == 0 && gf_say_flushed() ? 0 : GF_EXIT_FAILED;
        }
        if (gf_command_common(argv[0], answer, details, &end, &code)) {
            if (end)
                return code;
        } else if (answer >= GF_SETTING) {
            if (!gf_settings_take(answer, argv))
                return GF_EXIT_FAILED;
        } else if (!take(answer)) {
            return GF_EXIT_FAILED;
        }
    }
    if (!gf_settings_good())
        return GF_EXIT_FAILED;
    const char *words = getenv("GCFREEZE_WARMUP");
    gf_warmup_read(words ? words : "", warn); /* the library goes on without the bad ones */
    return -1;
}

static bool dry;

static bool take_dry(int answer) {
    dry = answer == 'n';
    return true;
}

int gf_command_run(int argc, char **argv) {
    static const struct option own[] = {
        {"dry-run", no_argument, NULL, 'n'}, GF_COMMON_OPTIONS, {NULL, 0, NULL, 0}};
    static const char details[] =
        "  --dry-run          print what would be executed, and execute nothing\n\n"
        "Exits with 125 if the library cannot be used, 126 if the command cannot be started, 127 "
        "if\n"
        "there is no such command; else with the command's own code.\n";
    int code = take_options(argc, argv, own, details, take_dry);
    if (code >= 0)
        return code;
    if (optind == argc) {
        gf_say_error("run: what is to be started? gcfreeze run -- COMMAND...");
        return gf_command_misused("run");
    }
    return start(argv + optind, dry);
}

/* ---- env ---- */

static void print_for_sh(const char *value) {
    gf_say_quoted(stdout, value); /* Dockerfiles read words as sh does */
}

/* fish: in single quotes, two characters can be escaped. */
static void print_for_fish(const char *value) {
    putchar('\'');
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\')
            putchar('\\');
        putchar(*value);
    }
    putchar('\'');
}

/* systemd.syntax(7) and systemd.unit(5): the assignment is in double quotes, % starts a specifier.
 */
static void print_for_systemd(const char *value) {
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            putchar('\\');
        if (*value == '%')
            putchar('%');
        putchar(*value);
    }
}

/* A string of JSON is one of YAML; $(NAME) is a variable of the container, and $$ is $. */
static void print_for_kubernetes(const char *value) {
    char *doubled = malloc(2 * strlen(value) + 1);
    char *end = doubled;
    for (; doubled && *value; value++) {
        if (*value == '$')
            *end++ = '$';
        *end++ = *value;
    }
    if (doubled)
        *end = '\0';
    gf_say_json(stdout, doubled ? doubled : "");
    free(doubled);
}

static const struct shell {
    const char *name;
    const char *before, *between, *after; /* of NAME and value */
    void (*print)(const char *value);
} shells[] = {
    {"sh", "export ", "=", "\n", print_for_sh},
    {"fish", "set -gx ", " ", "\n", print_for_fish},
    {"docker", "ENV ", "=", "\n", print_for_sh},
    {"systemd", "Environment=\"", "=", "\"\n", print_for_systemd},
    {"kubernetes", "- name: ", "\n  value: ", "\n", print_for_kubernetes},
};
static const struct shell *shell = shells;

static bool take_shell(int answer) {
    (void)answer;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(optarg, shells[i].name) == 0) {
            shell = &shells[i];
            return true;
        }
    }
    gf_say_error("--shell=%s is not allowed; allowed: sh, fish, docker, systemd, kubernetes",
                 optarg);
    return false;
}

static void print_variable(const char *name, const char *value, void *context) {
    (void)context;
    printf("%s%s%s", shell->before, name, shell->between);
    shell->print(value);
    fputs(shell->after, stdout);
}

int gf_command_env(int argc, char **argv) {
    static const struct option own[] = {
        {"shell", required_argument, NULL, 's'}, GF_COMMON_OPTIONS, {NULL, 0, NULL, 0}};
    static const char details[] =
        "  --shell=WHAT       sh (default), fish, docker, systemd or kubernetes\n";
    int code = take_options(argc, argv, own, details, take_shell);
    if (code < 0 && !gf_command_no_more(argc, argv))
        return GF_EXIT_FAILED;
    const char *library = code < 0 ? gf_library_path() : NULL;
    if (code >= 0)
        return code;
    if (!library)
        return GF_EXIT_FAILED;
    print_variable("LD_PRELOAD", library, NULL);
    gf_settings_each(print_variable, NULL);
    return gf_say_flushed() ? 0 : GF_EXIT_FAILED;
}

int gf_command_path(int argc, char **argv) {
    static const struct option options[] = {GF_COMMON_OPTIONS, {NULL, 0, NULL, 0}};
    int answer, code = 0;
    bool end = false;
    while ((answer = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
        gf_command_common("path", answer, NULL, &end, &code);
        if (end)
            return code;
    }
    if (!gf_command_no_more(argc, argv))
        return GF_EXIT_FAILED;
    const char *library = gf_library_path();
    if (!library)
        return GF_EXIT_FAILED;
    puts(library);
    return gf_say_flushed() ? 0 : GF_EXIT_FAILED;
}
