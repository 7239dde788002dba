/* gcfreeze doctor: is it working, and if not, why? */
#include <ctype.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checks.h"
#include "command.h"
#include "say.h"

static bool json;
static size_t findings;
static enum gf_mark worst;

static const char *mark_of(enum gf_mark mark) {
    static const char *const signs[] = {"\u2713", "!", "\u2717"};
    static const char *const ascii[] = {"+", "!", "x"};
    bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    return utf8 ? signs[mark] : ascii[mark];
}

static void print_json(enum gf_mark mark, const char *topic, const char *text, const char *advice) {
    static const char *const words[] = {"good", "warning", "failure"};
    fputs(findings ? ",\n {" : "[\n {", stdout);
    printf("\"mark\": \"%s\", \"topic\": ", words[mark]);
    gf_say_json(stdout, topic);
    fputs(", \"finding\": ", stdout);
    gf_say_json(stdout, text);
    if (advice) {
        fputs(", \"advice\": ", stdout);
        gf_say_json(stdout, advice);
    }
    putchar('}');
}

/* Names of files are in there, which anybody may have chosen. */
static void make_plain(char *text) {
    for (char *c = text; *c; c++) {
        if (iscntrl((unsigned char)*c))
            *c = '?';
    }
}

void gf_found(enum gf_mark mark, const char *topic, const char *advice, const char *format, ...) {
    static const enum gf_colour colours[] = {GF_GREEN, GF_YELLOW, GF_RED};
    char text[4096], plain[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_plain(text);
    if (advice) {
        snprintf(plain, sizeof plain, "%s", advice);
        make_plain(plain);
        advice = plain;
    }
    if (json) {
        print_json(mark, topic, text, advice);
    } else {
        printf("%s%s%s %-12s %s\n", gf_say_start(stdout, colours[mark]), mark_of(mark),
               gf_say_end(stdout), topic, text);
        if (advice)
            printf("  %-12s %s-> %s%s\n", "", gf_say_start(stdout, GF_DIM), advice,
                   gf_say_end(stdout));
    }
    fflush(stdout); /* some checks start programs, and take a moment */
    findings++;
    if (mark > worst)
        worst = mark;
}

int gf_command_doctor(int argc, char **argv) {
    static const struct option options[] = {{"pid", required_argument, NULL, 'p'},
                                            {"json", no_argument, NULL, 'j'},
                                            GF_COMMON_OPTIONS,
                                            {NULL, 0, NULL, 0}};
    static const char details[] =
        "  --pid=PID          look at a server that runs, too\n"
        "  --json             for machines\n\n"
        "Exits with 0 if all is well, 1 if there are warnings, 2 if something does not work.\n";
    int answer, code = 0;
    bool end = false;
    pid_t pid = 0;
    setlocale(LC_CTYPE, "");
    while ((answer = getopt_long(argc, argv, "+hVp:", options, NULL)) != -1) {
        if (answer == 'p' && !gf_command_pid(optarg, &pid))
            return GF_EXIT_FAILED;
        if (answer == 'j')
            json = true;
        if (gf_command_common("doctor", answer, details, &end, &code) && end)
            return code;
    }
    const char *library = gf_check_library();
    if (optind < argc && library)
        gf_check_command(argv + optind, library);
    gf_check_surroundings();
    if (pid != 0)
        gf_check_process(pid);
    if (json)
        puts("\n]");
    return gf_say_flushed() ? (int)worst : GF_EXIT_FAILED;
}
