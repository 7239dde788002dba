#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checks.h"
#include "core/config.h"
#include "hosts.h"
#include "say.h"
#include "warmup.h"

static const char topic[] = "preloading";

/* ---- hosts ---- */

/* A program that is not known may fork its workers, or not: "gcfreeze run --mode immortal -- python
 * train.py". */
static void say_how_to_share(char *const *command) {
    char *advice = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&advice, &size);
    if (!file)
        return;
    fputs("`gcfreeze run --mode immortal --", file);
    for (; *command; command++) {
        putc(' ', file);
        gf_say_quoted(file, *command);
    }
    fputs("` lets forked workers share a data set", file);
    if (fclose(file) == 0)
        gf_found(GF_GOOD, "mode", advice, "freeze (auto: not a server that is known)");
    free(advice);
}

/* What is done before a fork in a host that preloads, or in a program that is not known and may
 * fork: as the library will choose it. */
static void say_mode(const struct gf_recognized *host, char *const *command,
                     const struct gf_interpreter *interpreter) {
    static const char *const modes[] = {"auto", "freeze", "immortal"};
    struct gf_config config;
    gf_config_read(&config, environ, false);
    const enum gf_mode mode = (enum gf_mode)config.mode;
    if (!interpreter || !interpreter->known)
        return;
    if (mode == GF_MODE_FREEZE)
        gf_found(GF_GOOD, "mode", NULL, "freeze (GCFREEZE_MODE=freeze)");
    else if (interpreter->immortal && mode == GF_MODE_AUTO && !host->row)
        say_how_to_share(command);
    else if (interpreter->immortal && mode == GF_MODE_AUTO)
        gf_found(GF_GOOD, "mode", NULL, "immortal (auto: %s %s)", host->row->name,
                 gf_host_habit(host->row, host->preloads));
    else if (interpreter->immortal)
        gf_found(GF_GOOD, "mode", NULL, "immortal (GCFREEZE_MODE=immortal)");
    else
        gf_found(mode == GF_MODE_AUTO ? GF_GOOD : GF_WARN, "mode", NULL, "freeze (%s: immortal %s)",
                 modes[mode], interpreter->obstacle);
}

static void say_nothing(const char *line) {
    (void)line; /* bad words are found with the other settings */
}

static void put_count(char *ret, size_t size, size_t count, const char *what) {
    ret[0] = '\0';
    if (count > 0)
        snprintf(ret, size, "%zu %s%s", count, what, count == 1 ? "" : "s");
}

/* What GCFREEZE_WARMUP will do. `application`: NULL where workers share nothing that is loaded, ""
 * where it is not asked for pages. */
static void say_warmup(const char *name, const char *label, const char *application) {
    struct gf_config config;
    gf_config_read(&config, environ, false);
    const struct gf_warmup words = gf_warmup_read(config.warmup, say_nothing);
    const size_t count = words.pages + words.functions;
    const bool asks = application && application[0];
    char pages[32], functions[32];
    put_count(pages, sizeof pages, words.pages, "page");
    put_count(functions, sizeof functions, words.functions, "function");
    if (count == 0)
        return;
    if (!application)
        gf_found(GF_WARN, "warm-up", NULL,
                 "%s%s forks no workers that share what it has loaded: GCFREEZE_WARMUP has nothing "
                 "to warm up",
                 label, name);
    else if (words.pages > 0 && !asks)
        gf_found(GF_WARN, "warm-up", "MODULE:FUNCTION runs wherever workers are forked by os.fork",
                 "%s%s is not asked for pages: %zu of %zu words of GCFREEZE_WARMUP are left out",
                 label, name, words.pages, count);
    else
        gf_found(
            GF_GOOD, "warm-up", NULL,
            "%s%s runs %s%s%s before it forks its first worker; each is tried in a child first",
            label, name, pages, *pages && *functions ? " and " : "", functions);
}

static const char *advice_of(const struct gf_recognized *host) {
    const char *advice = gf_host_advice(host->row);
    return advice[0] ? advice : NULL;
}

/* `label`: "web: " where a supervisor starts it, else "". */
static void judge_prefork(const struct gf_recognized *host, const char *label) {
    const char *name = host->row->name;
    const char *word = host->because ? host->words.list[host->because] : NULL;
    const char *from = host->because ? host->words.from[host->because] : NULL;
    const char *set = from ? ", set in " : "";
    if (!host->forks)
        gf_found(GF_WARN, topic, "`gcfreeze doctor --pid PID` tells once it runs",
                 "%s%s is not told to start workers, and none can share memory", label, name);
    else if (host->preloads == GF_PRELOADS)
        gf_found(GF_GOOD, topic, NULL, "%s%s loads the application before it forks%s%s%s%s", label,
                 name, word ? ": " : "", word ? word : "", set, from ? from : "");
    else if (word)
        gf_found(GF_BAD, topic, advice_of(host),
                 "%s%s does not load the application before it forks: %s%s%s", label, name, word,
                 set, from ? from : "");
    else
        gf_found(GF_BAD, topic, advice_of(host),
                 "%s%s does not load the application before it forks: each worker loads it for "
                 "itself, and nothing is shared",
                 label, name);
}

static void judge(char *const *command, const char *label,
                  const struct gf_interpreter *interpreter);

struct supervised {
    const char *label;
};

static void judge_started(const char *name, const char *command, void *context) {
    const struct supervised *outer = context;
    struct gf_words words = {0};
    char label[256];
    snprintf(label, sizeof label, "%s%s: ", outer->label, name);
    gf_words_split(&words, command, NULL);
    if (words.list)
        judge(words.list, label, NULL);
    gf_words_release(&words);
}

static void judge_supervisor(const struct gf_recognized *host, const char *label) {
    struct supervised outer = {label};
    if (strlen(label) > 64) /* files that name each other */
        return;
    if (gf_recognized_starts(host, judge_started, &outer) == 0)
        gf_found(GF_WARN, topic, advice_of(host),
                 "%s%s starts other programs, and which is not known", label, host->row->name);
}

static void judge_host(const struct gf_recognized *host, char *const *command, const char *label,
                       const struct gf_interpreter *interpreter) {
    const char *name = host->row->name;
    const bool loads = host->forks && host->preloads == GF_PRELOADS;
    switch ((enum gf_host_kind)host->row->kind) {
    case GF_HOST_PREFORK:
    case GF_HOST_SERVES:
        judge_prefork(host, label);
        if (loads)
            say_mode(host, command, interpreter);
        break;
    case GF_HOST_LAZY:
        gf_found(GF_BAD, topic, advice_of(host),
                 "%s%s loads the application in each worker, and nothing is shared", label, name);
        break;
    case GF_HOST_SPAWNS:
    case GF_HOST_SPAWNED:
        gf_found(GF_BAD, topic, advice_of(host),
                 "%s%s: each worker is a new program and shares nothing", label, name);
        break;
    case GF_HOST_SINGLE:
        gf_found(GF_BAD, topic, advice_of(host),
                 "%s%s is one process: there are no workers to share memory with", label, name);
        break;
    case GF_HOST_SUPERVISES:
        judge_supervisor(host, label);
        return;
    }
    say_warmup(name, label, loads ? host->row->application : NULL);
}

/* ---- scripts ---- */

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

/* Does the script say that it starts its workers that way? */
static bool uses(const char *script, const char *method) {
    static const char *const words[] = {"set_start_method", "get_context",
                                        "multiprocessing_context"};
    bool found = false;
    for (size_t i = 0; i < sizeof words / sizeof *words && !found; i++)
        found = file_says(script, words[i], method);
    return found;
}

/* A script that uses multiprocessing by itself: how does it start its workers? NULL: it does not
 * say. */
static const char *judge_script(char *const *command, const char *label) {
    static const struct {
        const char *method, *advice;
        enum gf_mark mark;
    } methods[] = {
        {"spawn", "use \"fork\": processes that are spawned share nothing", GF_BAD},
        {"forkserver", "set_forkserver_preload() says what is loaded before the fork", GF_WARN},
        {"fork", NULL, GF_GOOD}, /* and not the one before it */
    };
    while (*command &&
           !(strlen(*command) > 3 && strcmp(*command + strlen(*command) - 3, ".py") == 0))
        command++;
    for (size_t i = 0; *command && i < sizeof methods / sizeof *methods; i++) {
        if (!uses(*command, methods[i].method))
            continue;
        gf_found(methods[i].mark, topic, methods[i].advice, "%s%s uses the start method %s", label,
                 *command, methods[i].method);
        return methods[i].method;
    }
    return NULL;
}

static void judge_program(const struct gf_recognized *host, char *const *command, const char *label,
                          const struct gf_interpreter *interpreter) {
    const char *method = judge_script(command, label);
    if (!method) {
        gf_found(GF_WARN, topic, "`gcfreeze doctor --pid PID` tells once it runs",
                 "%s%s is not in the list of hosts: gcfreeze cannot tell whether it preloads and "
                 "forks",
                 label, gf_names_title(&host->self));
        say_warmup(gf_names_title(&host->self), label, "");
    }
    if (interpreter && interpreter->known)
        gf_check_start_methods(interpreter, method && strcmp(method, "fork") == 0);
    say_mode(host, command, interpreter);
}

/* `interpreter`: NULL if it is not known which one executes the command. */
static void judge(char *const *command, const char *label,
                  const struct gf_interpreter *interpreter) {
    struct gf_recognized host;
    gf_recognize(command, &host);
    if (host.row)
        judge_host(&host, command, label, interpreter);
    else
        judge_program(&host, command, label, interpreter);
    gf_recognized_release(&host);
}

void gf_check_preloading(char *const *command, const struct gf_interpreter *interpreter) {
    judge(command, "", interpreter);
}
