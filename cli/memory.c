#include "memory.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maps.h"

static FILE *open_of(pid_t pid, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return fopen(path, "re");
}

static long take_kib(const char *text) {
    long kib = strtol(text, NULL, 10);
    return kib < 0 ? 0 : kib < GF_MAPS_MOST_KIB ? kib : GF_MAPS_MOST_KIB;
}

/* Corrects `own` by private pages of the library's copies, which are those of their mappings that
 * are not anonymous, and says what of the copies is shared: what is not anonymous, mapped or not.
 */
static void read_copies(pid_t pid, struct gf_memory_use *use) {
    FILE *smaps = open_of(pid, "smaps");
    char *line = NULL; /* of any length: a path's own line feed must not look like the end of one */
    size_t room = 0;
    struct gf_mapping mapping;
    bool snapshot = false, writable = false;
    long size = 0, private = 0;
    while (smaps && getline(&line, &room, smaps) > 0) {
        if (line[0] < 'A' || line[0] > 'Z') { /* a mapping's first line starts with its address */
            snapshot = gf_maps_parse(line, &mapping) && gf_maps_is_snapshot(&mapping);
            writable = snapshot && mapping.access[1] == 'w'; /* the other one is to compare with */
            size = private = 0;
        } else if (snapshot && strncmp(line, "Size:", 5) == 0) {
            size = take_kib(line + 5);
        } else if (snapshot && strncmp(line, "Private_", 8) == 0) {
            private += take_kib(line + strcspn(line, " "));
        } else if (snapshot && strncmp(line, "Anonymous:", 10) == 0) {
            long anonymous = take_kib(line + 10);
            use->own -= private > anonymous ? private - anonymous : 0;
            if (writable)
                use->reshared = (use->reshared < 0 ? 0 : use->reshared) +
                                (size > anonymous ? size - anonymous : 0);
        }
    }
    if (smaps)
        fclose(smaps);
    free(line);
}

static bool read_rollup(pid_t pid, struct gf_memory_use *ret) {
    struct gf_memory_use use = {.pss_anonymous = -1};
    const struct {
        const char *name;
        long *ret;
    } rows[] = {
        {"Rss:", &use.rss},
        {"Pss:", &use.pss},
        {"Pss_Anon:", &use.pss_anonymous},
        {"Pss_File:", &use.pss_file},
        {"Pss_Shmem:", &use.pss_shared_memory},
        {"Anonymous:", &use.anonymous},
        {"Private_Clean:", &use.private_clean},
        {"Private_Dirty:", &use.private_dirty},
    };
    FILE *rollup = open_of(pid, "smaps_rollup");
    if (!rollup)
        return false;
    char line[256];
    bool any = false;
    while (fgets(line, sizeof line, rollup)) {
        size_t length = strcspn(line, " ");
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            if (strlen(rows[i].name) == length && strncmp(line, rows[i].name, length) == 0) {
                *rows[i].ret = take_kib(line + length);
                any = true;
            }
        }
    }
    int error = ferror(rollup) ? errno : ESRCH; /* empty: it ended, or it is a kernel thread */
    fclose(rollup);
    if (use.pss_anonymous < 0)
        use.pss_anonymous = use.pss; /* Linux before 5.3 does not tell them apart */
    errno = error;
    if (any)
        *ret = use;
    return any;
}

bool gf_memory_read(pid_t pid, struct gf_memory_use *ret) {
    struct gf_memory_use use;
    if (!read_rollup(pid, &use))
        return false;
    use.own = use.private_clean + use.private_dirty;
    use.reshared = -1;
    if (use.pss_shared_memory > 0)
        read_copies(pid, &use);
    if (use.own < 0)
        use.own = 0; /* the two files are of two moments */
    *ret = use;
    return true;
}

/* The folder of the control group that accounts for its memory, and the file that says how much: in
 * the one hierarchy of version 2, or in version 1's own for memory. */
static bool group_of(pid_t pid, char *folder, size_t size, const char **ret_file) {
    FILE *file = open_of(pid, "cgroup");
    char line[PATH_MAX];
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *rest = line;
        strsep(&rest, ":");
        const char *controllers = strsep(&rest, ":");
        if (!controllers || !rest)
            continue;
        bool second = strcmp(controllers, "") == 0;
        *ret_file = second ? "memory.current" : "memory.usage_in_bytes";
        snprintf(folder, size, "/sys/fs/cgroup%s%s", second ? "" : "/memory", rest);
        char path[PATH_MAX + 32];
        snprintf(path, sizeof path, "%s/%s", folder, *ret_file);
        found = (second || strstr(controllers, "memory")) && access(path, R_OK) == 0;
    }
    if (file)
        fclose(file);
    return found;
}

static bool is_one_of(pid_t pid, const pid_t *pids, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (pids[i] == pid)
            return true;
    }
    return false;
}

/* Are these all of its processes, and has it no groups below, whose memory would count, too? */
static bool holds_only(const char *folder, const pid_t *pids, size_t count) {
    char path[PATH_MAX + 32];
    size_t ours = 0, others = 0;
    struct stat status;
    int member;
    snprintf(path, sizeof path, "%s/cgroup.procs", folder);
    FILE *file = fopen(path, "re");
    while (file && fscanf(file, "%d", &member) == 1)
        *(is_one_of(member, pids, count) ? &ours : &others) += 1;
    if (file)
        fclose(file);
    return ours == count && others == 0 && stat(folder, &status) == 0 && status.st_nlink == 2;
}

long gf_memory_of_group(pid_t pid, const pid_t *pids, size_t count) {
    char folder[PATH_MAX], path[PATH_MAX + 32];
    const char *name;
    long bytes;
    if (!group_of(pid, folder, sizeof folder, &name) || !holds_only(folder, pids, count))
        return -1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    bool good = file && fscanf(file, "%ld", &bytes) == 1;
    if (file)
        fclose(file);
    return good ? bytes / 1024 : -1;
}
