#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "capture.h"
#include "command.h"
#include "say.h"

enum { SCRIPTS = 4, LINE = 256, OUTPUT = 1 << 16 };

static bool executable(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* The first executable of that name in PATH; a name with a slash is a path. */
static bool search(const char *name, char *ret) {
    const char *folders = getenv("PATH");
    if (strchr(name, '/'))
        return realpath(name, ret) != NULL;
    if (!folders)
        folders = "/usr/bin:/bin"; /* what confstr(_CS_PATH) says on Linux */
    for (const char *folder = folders;; folder++) {
        char path[PATH_MAX];
        size_t length = strcspn(folder, ":");
        int size = snprintf(path, sizeof path, "%.*s/%s", length ? (int)length : 1,
                            length ? folder : ".", name);
        if (size > 0 && (size_t)size < sizeof path && executable(path) && realpath(path, ret))
            return true;
        folder += length;
        if (!*folder)
            return false;
    }
}

/* The program in a script's first line, as it stands there; empty if it is no script. Env's options
 * are passed over, and so are assignments: `#!/usr/bin/env -S A=b python3 -u`. */
static void read_first_line(const char *path, char *ret) {
    char line[LINE] = "";
    ret[0] = '\0';
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    ssize_t got = read(file, line, sizeof line - 1);
    close(file);
    line[got < 0 ? 0 : got] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "#!", 2) != 0)
        return;
    char *rest = NULL;
    char *word = strtok_r(line + 2, " \t", &rest);
    const char *file_name = word ? strrchr(word, '/') : NULL;
    if (file_name && strcmp(file_name, "/env") == 0) {
        do
            word = strtok_r(NULL, " \t", &rest);
        while (word && (word[0] == '-' || strchr(word, '=')));
    }
    if (word)
        strcpy(ret, word);
}

int gf_target_find(const char *name, struct gf_target *ret) {
    struct stat status;
    *ret = (struct gf_target){0};
    if (!search(name, ret->file) || stat(ret->file, &status) != 0) {
        gf_say_error("%s: there is no such command", name);
        return GF_EXIT_NOT_FOUND;
    }
    if (!executable(ret->file)) {
        gf_say_error("%s: %s", ret->file,
                     S_ISDIR(status.st_mode) ? "it is a directory" : "it may not be executed");
        return GF_EXIT_CANNOT_RUN;
    }
    strcpy(ret->program, ret->file);
    for (int i = 0; i < SCRIPTS; i++) {
        char word[LINE], next[PATH_MAX];
        read_first_line(ret->program, word);
        if (!word[0])
            break;
        if (!search(word, next)) {
            gf_say_error("%s: its interpreter, %s, is not there", ret->program, word);
            return GF_EXIT_NOT_FOUND;
        }
        strcpy(ret->program, next);
    }
    if (!gf_image_read(ret->program, &ret->elf)) {
        gf_say_error("%s: cannot be read: %s", ret->program, strerror(errno));
        return GF_EXIT_CANNOT_RUN;
    }
    if (stat(ret->program, &status) == 0)
        ret->secure = (status.st_mode & (S_ISUID | S_ISGID)) != 0 ||
                      getxattr(ret->program, "security.capability", NULL, 0) > 0;
    return 0;
}

/* What ld.so prints when it is asked to list what it would load, in `text`. */
static bool list_objects(const char *program, const char *library, char *text, size_t size) {
    char preload[PATH_MAX + 16];
    char trace[] = "LD_TRACE_LOADED_OBJECTS=1";
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", library);
    const struct gf_capture capture = {
        .program = program,
        .arguments = (char *const[]){(char *)program, NULL},
        .environment = (char *const[]){preload, trace, NULL},
        .errors = true,
    };
    return gf_capture(&capture, text, size) >= 0 || errno == 0;
}

const char *gf_target_obstacle(const struct gf_target *target, const char *library) {
    static char sentence[2 * PATH_MAX + 256];
    static char listing[OUTPUT];
    struct gf_image own;
    sentence[0] = '\0';
    const char *program = target->program;
    if (!gf_image_read(library, &own) || !own.is_elf)
        snprintf(sentence, sizeof sentence, "%s is no library", library);
    else if (!target->elf.is_elf)
        snprintf(sentence, sizeof sentence, "%s is no program of this system", program);
    else if (target->elf.bits != own.bits || target->elf.machine != own.machine)
        snprintf(sentence, sizeof sentence,
                 "%s is built for another machine (%s) than the library (%s)", program,
                 gf_image_machine(target->elf.machine), gf_image_machine(own.machine));
    else if (!target->elf.loader[0])
        snprintf(sentence, sizeof sentence,
                 "%s is linked statically: nothing can be preloaded into it", program);
    else if (target->secure)
        snprintf(
            sentence, sizeof sentence,
            "%s is setuid, setgid or has capabilities: the system preloads nothing from elsewhere",
            program);
    else if (strstr(target->elf.loader, "/ld-musl"))
        snprintf(sentence, sizeof sentence, "%s uses musl's C library, and this library glibc's",
                 program);
    else if (!list_objects(program, library, listing, sizeof listing))
        snprintf(sentence, sizeof sentence, "%s cannot be started: %s", program, strerror(errno));
    else if (strstr(listing, "cannot be preloaded"))
        snprintf(sentence, sizeof sentence, "its dynamic linker does not load the library: %.*s",
                 (int)strcspn(listing, "\n"), listing);
    else if (!strstr(listing, library))
        snprintf(sentence, sizeof sentence,
                 "its dynamic linker fails when it is to load %s; is the file whole?", library);
    return sentence[0] ? sentence : NULL;
}
