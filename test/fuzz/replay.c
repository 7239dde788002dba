/* Gives a fuzz target each file of some folders once, as libFuzzer would: needs no clang. */
#include <dirent.h>
#include <limits.h>
#include <string.h>

#include "fuzz.h"

static int run_file(const char *path) {
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t size = 0, got = 0;
    if (!file) {
        perror(path);
        return -1;
    }
    do {
        data = realloc(data, size + BUFSIZ);
        got = data ? fread(data + size, 1, BUFSIZ, file) : 0;
        size += got;
    } while (got > 0);
    fclose(file);
    /* exactly as long as the input, so that a sanitizer sees what is read behind it */
    uint8_t *input = malloc(size ? size : 1);
    if (!data || !input)
        abort();
    memcpy(input, data, size);
    free(data);
    fprintf(stderr, "%s\n", path); /* the last line of a crash says whose it is */
    LLVMFuzzerTestOneInput(input, size);
    free(input);
    return 0;
}

static int run_folder(const char *path) {
    DIR *folder = opendir(path);
    int files = 0;
    if (!folder) {
        perror(path);
        return -1;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[PATH_MAX];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (run_file(name) == 0)
            files++;
    }
    closedir(folder);
    return files;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        int files = run_folder(argv[i]);
        if (files <= 0) {
            fprintf(stderr, "%s: there is nothing to run\n", argv[i]);
            return 1;
        }
        printf("%s: %d inputs\n", argv[i], files);
    }
    return argc > 1 ? 0 : 2;
}
