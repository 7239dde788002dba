#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

static bool is_special(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

/* Through links: what they point to is replaced, not they. */
static void resolve(const char *path, char *ret) {
    if (!realpath(path, ret))
        snprintf(ret, PATH_MAX, "%s", path);
}

bool gf_output_possible(const char *path) {
    char real[PATH_MAX], folder[PATH_MAX];
    struct stat status;
    if (strcmp(path, "-") == 0 || is_special(path))
        return true;
    resolve(path, real);
    char *slash = strrchr(real, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - real) + 1 : 1,
             slash ? real : ".");
    if (stat(real, &status) == 0 && S_ISDIR(status.st_mode))
        errno = EISDIR;
    else if (access(folder, W_OK | X_OK) == 0)
        return true;
    gf_say_error("%s: cannot be written: %s", path, strerror(errno));
    return false;
}

mode_t gf_output_mask(void) {
    mode_t mask = umask(0);
    umask(mask);
    return mask;
}

bool gf_output_open(const char *path, mode_t mask, struct gf_output *ret) {
    int file = -1;
    *ret = (struct gf_output){0};
    resolve(path, ret->path);
    if (strcmp(path, "-") == 0) {
        ret->stream = stdout;
    } else if (is_special(path)) {
        ret->stream = fopen(path, "we");
    } else if ((size_t)snprintf(ret->temporary, sizeof ret->temporary, "%s.XXXXXX", ret->path) <
               sizeof ret->temporary) {
        file = mkostemp(ret->temporary, 0);
        if (file >= 0 && fchmod(file, 0666 & ~mask) == 0)
            ret->stream = fdopen(file, "w");
    }
    if (ret->stream)
        return true;
    gf_say_error("%s: cannot be written: %s", path, strerror(errno));
    if (file >= 0) {
        close(file);
        unlink(ret->temporary);
    }
    return false;
}

bool gf_output_close(struct gf_output *output) {
    if (output->stream == stdout)
        return gf_say_flushed();
    bool good = !ferror(output->stream);
    good = fclose(output->stream) == 0 && good;
    if (good && output->temporary[0])
        good = rename(output->temporary, output->path) == 0;
    if (!good) {
        gf_say_error("%s: cannot be written: %s", output->path, strerror(errno));
        if (output->temporary[0])
            unlink(output->temporary);
    }
    return good;
}
