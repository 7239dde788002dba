#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int gf_file_open(const char *path, int flags) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | flags);
}

void gf_file_close(int descriptor) {
    syscall(SYS_close, descriptor);
}

size_t gf_file_read(const char *path, char *buffer, size_t size) {
    int file = gf_file_open(path, 0);
    if (file < 0)
        return 0;
    long length = syscall(SYS_read, file, buffer, size - 1);
    gf_file_close(file);
    if (length == 0)
        errno = ENODATA;
    if (length <= 0)
        return 0;
    buffer[length] = '\0';
    return (size_t)length;
}

static bool find_number(int file, const char *row, uint64_t *ret) {
    enum { SIZE = 1024, LONGEST = 64 }; /* of a row that is looked for */
    char buffer[SIZE + 1];
    size_t kept = 0;
    for (;;) {
        long length = syscall(SYS_read, file, buffer + kept, SIZE - kept);
        if (length == 0)
            errno = ENODATA;
        if (length <= 0)
            return false;
        size_t end = kept + (size_t)length;
        buffer[end] = '\0';
        const char *found = strstr(buffer, row);
        if (found && strchr(found + 1, '\n')) {
            *ret = gf_text_number(found + strlen(row));
            return true;
        }
        kept = end < LONGEST ? end : LONGEST;
        memmove(buffer, buffer + end - kept, kept);
    }
}

bool gf_file_row(const char *path, const char *row, uint64_t *ret) {
    int file = gf_file_open(path, 0);
    if (file < 0)
        return false;
    bool found = find_number(file, row, ret);
    int error = errno;
    gf_file_close(file);
    errno = error;
    return found;
}

static bool count_lines(int file, const char *mark, size_t *ret_lines, size_t *ret_marked) {
    char buffer[4096]; /* a page: the kernel gives no more of /proc/PID/maps at a time */
    size_t lines = 0, marked = 0, matched = 0;
    bool found = false;
    long length;
    while ((length = syscall(SYS_read, file, buffer, sizeof buffer)) > 0) {
        for (long i = 0; i < length; i++) {
            matched = buffer[i] == mark[matched] ? matched + 1 : buffer[i] == mark[0];
            if (mark[matched] == '\0') {
                found = true;
                matched = 0;
            }
            if (buffer[i] != '\n')
                continue;
            lines++;
            marked += found;
            found = false;
        }
    }
    if (length < 0)
        return false;
    *ret_lines = lines;
    *ret_marked = marked;
    return true;
}

bool gf_file_lines(const char *path, const char *mark, size_t *ret_lines, size_t *ret_marked) {
    int file = gf_file_open(path, 0);
    if (file < 0)
        return false;
    bool counted = count_lines(file, mark, ret_lines, ret_marked);
    int error = errno;
    gf_file_close(file);
    errno = error;
    return counted;
}

/* What getdents64(2) fills; no header declares it. */
struct entry {
    uint64_t inode;
    int64_t next;
    unsigned short size;
    unsigned char type;
    char name[];
};

bool gf_file_entries(int folder, bool (*visit)(void *context, const char *name), void *context) {
    _Alignas(struct entry) char buffer[2048];
    for (;;) {
        long length = syscall(SYS_getdents64, folder, buffer, sizeof buffer);
        if (length <= 0)
            return length == 0;
        for (long at = 0; at < length;) {
            const struct entry *entry = (const void *)(buffer + at);
            if (!visit(context, entry->name))
                return false;
            at += entry->size;
        }
    }
}

bool gf_file_none_left(int error) {
    return error == EMFILE || error == ENFILE;
}
