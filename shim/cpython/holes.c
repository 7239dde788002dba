#include "cpython/holes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "base/cancel.h"
#include "cpython/interpreter.h"
#include "pages/page.h"
#include "pages/pagemap.h"

/* struct pool_header, the same from 3.8 to 3.15 (Objects/obmalloc.c; from 3.12 on
 * Include/internal/pycore_obmalloc.h). It stands at the pool's start. Nothing is believed before it
 * has been compared with what is known of a block that has just been handed out: find_pool and
 * fill. */
struct pool {
    uint32_t taken; /* blocks */
    char *free;     /* the first of a list */
    struct pool *next, *previous;
    uint32_t arena;
    uint32_t class;
    uint32_t fresh;      /* where blocks begin that were never handed out, from the pool's start */
    uint32_t last_fresh; /* the greatest value of that: one block more ends with the pool */
};

/* ALIGNMENT and SMALL_REQUEST_THRESHOLD: sizes of a class differ by one, and reach up to the other.
 */
enum { STEP = 16, LARGEST = 512, CLASSES = LARGEST / STEP };

/* POOL_SIZE: a page of 4 KiB; from 3.10 on 16 KiB where arenas are found by a radix tree, which is
 * every 64-bit build that was not told otherwise. */
static const size_t pool_sizes[] = {4096, 16384};

enum { FIRST_PART = 4096 }; /* bytes of each class in the first round; then twice as many */

/* Bytes. A child inherits both, the blocks and this. */
static size_t held;

/* One class while it is filled. */
struct class {
    size_t held;
    bool done;
    const struct pool *pool; /* of the block before */
    uint32_t taken;          /* and what it counted then */
};

static bool is_there(const void *page) {
    unsigned char resident;
    return mincore((void *)page, 1, &resident) == 0;
}

/* The pool of a block that has just been handed out, or NULL if there is none to be recognized.
 * `before`: one that was recognized, or NULL. */
static const struct pool *find_pool(const char *block, size_t size, const struct pool *before) {
    for (size_t i = 0; i < sizeof pool_sizes / sizeof *pool_sizes; i++) {
        const char *start = (const char *)((uintptr_t)block & ~(pool_sizes[i] - 1));
        const struct pool *pool = (const struct pool *)start;
        bool beside = (uintptr_t)block / gf_page_size() == (uintptr_t)start / gf_page_size();
        if (!beside && pool != before && !is_there(start))
            continue;
        if (pool->class == size / STEP - 1 && pool->last_fresh == pool_sizes[i] - size &&
            pool->taken > 0 && pool->taken <= (pool_sizes[i] - sizeof *pool) / size &&
            (size_t)(block - start) >= sizeof *pool && pool->fresh <= pool_sizes[i])
            return pool;
    }
    return NULL;
}

/* pymalloc serves from pools in use first. A pool from which nothing was taken before, or one whose
 * only free blocks were never handed out, comes last, and the pages behind these are nobody's yet.
 */
static bool has_no_holes(const struct pool *pool, size_t size) {
    bool untouched =
        pool->fresh <= pool->last_fresh && pool->free == (const char *)pool + pool->fresh - size;
    return pool->taken == 1 || untouched;
}

/* Until the class holds `part` bytes or all of them `most`. False: this is not the allocator that
 * is known. */
static bool fill(struct class *class, size_t size, const struct gf_allocator *allocator,
                 size_t part, size_t most) {
    while (!class->done && class->held < part && held < most) {
        char *block = allocator->allocate(allocator->context, size);
        if (!block)
            return false;
        const struct pool *pool = find_pool(block, size, class->pool);
        bool known = pool && (pool != class->pool || pool->taken == class->taken + 1);
        if (!known || has_no_holes(pool, size)) {
            allocator->release(allocator->context, block);
            class->done = true;
            return known;
        }
        class->pool = pool;
        class->taken = pool->taken;
        class->held += size;
        held += size;
    }
    return true;
}

/* Rounds, because one class may have more holes than all others together, and workers need blocks
 * of every size. */
static void fill_all(const struct gf_allocator *allocator, size_t most) {
    struct class classes[CLASSES] = {{0}};
    bool more = true;
    for (size_t part = FIRST_PART; more && held < most; part *= 2) {
        more = false;
        for (size_t i = 0; i < CLASSES; i++) {
            if (!fill(&classes[i], (i + 1) * STEP, allocator, part, most))
                return;
            more = more || !classes[i].done;
        }
    }
}

/* What watches allocations has a context, pymalloc has none. With PYTHONMALLOC=malloc objects come
 * from where all else does. (Objects/obmalloc.c, PYOBJ_ALLOC, PYDBGOBJ_ALLOC and
 * _PyMem_SetupAllocators; tracemalloc_start.) */
void gf_holes_fill(void) {
    const struct gf_api *api = &gf_python.api;
    struct gf_allocator objects = {0}, raw = {0};
    if (gf_python.free_threaded || gf_python.newer || !api->PyMem_GetAllocator)
        return;
    int cancelling = gf_cancel_put_off(); /* 3.12 waits for a lock there */
    api->PyMem_GetAllocator(GF_DOMAIN_OBJECTS, &objects);
    api->PyMem_GetAllocator(GF_DOMAIN_RAW, &raw);
    gf_cancel_restore(cancelling);
    if (objects.context || !objects.allocate || objects.allocate == raw.allocate)
        return;
    long pages = gf_pagemap_own_pages();
    if (pages > 0)
        fill_all(&objects, (size_t)pages * gf_page_size() / GF_HOLES_SHARE);
}
