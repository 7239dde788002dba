/* Filling holes, against an allocator of ours whose one pool of each size looks like pymalloc's. */
#include "cpython/holes.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "cpython/interpreter.h"
#include "support/child.h"

enum { POOL = 4096, STEP = 16, CLASSES = 32 };

struct header {
    uint32_t taken;
    char *free;
    void *next, *previous;
    uint32_t arena, class, fresh, last_fresh;
};

static struct {
    char *pools;   /* of each class one */
    uint32_t rise; /* what one more block adds to the count; 1 */
    int fail;      /* this allocation gets no memory; 0: none */
    int allocated, freed;
} fake;
static long own_pages;

long __wrap_gf_pagemap_own_pages(void);
long __wrap_gf_pagemap_own_pages(void) {
    return own_pages;
}

static struct header *pool_of(size_t class) {
    return (struct header *)(fake.pools + class * POOL);
}

static uint32_t capacity(size_t size) {
    return (uint32_t)((POOL - sizeof(struct header)) / size);
}

/* Two blocks at the end of a pool were never handed out; the list of free ones ends with the first
 * of them. */
static void *allocate(void *context, size_t size) {
    assert_null(context);
    struct header *pool = pool_of(size / STEP - 1);
    if (++fake.allocated == fake.fail)
        return NULL;
    char *block = pool->free;
    pool->taken += fake.rise;
    pool->free = (char *)pool + sizeof *pool + pool->taken * size;
    return block;
}

static void release(void *context, void *block) {
    (void)context;
    ((struct header *)((uintptr_t)block & ~(uintptr_t)(POOL - 1)))->taken--;
    fake.freed++;
}

static void get_allocator(int domain, struct gf_allocator *ret) {
    *ret = (struct gf_allocator){0};
    if (domain == GF_DOMAIN_OBJECTS)
        *ret = (struct gf_allocator){.allocate = allocate, .release = release};
}

static void get_same(int domain, struct gf_allocator *ret) {
    (void)domain;
    get_allocator(GF_DOMAIN_OBJECTS, ret);
}

static void get_watched(int domain, struct gf_allocator *ret) {
    get_allocator(domain, ret);
    ret->context = &fake;
}

static void prepare(uint32_t holes) {
    memset(&fake, 0, sizeof fake);
    fake.pools =
        mmap(NULL, CLASSES * POOL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(fake.pools, MAP_FAILED);
    fake.rise = 1;
    for (size_t class = 0; class < CLASSES; class ++) {
        struct header *pool = pool_of(class);
        uint32_t size = (uint32_t)(class + 1) * STEP;
        uint32_t most = capacity(size) - 2;
        pool->taken = most > holes ? most - holes : 2;
        pool->class = (uint32_t) class;
        pool->last_fresh = POOL - size;
        pool->fresh = (uint32_t)sizeof *pool + (most + 1) * size;
        pool->free = (char *)pool + sizeof *pool + pool->taken * size;
    }
    memset(&gf_python, 0, sizeof gf_python);
    gf_python.api.PyMem_GetAllocator = get_allocator;
    own_pages = 1 << 20;
}

static int taken(void) {
    gf_holes_fill();
    return fake.allocated - fake.freed;
}

static void test_the_holes_of_every_class_are_taken(void **state) {
    (void)state;
    prepare(2);
    assert_int_equal(taken(), CLASSES); /* the last hole of a pool is given back */
    assert_int_equal(fake.freed, CLASSES);
}

static void test_a_share_of_the_heap_is_held_and_no_more(void **state) {
    (void)state;
    prepare(100);
    own_pages = GF_HOLES_SHARE; /* a page may be held */
    int first = taken();
    assert_in_range(first, 1, POOL / STEP);
    assert_int_equal(taken(), first);
    own_pages *= 2;
    assert_in_range(taken(), first + 1, 2 * POOL / STEP);
}

static void test_nothing_is_taken_of_an_allocator_that_is_not_known(void **state) {
    (void)state;
    prepare(100);
    for (size_t class = 0; class < CLASSES; class ++)
        pool_of(class)->class ++;
    assert_int_equal(taken(), 0);
    prepare(100);
    for (size_t class = 0; class < CLASSES; class ++)
        pool_of(class)->last_fresh--;
    assert_int_equal(taken(), 0);
    prepare(100);
    gf_python.api.PyMem_GetAllocator = get_watched;
    assert_int_equal(taken(), 0);
    prepare(100);
    gf_python.api.PyMem_GetAllocator = get_same;
    assert_int_equal(taken(), 0);
}

static void test_a_count_that_does_not_go_up_by_one_ends_it(void **state) {
    (void)state;
    prepare(100);
    fake.rise = 2;
    assert_int_equal(taken(), 1);
}

static void test_where_memory_ends_it_ends(void **state) {
    (void)state;
    prepare(100);
    fake.fail = 4;
    gf_holes_fill();
    assert_int_equal(fake.allocated, 4);
    assert_int_equal(fake.freed, 0);
}

static void test_where_it_is_not_done(void **state) {
    (void)state;
    prepare(100);
    gf_python.free_threaded = true;
    assert_int_equal(taken(), 0);
    prepare(100);
    gf_python.newer = true;
    assert_int_equal(taken(), 0);
    prepare(100);
    gf_python.api.PyMem_GetAllocator = NULL;
    assert_int_equal(taken(), 0);
    prepare(100);
    own_pages = -1;
    assert_int_equal(taken(), 0);
}

/* A block of malloc's: where its pool of 16 KiB would start there may be nothing. */
static char *alone;

static void *allocate_alone(void *context, size_t size) {
    (void)context;
    (void)size;
    fake.allocated++;
    return alone;
}

static void release_alone(void *context, void *block) {
    (void)context;
    assert_ptr_equal(block, alone);
    fake.freed++;
}

static void get_alone(int domain, struct gf_allocator *ret) {
    *ret = (struct gf_allocator){0};
    if (domain == GF_DOMAIN_OBJECTS)
        *ret = (struct gf_allocator){.allocate = allocate_alone, .release = release_alone};
}

static void test_what_is_not_mapped_is_not_read(void **state) {
    (void)state;
    prepare(0);
    char *room = mmap(NULL, 8 * POOL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(room, MAP_FAILED);
    char *start = (char *)(((uintptr_t)room + 4 * POOL - 1) & ~(uintptr_t)(4 * POOL - 1));
    munmap(start, POOL);
    alone = start + 2 * POOL + 64;
    gf_python.api.PyMem_GetAllocator = get_alone;
    assert_int_equal(taken(), 0);
    assert_int_equal(fake.allocated, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_holes_of_every_class_are_taken),
        cmocka_unit_test(test_a_share_of_the_heap_is_held_and_no_more),
        cmocka_unit_test(test_nothing_is_taken_of_an_allocator_that_is_not_known),
        cmocka_unit_test(test_a_count_that_does_not_go_up_by_one_ends_it),
        cmocka_unit_test(test_where_memory_ends_it_ends),
        cmocka_unit_test(test_where_it_is_not_done),
        cmocka_unit_test(test_what_is_not_mapped_is_not_read),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
