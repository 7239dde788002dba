/* Arenas for tests: memory as pymalloc maps it, and what the kernel says about it. */
#ifndef GF_TEST_ARENA_H
#define GF_TEST_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "gcfreeze.h"
#include "pages/page.h"

enum { GF_ARENA_PAGES = 64 };

/* That many pages, in bytes: 256 KiB where a page has 4. */
size_t gf_arena_bytes(void);

/* A new arena in the register, each page filled with bytes of its own. */
char *gf_arena_new(void);

/* What gf_arena_new wrote there. */
bool gf_arena_page_is_as_new(const char *arena, size_t page);
bool gf_arena_is_as_new(const char *arena);

/* Writes the same byte again, without reading it (which would bring pages of the file around it):
 * the page becomes a copy that is equal. */
void gf_arena_touch(char *arena, size_t page);

/* Touches them all, or changes a byte of one. */
void gf_arena_touch_all(char *arena);
void gf_arena_change(char *arena, size_t page);

/* Out of the register and unmapped. */
void gf_arena_free(char *arena);

/* Is this page of a private file mapping this process's own copy (/proc/self/pagemap)? */
bool gf_arena_page_is_copy(const char *arena, size_t page);
size_t gf_arena_copies(const char *arena);

/* Mappings of /proc/self/maps whose name has this in it. */
size_t gf_arena_mappings(const char *name);

/* All arenas of the register are copied. */
void gf_arena_snapshot(void);

/* Open descriptors of this process. */
size_t gf_arena_descriptors(void);

#endif
