#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "checks.h"

static const char eager[] =
    "leave it out: each worker imports the application for itself, and nothing is shared";

/* Servers by the name of their command: which words make them load the application before they
 * fork, and which keep them from it. */
static const struct server {
    const char *name;
    const char *needs[3];   /* one of these must be there; none: it preloads by itself */
    const char *hinders[3]; /* none of these may be there, nor, without --, in an .ini file */
    const char *choice[2];  /* an option, short and long, whose value is one of `forking` */
    const char *forking[3];
    const char *variable; /* more arguments from the environment, or NULL */
    const char *advice;
} servers[] = {
    {.name = "gunicorn",
     .needs = {"--preload", "--preload-app"},
     .variable = "GUNICORN_CMD_ARGS",
     .advice =
         "add --preload (preload_app = True in the configuration): without it each worker imports "
         "the application for itself, and nothing is shared"},
    {.name = "uwsgi", .hinders = {"--lazy-apps", "--lazy"}, .advice = eager},
    {.name = "pyuwsgi", .hinders = {"--lazy-apps", "--lazy"}, .advice = eager},
    {.name = "celery",
     .choice = {"-P", "--pool"},
     .forking = {"prefork", "processes"},
     .advice = "only the prefork pool forks workers"},
    {.name = "uvicorn",
     .needs = {"-"},
     .advice = "uvicorn starts its workers as new processes: use gunicorn --preload -k "
               "uvicorn_worker.UvicornWorker"},
    {.name = "hypercorn",
     .needs = {"-"},
     .advice = "hypercorn starts its workers as new processes: use a server that forks them"},
};

static bool has_word(char **arguments, const char *word) {
    for (; *arguments; arguments++) {
        if (strcmp(*arguments, word) == 0)
            return true;
    }
    return false;
}

/* Does a line of the file hold both words? Comments do not count. */
static bool file_says(const char *path, const char *word, const char *other) {
    char line[1024];
    bool found = false;
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "#")] = '\0';
        found = strstr(line, word) && strstr(line, other);
    }
    if (file)
        fclose(file);
    return found;
}

/* What an option is given, in any of its four ways: -c X, -cX, --config X, --config=X; the last
 * one counts. NULL: it is not there. */
static const char *value_of(char **arguments, const char *brief, const char *full) {
    const char *value = NULL;
    const size_t length = strlen(full);
    for (; *arguments; arguments++) {
        if (strcmp(*arguments, brief) == 0 || strcmp(*arguments, full) == 0)
            value = arguments[1] ? arguments[1] : value;
        else if (strncmp(*arguments, full, length) == 0 && (*arguments)[length] == '=')
            value = *arguments + length + 1;
        else if (strncmp(*arguments, brief, strlen(brief)) == 0)
            value = *arguments + strlen(brief);
    }
    return value;
}

/* gunicorn's configuration: the file of -c or --config, or the one of the current folder. */
static bool configuration_preloads(char **arguments) {
    static const char kind[] = "file:";
    const char *path = value_of(arguments, "-c", "--config");
    if (path && strncmp(path, kind, sizeof kind - 1) == 0)
        path += sizeof kind - 1;
    return file_says(path ? path : "gunicorn.conf.py", "preload_app", "True");
}

static bool is_one_of(const char *word, const char *const *words) {
    for (; *words; words++) {
        if (strcasecmp(word, *words) == 0)
            return true;
    }
    return false;
}

/* `name = VALUE` in uWSGI's kind of .ini, where all but four values mean yes, in any case; so does
 * none (measured, 2.0.31). */
static bool line_sets(char *line, const char *name) {
    static const char *const no[] = {"false", "off", "no", "0", NULL};
    char *rest = NULL;
    const char *key = strtok_r(line, " \t\n=", &rest);
    const char *value = strtok_r(NULL, " \t\n=", &rest);
    return key && strcmp(key, name) == 0 && !(value && is_one_of(value, no));
}

/* The file among the arguments that sets an option, or NULL. */
static const char *file_that_sets(char **arguments, const char *name) {
    for (; *arguments; arguments++) {
        char line[1024];
        const char *path = **arguments == '-' ? strchr(*arguments, '=') : *arguments;
        if (path && *path == '=')
            path++;
        const char *end = path ? strrchr(path, '.') : NULL;
        FILE *file = end && strcmp(end, ".ini") == 0 ? fopen(path, "re") : NULL;
        bool found = false;
        while (file && !found && fgets(line, sizeof line, file))
            found = line_sets(line, name);
        if (file)
            fclose(file);
        if (found)
            return path;
    }
    return NULL;
}

static const struct server *server_of(char **command, char ***ret_arguments) {
    for (char **word = command; *word; word++) {
        for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
            /* `gunicorn ...`, `python -m gunicorn ...`, `env A=b gunicorn ...` */
            if (strcmp(basename(*word), servers[i].name) == 0) {
                *ret_arguments = word + 1;
                return &servers[i];
            }
        }
    }
    return NULL;
}

static void check_server(const struct server *server, char **arguments) {
    const char *more = server->variable ? getenv(server->variable) : NULL;
    for (size_t i = 0; server->hinders[i]; i++) {
        const char *file = file_that_sets(arguments, server->hinders[i] + 2);
        if (file || has_word(arguments, server->hinders[i])) {
            gf_found(GF_BAD, "preloading", server->advice, "%s %s%s%s", server->name,
                     server->hinders[i], file ? ", set in " : "", file ? file : "");
            return;
        }
    }
    const char *choice =
        server->choice[0] ? value_of(arguments, server->choice[0], server->choice[1]) : NULL;
    if (choice && !is_one_of(choice, server->forking)) {
        gf_found(GF_BAD, "preloading", server->advice, "%s %s %s", server->name, server->choice[1],
                 choice);
        return;
    }
    bool preloads = server->needs[0] == NULL;
    for (size_t i = 0; server->needs[i]; i++)
        preloads = preloads || has_word(arguments, server->needs[i]) ||
                   (more && strstr(more, server->needs[i]));
    if (!preloads && strcmp(server->name, "gunicorn") == 0)
        preloads = configuration_preloads(arguments);
    if (preloads)
        gf_found(GF_GOOD, "preloading", NULL, "%s loads the application before it forks%s%s",
                 server->name, server->needs[0] ? ": " : "",
                 server->needs[0] ? server->needs[0] : "");
    else
        gf_found(GF_BAD, "preloading", server->advice,
                 "%s does not load the application before it forks", server->name);
}

/* A script that uses multiprocessing by itself: how does it start its workers? */
static void check_script(char **command) {
    static const char *const methods[] = {"spawn", "forkserver"};
    for (char **word = command + 1; *word; word++) {
        const char *end = strrchr(*word, '.');
        if (!end || strcmp(end, ".py") != 0)
            continue;
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
            if (file_says(*word, "set_start_method", methods[i]) ||
                file_says(*word, "get_context", methods[i])) {
                gf_found(i == 0 ? GF_BAD : GF_WARN, "preloading",
                         i == 0 ? "use \"fork\": processes that are spawned share nothing"
                                : "set_forkserver_preload() says what is loaded before the fork",
                         "%s uses the start method %s", *word, methods[i]);
                return;
            }
        }
        return;
    }
}

void gf_check_preloading(char **command, const struct gf_target *target) {
    char **arguments = command;
    const struct server *server = server_of(command, &arguments);
    (void)target;
    if (server)
        check_server(server, arguments);
    else
        check_script(command);
}
