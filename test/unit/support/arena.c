#include "support/arena.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pages/arenas.h"
#include "pages/snapshot.h"
#include "support/child.h"

/* Differs from page to page and from byte to byte, and is never 0. */
static char content(size_t page, size_t byte) {
    return (char)((page * 37 + byte * 11) % 255 + 1);
}

size_t gf_arena_bytes(void) {
    return GF_ARENA_PAGES * gf_page_size();
}

char *gf_arena_new(void) {
    char *arena =
        mmap(NULL, gf_arena_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(arena != MAP_FAILED);
    for (size_t i = 0; i < gf_arena_bytes(); i++)
        arena[i] = content(i / gf_page_size(), i % gf_page_size());
    assert_true(gf_arenas_open());
    gf_arenas_add(arena, gf_arena_bytes());
    return arena;
}

bool gf_arena_page_is_as_new(const char *arena, size_t page) {
    for (size_t i = 0; i < gf_page_size(); i++) {
        if (arena[page * gf_page_size() + i] != content(page, i))
            return false;
    }
    return true;
}

bool gf_arena_is_as_new(const char *arena) {
    for (size_t page = 0; page < GF_ARENA_PAGES; page++) {
        if (!gf_arena_page_is_as_new(arena, page))
            return false;
    }
    return true;
}

void gf_arena_touch(char *arena, size_t page) {
    volatile char *byte = &arena[page * gf_page_size() + 100];
    *byte = content(page, 100);
}

void gf_arena_touch_all(char *arena) {
    for (size_t page = 0; page < GF_ARENA_PAGES; page++)
        gf_arena_touch(arena, page);
}

void gf_arena_change(char *arena, size_t page) {
    volatile char *byte = &arena[page * gf_page_size() + 200];
    *byte = 0;
}

void gf_arena_free(char *arena) {
    gf_arenas_remove(arena);
    assert_int_equal(munmap(arena, gf_arena_bytes()), 0);
}

bool gf_arena_page_is_copy(const char *arena, size_t page) {
    const uint64_t present = UINT64_C(1) << 63, file = UINT64_C(1) << 61;
    uint64_t word = 0;
    int pagemap = open("/proc/self/pagemap", O_RDONLY);
    assert_true(pagemap >= 0);
    off_t offset = (off_t)(((uintptr_t)arena / gf_page_size() + page) * sizeof word);
    assert_int_equal(pread(pagemap, &word, sizeof word, offset), sizeof word);
    close(pagemap);
    return (word & (present | file)) == present;
}

size_t gf_arena_copies(const char *arena) {
    size_t copies = 0;
    for (size_t page = 0; page < GF_ARENA_PAGES; page++)
        copies += gf_arena_page_is_copy(arena, page);
    return copies;
}

size_t gf_arena_mappings(const char *name) {
    char line[512];
    size_t found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        found += strstr(line, name) != NULL;
    fclose(maps);
    return found;
}

void gf_arena_snapshot(void) {
    size_t bytes = 0;
    assert_int_equal(gf_snapshot_take(&bytes), GCFREEZE_REASON_NONE);
}

size_t gf_arena_descriptors(void) {
    size_t found = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        found += entry->d_name[0] != '.';
    closedir(folder);
    return found;
}
