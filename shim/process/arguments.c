#include "process/arguments.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"

enum { SIZE = 4096, MOST = 64 };

int gf_arguments(char ***ret_arguments) {
    static char text[SIZE], *arguments[MOST + 1];
    int count = 0, before_errno = errno;
    size_t length = gf_file_read("/proc/self/cmdline", text, sizeof text);
    for (char *next = text; next < text + length && count < MOST; next += strlen(next) + 1)
        arguments[count++] = next;
    arguments[count] = NULL;
    *ret_arguments = arguments;
    errno = before_errno;
    return count;
}
