#include "support/opened.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES = 4 };

static struct {
    const char *name;
    const void *bytes;
    size_t size;
} files[FILES];

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

void gf_opened_set(const char *name, const void *bytes, size_t size) {
    size_t i = 0;
    while (i < FILES && files[i].name && strcmp(files[i].name, name) != 0)
        i++;
    if (i == FILES)
        abort();
    files[i].name = name;
    files[i].bytes = bytes;
    files[i].size = size;
}

/* All others are what they are: libFuzzer opens some of its own. */
FILE *__wrap_fopen(const char *path, const char *mode) {
    size_t length = strlen(path);
    for (size_t i = 0; i < FILES && files[i].name; i++) {
        size_t tail = strlen(files[i].name);
        if (length < tail || strcmp(path + length - tail, files[i].name) != 0)
            continue;
        if (files[i].size > 0)
            return fmemopen((void *)files[i].bytes, files[i].size, "r");
        errno = ENOENT;
        return NULL;
    }
    return __real_fopen(path, mode);
}
