#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/machine.h"
#include "checks.h"
#include "core/config.h"
#include "image.h"
#include "library.h"
#include "settings.h"
#include "warmup.h"

/* The newest version of glibc that is asked for: the names of symbol versions are in the file as
 * they are. */
static int newest_glibc(const char *path) {
    static const char prefix[] = "GLIBC_2.";
    struct stat status;
    int newest = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    char *data = fstat(file, &status) == 0 && status.st_size > 0
                     ? mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0)
                     : MAP_FAILED;
    close(file);
    if (data == MAP_FAILED)
        return 0;
    const char *at = data;
    const char *end = data + status.st_size;
    while ((at = memmem(at, (size_t)(end - at), prefix, sizeof prefix - 1)) != NULL) {
        int minor = 0;
        for (at += sizeof prefix - 1; at < end && *at >= '0' && *at <= '9'; at++)
            minor = minor * 10 + (*at - '0');
        newest = minor > newest ? minor : newest;
    }
    munmap(data, (size_t)status.st_size);
    return newest;
}

const char *gf_check_library(void) {
    const char *path = gf_library_path();
    struct gf_image own, library;
    const char *(*version)(void) = NULL;
    if (!path) {
        gf_found(GF_BAD, "library", "install it, or set GCFREEZE_LIBRARY to its path",
                 "it is not to be found");
        return NULL;
    }
    if (gf_image_read(path, &library) && gf_image_read("/proc/self/exe", &own) &&
        (!library.is_elf || library.machine != own.machine || library.bits != own.bits)) {
        gf_found(
            GF_BAD, "library", "install the one for this machine", "%s is %s%s, and this system %s",
            path, library.is_elf ? "built for " : "no library",
            library.is_elf ? gf_image_machine(library.machine) : "", gf_image_machine(own.machine));
        return path;
    }
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle)
        *(void **)&version = dlsym(handle, "gcfreeze_version");
    if (!version) {
        gf_found(GF_BAD, "library", "install it anew", "%s cannot be loaded: %s", path, dlerror());
        return path;
    }
    gf_found(GF_GOOD, "library", NULL, "%s (%s, needs glibc 2.%d)", path, version(),
             newest_glibc(path));
    return path;
}

static void check_unwinding(void) {
    void *handle = dlopen(GF_UNWIND_LIBRARY, RTLD_LAZY | RTLD_LOCAL);
    if (handle)
        dlclose(handle);
    else
        gf_found(GF_WARN, "libunwind", "install libunwind8",
                 GF_UNWIND_LIBRARY " is not there: who forks is told by the calling module alone");
}

static void check_preloads(void) {
    const char *preload = getenv("LD_PRELOAD");
    char line[512] = "";
    FILE *file = fopen("/etc/ld.so.preload", "re");
    if (file) {
        if (fgets(line, sizeof line, file))
            line[strcspn(line, "\n")] = '\0';
        fclose(file);
    }
    if (line[0])
        gf_found(GF_WARN, "preloads", "try without them if something looks odd",
                 "/etc/ld.so.preload loads %s into every program", line);
    if (preload && *preload && !strstr(preload, "libgcfreeze"))
        gf_found(GF_GOOD, "preloads", NULL, "LD_PRELOAD=%s stays, behind this library", preload);
}

static void check_kernel(void) {
    int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    char byte;
    if (file < 0 || read(file, &byte, 1) != 1)
        gf_found(GF_WARN, "memory", "mount /proc; Linux 4.14 or later has it",
                 "/proc/self/smaps_rollup cannot be read (%s): what is saved cannot be measured",
                 strerror(errno));
    else if (geteuid() != 0)
        gf_found(GF_WARN, "memory", "run as the server's user",
                 "/proc/PID/smaps_rollup of other users is closed");
    else
        gf_found(GF_GOOD, "memory", NULL, "/proc/PID/smaps_rollup says what each worker has");
    if (file >= 0)
        close(file);
}

static void found_bad_word(const char *line) {
    gf_found(GF_WARN, "settings", NULL, "%s; it is left out", line);
}

static void check_settings(void) {
    struct gf_config config;
    if (!gf_settings_good())
        gf_found(GF_BAD, "settings", "`gcfreeze knobs` lists what is allowed",
                 "a variable of the environment is not what it should be: see above");
    gf_config_read(&config, environ, false);
    if (!config.enabled)
        gf_found(GF_BAD, "settings", "unset it", "GCFREEZE=0: the library does nothing");
    if (config.when.kind == GF_WHEN_NEVER)
        gf_found(GF_BAD, "settings", "unset it", "GCFREEZE_WHEN=never: no fork is frozen for");
    gf_warmup_read(config.warmup, found_bad_word);
    if (config.only[0])
        gf_found(GF_GOOD, "settings", NULL, "GCFREEZE_ONLY=%s: no other programs are treated",
                 config.only);
    if (config.skip[0])
        gf_found(GF_GOOD, "settings", NULL, "GCFREEZE_SKIP=%s: these programs are not treated",
                 config.skip);
}

void gf_check_surroundings(void) {
    check_settings();
    check_unwinding();
    check_preloads();
    check_kernel();
}
