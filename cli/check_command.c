#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "checks.h"
#include "library.h"
#include "target.h"

/* Asks the interpreter itself, with the library in it: forks once, and says what the library saw
 * and what became of GCFREEZE_MODE=immortal. The folder we are in holds an application, whose
 * modules may be named like Python's own.
 */
static const char probe[] =
    "import sys\n"
    "sys.path = [folder for folder in sys.path if folder]\n"
    "import ctypes, os\n"
    "library = ctypes.CDLL(None)\n"
    "buffer = ctypes.create_string_buffer(1024)\n"
    "ctypes.c_uint32.from_buffer(buffer).value = 1024\n"
    "pid = os.fork()\n"
    "if pid == 0: os._exit(0)\n"
    "os.waitpid(pid, 0)\n"
    "library.gcfreeze_status(buffer)\n"
    "attached = ctypes.c_int32.from_buffer(buffer, 4).value\n"
    "frozen = ctypes.c_uint64.from_buffer(buffer, 48).value\n"
    "mode = buffer[552:568].split(b'\\0')[0].decode()\n"
    "why = buffer[568:712].split(b'\\0')[0].decode().partition(' ')[2]\n"
    "name = sys.implementation.name\n"
    "name = 'CPython' if name == 'cpython' else name\n"
    "print(attached, frozen, name, sys.version.split()[0], mode or '-', why)\n";

static bool starts(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* Our environment with `preload`, and with settings of its own: what is asked for is what can be
 * done with the interpreter, not whether settings that are meant for the server admit the probe. */
static char **environment_of_probe(char *preload) {
    static char mode[] = "GCFREEZE_MODE=immortal", silent[] = "GCFREEZE_LOG=none";
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **environment = calloc(count + 4, sizeof *environment);
    if (!environment)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (!starts(environ[i], "GCFREEZE") && !starts(environ[i], "LD_PRELOAD="))
            environment[kept++] = environ[i];
    }
    environment[kept++] = preload;
    environment[kept++] = mode;
    environment[kept] = silent;
    return environment;
}

/* What an interpreter says to the probe, and its exit code. */
static int ask(const char *program, const char *library, char *ret, size_t size) {
    char *preload = NULL, **environment = NULL;
    char *value = gf_library_preload(library, getenv("LD_PRELOAD"));
    int code = -1;
    if (value && asprintf(&preload, "LD_PRELOAD=%s", value) < 0)
        preload = NULL;
    if (preload)
        environment = environment_of_probe(preload);
    if (environment) {
        const struct gf_capture capture = {
            .program = program,
            .arguments = (char *const[]){(char *)program, (char *)"-c", (char *)probe, NULL},
            .environment = environment,
            .first_line = true,
        };
        code = gf_capture(&capture, ret, size);
    }
    free(environment);
    free(preload);
    free(value);
    return code;
}

static void check_interpreter(const struct gf_target *target, const char *library,
                              struct gf_interpreter *ret) {
    char line[512], name[64] = "", mode[16] = "", *version = ret->version;
    int attached = 0, frozen = 0, rest = 0;
    if (!starts(basename(target->program), "python") &&
        !starts(basename(target->program), "pypy")) {
        gf_found(GF_WARN, "interpreter", "`gcfreeze doctor --pid PID` tells once it runs",
                 "%s is no Python program itself", target->program);
        return;
    }
    int code = ask(target->program, library, line, sizeof line);
    if (code != 0 || sscanf(line, "%d %d %63s %63s %15s %n", &attached, &frozen, name, version,
                            mode, &rest) != 5)
        gf_found(GF_BAD, "loads", "run it once by hand with LD_PRELOAD",
                 "%s does not start with the library (exit code %d)", target->program, code);
    else if (strcmp(name, "CPython") != 0)
        gf_found(GF_BAD, "interpreter", "use CPython 3.8 or later", "%s %s is no CPython", name,
                 version);
    else if (!attached || !frozen)
        gf_found(GF_BAD, "interpreter", "GCFREEZE_LOG=info prints a line with the reason",
                 "CPython %s is left alone", version);
    else
        gf_found(GF_GOOD, "interpreter", NULL, "CPython %s, exported symbols complete", version);
    ret->known = code == 0 && attached && frozen;
    ret->immortal = strcmp(mode, "immortal") == 0;
    snprintf(ret->obstacle, sizeof ret->obstacle, "%s", rest ? line + rest : "");
}

void gf_check_command(char **command, const char *library) {
    struct gf_target target;
    struct gf_interpreter interpreter = {0};
    if (gf_target_find(command[0], &target) != 0) {
        gf_found(GF_BAD, "command", NULL, "%s cannot be started", command[0]);
        return;
    }
    const char *obstacle = gf_target_obstacle(&target, library);
    if (obstacle) {
        gf_found(GF_BAD, "loads", "the library must match the program that executes the server",
                 "%s", obstacle);
        return;
    }
    gf_found(GF_GOOD, "loads", NULL, "%s starts with it", basename(target.program));
    check_interpreter(&target, library, &interpreter);
    gf_check_preloading(command, &interpreter);
}
