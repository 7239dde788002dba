#include "support/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t mapped_size(size_t size) {
    return (size + page_size() - 1) / page_size() * page_size();
}

/* Accessible memory between two pages that are not. */
static char *map_between(size_t size) {
    char *memory = mmap(NULL, page_size() + mapped_size(size) + page_size(), PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED ||
        mprotect(memory + page_size(), mapped_size(size), PROT_READ | PROT_WRITE) != 0) {
        perror("guard page");
        abort();
    }
    return memory + page_size();
}

void *gf_guard_map(size_t size) {
    return map_between(size) + mapped_size(size) - size;
}

void *gf_guard_map_behind(size_t size) {
    return map_between(size);
}

void gf_guard_unmap(void *memory, size_t size) {
    munmap((char *)memory + size - mapped_size(size) - page_size(),
           page_size() + mapped_size(size) + page_size());
}
