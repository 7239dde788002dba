/* gcfreeze compare: what the user wants, and in which order it happens. */
#include "compare.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "core/config.h"
#include "interrupt.h"
#include "library.h"
#include "output.h"
#include "say.h"
#include "settings.h"
#include "target.h"
#include "warmup.h"

enum { URLS = 4096 };

struct options {
    struct gf_comparison comparison;
    const char *urls[URLS], *paths[URLS];
    const char *output, *unix_socket;
    bool json;
};

static const char details[] =
    "Starts the server once per mode, puts the same requests on it, and compares memory and\n"
    "latency. Give it a machine that has nothing else to do.\n\n"
    "  --url=URL          http://HOST:PORT/PATH, to wait for and to ask for; give it again for "
    "more\n"
    "                     pages, which are asked for in turn. Without it, only memory is measured\n"
    "  --unix-socket=PATH where the server listens, if that is no port\n"
    "  --seconds=N        of requests in each mode (default: 30)\n"
    "  --connections=N    that ask at the same time (default: 8)\n"
    "  --rate=N           requests a second, the same in each mode (default: as fast as it "
    "answers)\n"
    "  --wait=N           seconds until the first answer must be there (default: 60)\n"
    "  --modes=LIST       out of off, freeze, immortal, reshare, full (immortal and reshare),\n"
    "                     or all of them: all; the first one is what the others are compared with\n"
    "                     (default: off,freeze,immortal)\n"
    "  --warmup=WORDS     one more mode, warm: the default, and GCFREEZE_WARMUP=WORDS\n"
    "  -o, --output=FILE  writes a page with plots, in HTML\n"
    "  --json             all figures and samples, to stdout\n\n"
    "Ctrl-C stops the server and writes what there is; again, without patience.\n"
    "Settings go to all modes but off; --reshare=N to those that give pages back (default: on).\n";

static bool take_number(const char *name, double least, double most, double *ret) {
    char *end;
    double value = strtod(optarg, &end);
    if (end != optarg && !*end && value >= least && value <= most) {
        *ret = value;
        return true;
    }
    gf_say_error("--%s=%s is not allowed; allowed: %g to %g", name, optarg, least, most);
    return false;
}

static bool has_mode(const struct gf_comparison *comparison, enum gf_variant mode) {
    size_t i = 0;
    while (i < comparison->count && comparison->measured[i].mode != mode)
        i++;
    return i < comparison->count;
}

/* Unless it is there. */
static void add_mode(struct gf_comparison *comparison, enum gf_variant mode) {
    if (!has_mode(comparison, mode))
        comparison->measured[comparison->count++].mode = mode;
}

static bool is_word(const char *name, const char *word, size_t length) {
    return strlen(name) == length && strncmp(name, word, length) == 0;
}

static bool add_modes(struct gf_comparison *comparison, const char *word, size_t length) {
    const bool all = is_word("all", word, length);
    bool any = false;
    for (enum gf_variant mode = 0; mode < GF_VARIANT_COUNT; mode++) {
        bool meant = all && mode != GF_VARIANT_WARM; /* that one is added if there are words */
        if (!meant && !is_word(gf_variant_word(mode), word, length))
            continue;
        add_mode(comparison, mode);
        any = true;
    }
    if (!any)
        gf_say_error("--modes: there is no mode \"%.*s\"; allowed: off, freeze, immortal, reshare, "
                     "full, warm, all",
                     (int)length, word);
    return any;
}

static bool take_modes(struct gf_comparison *comparison, const char *list) {
    comparison->count = 0;
    for (;;) {
        size_t length = strcspn(list, ",");
        if (!add_modes(comparison, list, length))
            return false;
        if (!list[length])
            return true;
        list += length + 1;
    }
}

static bool take_own(struct options *options, int answer) {
    struct gf_comparison *comparison = &options->comparison;
    double number;
    switch (answer) {
    case 'u':
        if (comparison->url_count == URLS) {
            gf_say_error("--url: more than %d of them", URLS);
            return false;
        }
        options->urls[comparison->url_count++] = optarg;
        return true;
    case 'x':
        options->unix_socket = optarg;
        return true;
    case 's':
        return take_number("seconds", 1, 86400, &comparison->seconds);
    case 'w':
        return take_number("wait", 1, 86400, &comparison->wait_seconds);
    case 'r':
        return take_number("rate", 0.001, 1e6, &comparison->plan.rate);
    case 'n':
        if (!take_number("connections", 1, GF_LOAD_CONNECTIONS, &number))
            return false;
        comparison->plan.connections = (int)number;
        return true;
    case 'm':
        return take_modes(comparison, optarg);
    case 'o':
        options->output = optarg;
        return gf_output_possible(optarg);
    default:
        options->json = true;
        return true;
    }
}

/* -1 to go on, else the exit code. */
static int take_options(int argc, char **argv, struct options *options) {
    static const struct option own[] = {{"url", required_argument, NULL, 'u'},
                                        {"unix-socket", required_argument, NULL, 'x'},
                                        {"seconds", required_argument, NULL, 's'},
                                        {"wait", required_argument, NULL, 'w'},
                                        {"rate", required_argument, NULL, 'r'},
                                        {"connections", required_argument, NULL, 'n'},
                                        {"modes", required_argument, NULL, 'm'},
                                        {"output", required_argument, NULL, 'o'},
                                        {"json", no_argument, NULL, 'j'},
                                        GF_COMMON_OPTIONS,
                                        {NULL, 0, NULL, 0}};
    struct option *rows = gf_settings_options(own);
    int answer, code = 0;
    bool end = false;
    if (!rows) {
        gf_say_error("out of memory");
        return GF_EXIT_FAILED;
    }
    unsetenv("GCFREEZE_MODE"); /* the modes decide; an option would set it again */
    while ((answer = getopt_long(argc, argv, "+hVo:", rows, NULL)) != -1) {
        if (gf_command_common("compare", answer, details, &end, &code)) {
            if (end)
                return code;
        } else if (answer >= GF_SETTING) {
            if (!gf_settings_take(answer, argv))
                return GF_EXIT_FAILED;
        } else if (!take_own(options, answer)) {
            return GF_EXIT_FAILED;
        }
    }
    free(rows);
    if (getenv("GCFREEZE_MODE")) {
        gf_say_error("--mode is no option of compare; --modes=%s says which to compare",
                     getenv("GCFREEZE_MODE"));
        return GF_EXIT_FAILED;
    }
    if (optind == argc) {
        gf_say_error("compare: what is to be started? gcfreeze compare [options] -- COMMAND...");
        return gf_command_misused("compare");
    }
    options->comparison.command = argv + optind;
    return gf_settings_good() ? -1 : GF_EXIT_FAILED;
}

/* The pages must be of one server: they are asked for over the same connections. */
static bool find_endpoint(struct options *options) {
    struct gf_comparison *comparison = &options->comparison;
    comparison->urls = options->urls;
    comparison->plan.paths = options->paths;
    comparison->plan.path_count = comparison->url_count;
    for (size_t i = 0; i < comparison->url_count; i++) {
        struct gf_endpoint endpoint;
        if (!gf_http_endpoint(options->urls[i], options->unix_socket, &endpoint,
                              &options->paths[i]))
            return false;
        if (i == 0)
            comparison->plan.endpoint = endpoint;
        else if (strcmp(endpoint.host, comparison->plan.endpoint.host) != 0) {
            gf_say_error("--url=%s: another server than %s", options->urls[i], options->urls[0]);
            return false;
        }
    }
    if (options->unix_socket && comparison->url_count == 0) {
        gf_say_error("--unix-socket needs a page to ask for: --url=http://localhost/");
        return false;
    }
    return true;
}

static void complain(const char *line) {
    gf_say_error("%s", line);
}

/* Words add the mode that has them. False after an error: the library would leave some of them out.
 */
static bool take_warmup(struct gf_comparison *comparison) {
    const char *words = getenv("GCFREEZE_WARMUP");
    if (words && *words) {
        const struct gf_warmup found = gf_warmup_read(words, complain);
        if (found.bad == 0 && found.pages + found.functions == 0)
            gf_say_error("--warmup=%s: no page and no function", words);
        comparison->warmup = words;
        add_mode(comparison, GF_VARIANT_WARM);
        return found.bad == 0 && found.pages + found.functions > 0;
    }
    if (has_mode(comparison, GF_VARIANT_WARM))
        gf_say_error("--modes: warm needs pages or functions: --warmup=\"/ /page\"");
    return !has_mode(comparison, GF_VARIANT_WARM);
}

/* Before a server is started in vain. Returns 0 or the exit code. */
static int check_target(const struct gf_comparison *comparison) {
    struct gf_target target;
    int code = gf_target_find(comparison->command[0], &target);
    if (code != 0)
        return code;
    const char *obstacle = gf_target_obstacle(&target, comparison->library);
    if (!obstacle)
        return 0;
    gf_say_error("%s: the library cannot work there: %s", comparison->command[0], obstacle);
    return GF_EXIT_FAILED;
}

/* For the modes that give pages back: what was set, unless that is "off" in one of its spellings.
 */
static const char *reshare_setting(void) {
    struct gf_config config;
    gf_config_read(&config, environ, false);
    const char *value = getenv("GCFREEZE_RESHARE");
    const char *set = config.reshare > 0 && value ? strdup(value) : NULL;
    return set ? set : "on";
}

static bool write_all(const struct options *options, const struct gf_comparison *comparison) {
    struct gf_output output;
    bool good = true;
    if (options->output) {
        good = gf_output_open(options->output, gf_output_mask(), &output);
        if (good) {
            gf_compare_print_page(comparison, output.stream);
            good = gf_output_close(&output);
        }
    }
    if (options->json)
        gf_compare_print_json(comparison, stdout);
    else if (!options->output || strcmp(options->output, "-") != 0)
        gf_compare_print_table(comparison, stdout);
    if (good && options->output && strcmp(options->output, "-") != 0)
        fprintf(stderr, "The page is %s\n", options->output);
    return gf_say_flushed() && good;
}

int gf_command_compare(int argc, char **argv) {
    static struct options options;
    struct gf_comparison *comparison = &options.comparison;
    struct timespec now;
    comparison->seconds = 30;
    comparison->wait_seconds = 60;
    comparison->plan.connections = 8;
    take_modes(comparison, "off,freeze,immortal");
    int code = take_options(argc, argv, &options);
    if (code >= 0)
        return code;
    comparison->library = gf_library_path();
    if (!comparison->library || !find_endpoint(&options) || !take_warmup(comparison))
        return GF_EXIT_FAILED;
    code = check_target(comparison);
    if (code != 0)
        return code;
    comparison->reshare = reshare_setting();
    clock_gettime(CLOCK_REALTIME, &now);
    comparison->began = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    if (getloadavg(&comparison->load_average, 1) == 1 &&
        comparison->load_average > (double)sysconf(_SC_NPROCESSORS_ONLN) / 2)
        gf_say_warning("this machine is busy (load average %.1f): latencies will tell little",
                       comparison->load_average);
    int interrupt = gf_interrupt_open();
    if (interrupt < 0) {
        gf_say_error("no descriptor for signals: %s", strerror(errno));
        return GF_EXIT_FAILED;
    }
    size_t wanted = comparison->count;
    bool good = true;
    for (comparison->count = 0; good && comparison->count < wanted; comparison->count++)
        good = gf_compare_run(comparison, &comparison->measured[comparison->count], interrupt);
    int number = gf_interrupt_take(interrupt);
    /* without a single sample there is nothing to write */
    size_t measured = 0;
    for (size_t i = 0; i < comparison->count; i++)
        measured += comparison->measured[i].sample_count > 0;
    if (measured > 0)
        good = write_all(&options, comparison) && good;
    return number ? 128 + number : good ? 0 : GF_EXIT_FAILED;
}
