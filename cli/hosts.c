#include "hosts.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/text.h"
#include "inifile.h"

enum { ENTRY = 128, COMMAND = 8192 };

/* By the index of gf_host_rows. */
static const struct {
    const char *settings, *starts, *advice;
} texts[] = {
#define HOST(kind, startup, name, programs, when, callers, loads, application, settings, starts,   \
             advice, why)                                                                          \
    {settings, starts, advice},
#include "core/hosts.def"
#undef HOST
};

static size_t index_of(const struct gf_host_row *row) {
    return (size_t)(row - gf_host_rows);
}

const char *gf_host_advice(const struct gf_host_row *row) {
    return texts[index_of(row)].advice;
}

/* ---- where settings stand ---- */

/* The next of a list "a, b"; false: there is none. */
static bool next_entry(const char **list, char *ret) {
    size_t length = 0;
    const char *entry = gf_text_entry(list, &length);
    snprintf(ret, ENTRY, "%.*s", (int)length, entry ? entry : "");
    return entry;
}

static bool is_file(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* A variable that an `env NAME=value` before the program sets counts before ours. */
static const char *variable(const char *name, char *const *command, size_t before) {
    size_t length = strlen(name);
    for (size_t i = 0; i < before; i++) {
        if (strncmp(command[i], name, length) == 0 && command[i][length] == '=')
            return command[i] + length + 1;
    }
    return getenv(name);
}

/* The file that an option is given, in any of its four ways: -c X, -cX, --config X, --config=X. */
static const char *value_of(const char *option, const struct gf_words *words, size_t at) {
    const char *word = words->list[at];
    size_t length = strlen(option);
    if (strcmp(word, option) == 0)
        return words->list[at + 1];
    if (strncmp(word, option, length) != 0)
        return NULL;
    if (option[1] != '-')
        return word + length;
    return word[length] == '=' ? word + length + 1 : NULL;
}

/* The last one that a row's options name, or NULL. */
static const char *named_file(const char *settings, const struct gf_words *words) {
    const char *file = NULL;
    for (size_t i = 1; i < words->count; i++) {
        char entry[ENTRY];
        for (const char *list = settings; next_entry(&list, entry);) {
            const char *value =
                *entry == '-' && !strchr(entry, '$') ? value_of(entry, words, i) : NULL;
            if (value &&
                (!file || !words->from[i])) /* a variable only says what the command does not */
                file = value;
        }
    }
    static const char kind[] = "file:";
    return file && strncmp(file, kind, sizeof kind - 1) == 0 ? file + sizeof kind - 1 : file;
}

typedef void take_file(const char *path, void *context);

/* x.ini and --any=x.ini for "*.ini" */
static void each_argument(const char *pattern, const struct gf_words *words, size_t count,
                          take_file *take, void *context) {
    for (size_t i = 1; i < count; i++) {
        const char *word = words->list[i];
        const char *value = *word == '-' ? strchr(word, '=') : NULL;
        const char *path = value ? value + 1 : word;
        if (gf_text_glob(pattern, strlen(pattern), path) && is_file(path))
            take(path, context);
    }
}

/* shop/site.py for shop.site:app */
static void each_module(const struct gf_words *words, size_t count, take_file *take,
                        void *context) {
    for (size_t i = 1; i < count; i++) {
        char path[PATH_MAX];
        size_t length = strcspn(words->list[i], ":");
        if (!words->list[i][length] || length >= sizeof path - sizeof ".py")
            continue;
        memcpy(path, words->list[i], length);
        strcpy(path + length, ".py");
        for (size_t c = 0; c < length; c++)
            path[c] = path[c] == '.' ? '/' : path[c];
        if (is_file(path))
            take(path, context);
    }
}

/* Calls `take` for each file that a row's settings lead to. */
static void each_file(const char *settings, const struct gf_words *words, take_file *take,
                      void *context) {
    char entry[ENTRY];
    const size_t count = words->count; /* `take` may add to them */
    const char *named = named_file(settings, words);
    bool any = named != NULL;
    if (named && is_file(named))
        take(named, context);
    for (const char *list = settings; next_entry(&list, entry);) {
        if (*entry == '*')
            each_argument(entry, words, count, take, context);
        else if (isupper((unsigned char)*entry))
            each_module(words, count, take, context);
        else if (!any && (*entry == '.' || *entry == '/') && is_file(entry)) {
            any = true;
            take(strncmp(entry, "./", 2) == 0 ? entry + 2 : entry, context);
        }
    }
}

/* ---- settings as arguments ---- */

static bool is_one_of(const char *word, const char *const *words) {
    for (; *words; words++) {
        if (strcasecmp(word, *words) == 0)
            return true;
    }
    return false;
}

struct additions {
    struct gf_words *words;
    const char *from;
};

static void add_setting(const char *section, const char *name, const char *value, void *context) {
    static const char *const yes[] = {"", "true", "yes", "on", NULL};
    static const char *const no[] = {"false", "no", "off", "0", "none", NULL};
    const struct additions *additions = context;
    char word[COMMAND];
    (void)section;
    if (is_one_of(value, no))
        return;
    bool alone = is_one_of(value, yes);
    snprintf(word, sizeof word, "--%s%s%s", name, alone ? "" : "=", alone ? "" : value);
    gf_words_add(additions->words, word, additions->from);
}

static void add_file(const char *path, void *context) {
    struct additions additions = {context, path};
    gf_inifile_each(path, add_setting, &additions);
}

static void add_variables(const char *settings, struct gf_words *words, char *const *command,
                          size_t before) {
    char entry[ENTRY], word[COMMAND];
    for (const char *list = settings; next_entry(&list, entry);) {
        char *dollar = strchr(entry, '$');
        const char *value = dollar ? variable(dollar + 1, command, before) : NULL;
        if (!value || !*value)
            continue;
        if (dollar == entry) {
            gf_words_split(words, value, entry);
            continue;
        }
        snprintf(word, sizeof word, "%.*s%s", (int)(dollar - entry), entry, value);
        gf_words_add(words, word, dollar);
    }
}

/* ---- which host ---- */

static size_t length_of(char *const *command) {
    size_t count = 0;
    while (command[count])
        count++;
    return count;
}

/* The row of the command that starts at its word `at`. All rows of one name have the same settings.
 */
static bool find_at(char *const *command, size_t at, struct gf_recognized *ret) {
    struct gf_recognized host = {.row = NULL};
    size_t first = 0;
    gf_names_read((int)length_of(command + at), command + at, &host.self);
    while (first < gf_host_count && !gf_host_has_name(&gf_host_rows[first], &host.self))
        first++;
    if (first == gf_host_count)
        return false;
    for (size_t i = at; command[i]; i++)
        gf_words_add(&host.words, command[i], NULL);
    if (!host.words.list)
        return false;
    add_variables(texts[first].settings, &host.words, command, at);
    each_file(texts[first].settings, &host.words, add_file, &host.words);
    host.row = gf_hosts_find(&host.self, (int)host.words.count, host.words.list);
    if (!host.row) {
        gf_recognized_release(&host);
        return false;
    }
    host.preloads =
        gf_host_preloads(host.row, (int)host.words.count, host.words.list, &host.because);
    host.forks =
        gf_host_preforks(host.row) &&
        gf_host_arguments(texts[index_of(host.row)].starts, (int)host.words.count, host.words.list);
    *ret = host;
    return true;
}

/* What stands behind a script is for that script alone. */
static bool is_script(const char *word) {
    const char *end = strrchr(word, '.');
    return strncmp(gf_names_last_part(word), "python", 6) == 0 || (end && strcmp(end, ".py") == 0);
}

void gf_recognize(char *const *command, struct gf_recognized *ret) {
    *ret = (struct gf_recognized){.row = NULL};
    for (size_t i = 0; command[i]; i++) {
        if (find_at(command, i, ret))
            return;
        if (is_script(command[i])) {
            gf_names_read((int)length_of(command + i), command + i, &ret->self);
            return;
        }
    }
    gf_names_read((int)length_of(command), command, &ret->self);
}

const struct gf_host_row *gf_recognize_process(pid_t pid) {
    char name[64], line[COMMAND] = "";
    struct gf_words words = {0};
    const struct gf_host_row *row = NULL;
    snprintf(name, sizeof name, "/proc/%d/cmdline", (int)pid);
    FILE *file = fopen(name, "re");
    size_t length = file ? fread(line, 1, sizeof line - 1, file) : 0;
    if (file)
        fclose(file);
    for (char *word = line; word < line + length; word += strlen(word) + 1)
        gf_words_add(&words, word, NULL);
    if (words.list) {
        struct gf_self self = {.program = ""};
        gf_names_read((int)words.count, words.list, &self);
        row = gf_hosts_find(&self, (int)words.count, words.list);
    }
    gf_words_release(&words);
    return row;
}

/* ---- what a supervisor starts ---- */

struct started {
    char command[ENTRY], more[ENTRY]; /* the names of the lines */
    char section[ENTRY];
    char parts[2][COMMAND];
    size_t count;
    void (*take)(const char *name, const char *command, void *context);
    void *context;
};

static void end_section(struct started *started) {
    char line[2 * COMMAND];
    if (!started->parts[0][0])
        return;
    snprintf(line, sizeof line, "%s %s", started->parts[0], started->parts[1]);
    started->take(started->section, line, started->context);
    started->count++;
    started->parts[0][0] = started->parts[1][0] = '\0';
}

static void take_start(const char *section, const char *name, const char *value, void *context) {
    struct started *started = context;
    bool every = strcmp(started->command, "*") == 0;
    const char *owner = every ? name : section;
    if (strcmp(owner, started->section) != 0) {
        end_section(started);
        snprintf(started->section, sizeof started->section, "%s", owner);
    }
    if (every || strcmp(name, started->command) == 0)
        snprintf(started->parts[0], sizeof started->parts[0], "%s", value);
    else if (strcmp(name, started->more) == 0)
        snprintf(started->parts[1], sizeof started->parts[1], "%s", value);
}

static void read_starts(const char *path, void *context) {
    struct started *started = context;
    gf_inifile_each(path, take_start, started);
    end_section(started);
    started->section[0] = '\0';
}

size_t gf_recognized_starts(const struct gf_recognized *host,
                            void (*take)(const char *name, const char *command, void *context),
                            void *context) {
    static struct started started;
    const char *starts = texts[index_of(host->row)].starts;
    started = (struct started){.take = take, .context = context};
    if (next_entry(&starts, started.command)) {
        next_entry(&starts, started.more);
        each_file(texts[index_of(host->row)].settings, &host->words, read_starts, &started);
    }
    return started.count;
}

void gf_recognized_release(struct gf_recognized *host) {
    gf_words_release(&host->words);
    *host = (struct gf_recognized){.row = NULL};
}
