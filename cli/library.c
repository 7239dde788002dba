#include "library.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

/* ld.so splits LD_PRELOAD at spaces and colons. */
static const char separators[] = " :";

static bool exists(const char *folder, const char *rest, char *ret) {
    char path[PATH_MAX], real[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", folder, rest);
    if (length < 0 || (size_t)length >= sizeof path || !realpath(path, real))
        return false;
    /* the name with the ABI's number stays good when a newer release replaces the file behind it */
    length = snprintf(ret, PATH_MAX, "%s/" GF_LIBRARY_NAME, real);
    return length > 0 && length < PATH_MAX && access(ret, R_OK) == 0;
}

static bool own_folder(char *ret, size_t size) {
    ssize_t length = readlink("/proc/self/exe", ret, size - 1);
    if (length <= 0)
        return false;
    ret[length] = '\0';
    *strrchr(ret, '/') = '\0';
    return true;
}

static const char *chosen;

void gf_library_choose(void) {
    const char *value = getenv(GF_LIBRARY_VARIABLE);
    chosen = value && *value ? strdup(value) : NULL;
    unsetenv(GF_LIBRARY_VARIABLE);
}

static const char *find(void) {
    static char found[PATH_MAX];
    static const char *const places[] = {"", "../", "../lib/", ("../lib/" GF_TRIPLET "/"),
                                         "../../lib/"};
    char folder[PATH_MAX];
    if (chosen) {
        if (realpath(chosen, found))
            return found;
        gf_say_error(GF_LIBRARY_VARIABLE "=%s: there is no such file", chosen);
        return NULL;
    }
    if (own_folder(folder, sizeof folder)) {
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            if (exists(folder, places[i], found))
                return found;
        }
    }
    if (exists(GF_LIBDIR, "", found))
        return found;
    gf_say_error(GF_LIBRARY_NAME " is neither beside this program nor in " GF_LIBDIR
                                 "; " GF_LIBRARY_VARIABLE "=/path/to/it says where it is");
    return NULL;
}

const char *gf_library_path(void) {
    const char *path = find();
    if (!path || !path[strcspn(path, separators)])
        return path;
    gf_say_error("%s: a path with a space or a colon cannot be preloaded; install it elsewhere",
                 path);
    return NULL;
}

static bool is_ours(const char *entry, size_t length) {
    static const char name[] = "libgcfreeze.so";
    const char *file = entry;
    for (const char *c = entry; c < entry + length; c++) {
        if (*c == '/')
            file = c + 1;
    }
    size_t rest = length - (size_t)(file - entry);
    return rest >= sizeof name - 1 && strncmp(file, name, sizeof name - 1) == 0 &&
           (rest == sizeof name - 1 || file[sizeof name - 1] == '.');
}

char *gf_library_preload(const char *path, const char *preload) {
    size_t size = strlen(path) + (preload ? strlen(preload) : 0) + 2;
    char *result = malloc(size);
    if (!result)
        return NULL;
    char *end = stpcpy(result, path);
    for (const char *entry = preload; entry && *entry;) {
        size_t length = strcspn(entry, separators);
        if (length > 0 && !is_ours(entry, length)) {
            *end++ = ':';
            memcpy(end, entry, length);
            end += length;
            *end = '\0';
        }
        entry += length + (entry[length] != '\0');
    }
    return result;
}
