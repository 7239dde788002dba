#include "process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static ssize_t read_whole(pid_t pid, const char *name, char *buffer, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    size_t length = 0;
    ssize_t got = 0;
    while (length < size - 1 && (got = read(file, buffer + length, size - 1 - length)) > 0)
        length += (size_t)got;
    close(file);
    buffer[length] = '\0';
    return got < 0 ? -1 : (ssize_t)length;
}

/* proc(5): the name is in parentheses and may hold any character, so fields are counted from the
 * last one on. */
bool gf_process_read(pid_t pid, struct gf_process *ret) {
    char content[1024];
    if (read_whole(pid, "stat", content, sizeof content) <= 0)
        return false;
    char *open_bracket = strchr(content, '(');
    char *close_bracket = strrchr(content, ')');
    if (!open_bracket || !close_bracket)
        return false;
    *ret = (struct gf_process){.pid = pid};
    int parent = 0;
    uint64_t user = 0, system = 0;
    int fields = sscanf(close_bracket + 1,
                        " %c %d %*d %*d %*d %*d %*u %" SCNu64 " %*u %*u %*u %" SCNu64 " %" SCNu64
                        " %*d %*d %*d %*d %d %*d %" SCNu64 " %" SCNu64 " %*d %*u %*u %*u %" SCNu64,
                        &ret->state, &parent, &ret->minor_faults, &user, &system, &ret->threads,
                        &ret->started, &ret->size, &ret->stack);
    ret->parent = parent;
    ret->cpu_ticks = user + system;
    size_t length = (size_t)(close_bracket - open_bracket - 1);
    if (length >= sizeof ret->command)
        length = sizeof ret->command - 1;
    memcpy(ret->command, open_bracket + 1, length);
    return fields == 9;
}

static int by_pid(const void *a, const void *b) {
    const struct gf_process *left = a, *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

struct gf_process *gf_process_list(size_t *ret_count) {
    DIR *folder = opendir("/proc");
    size_t count = 0, room = 256;
    struct gf_process *list = folder ? malloc(room * sizeof *list) : NULL;
    for (struct dirent *entry; list && (entry = readdir(folder));) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        if (count == room) {
            room *= 2;
            struct gf_process *more = realloc(list, room * sizeof *list);
            if (!more)
                free(list);
            list = more;
            if (!list)
                break;
        }
        count += gf_process_read((pid_t)atoi(entry->d_name), &list[count]);
    }
    if (folder)
        closedir(folder);
    if (list)
        qsort(list, count, sizeof *list, by_pid);
    *ret_count = count;
    return list;
}

bool gf_process_command_line(pid_t pid, char *buffer, size_t size) {
    ssize_t length = read_whole(pid, "cmdline", buffer, size);
    if (length <= 0)
        return false;
    while (length > 0 && buffer[length - 1] == '\0')
        length--;
    for (ssize_t i = 0; i < length; i++) {
        if (buffer[i] == '\0')
            buffer[i] = ' ';
        else if (!isprint((unsigned char)buffer[i]))
            buffer[i] = '?';
    }
    return length > 0;
}

pid_t gf_process_inner_pid(pid_t pid) {
    char content[4096];
    if (read_whole(pid, "status", content, sizeof content) <= 0)
        return 0;
    char *line = strstr(content, "\nNSpid:");
    if (!line)
        return pid; /* a kernel without namespaces */
    line++;
    line[strcspn(line, "\n")] = '\0';
    char *last = strrchr(line, '\t');
    return last ? (pid_t)atoi(last) : pid;
}

double gf_process_age(const struct gf_process *process) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    double started = (double)process->started / (double)sysconf(_SC_CLK_TCK);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9 - started;
}
