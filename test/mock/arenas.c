/* Arenas: memory that the library copies before a fork and gives back in the child. Their content
 * is known, so that whoever changes it is noticed. */
#include <poll.h>
#include <stdint.h>
#include <sys/mman.h>

#include "exports.h"
#include "python.h"

enum { SIZE = 1 << 18, MOST = 16, PAGE = 4096 };

static void *allocate(void *context, size_t size) {
    (void)context;
    void *arena = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return arena == MAP_FAILED ? NULL : arena;
}

static void release(void *context, void *arena, size_t size) {
    (void)context;
    munmap(arena, size);
}

static struct gf_arena_allocator allocator = {NULL, allocate, release};
static unsigned char *arenas[MOST];
static long count;

void PyObject_GetArenaAllocator(struct gf_arena_allocator *ret) {
    if (mock_called(CALL_PyObject_GetArenaAllocator))
        *ret = allocator;
}

void PyObject_SetArenaAllocator(struct gf_arena_allocator *ours) {
    if (mock_called(CALL_PyObject_SetArenaAllocator))
        allocator = *ours;
}

static unsigned char content(long arena, long offset) {
    return (unsigned char)(arena * 31 + offset / PAGE * 7 + offset);
}

void mock_arenas_make(long more) {
    while (more-- > 0) {
        if (count == MOST || !(arenas[count] = allocator.allocate(allocator.context, SIZE)))
            mock_die("no arena");
        for (long offset = 0; offset < SIZE; offset++)
            arenas[count][offset] = content(count, offset);
        count++;
    }
}

static bool right(long changed) {
    for (long arena = 0; arena < count; arena++) {
        for (long offset = 0; offset < SIZE; offset++) {
            unsigned char expected = content(arena, offset);
            if (offset == changed)
                expected ^= 1;
            if (arenas[arena][offset] != expected)
                return false;
        }
    }
    return true;
}

bool mock_arenas_right(void) {
    return right(-1);
}

bool mock_arenas_work(void) {
    const long changed = SIZE / 2;
    for (long arena = 0; arena < count; arena++) {
        for (long offset = 0; offset < SIZE; offset += PAGE)
            ((volatile unsigned char *)arenas[arena])[offset] ^= 0; /* copies the page */
        arenas[arena][changed] ^= 1;
    }
    if (count > 0)
        poll(NULL, 0, 1);
    return right(changed);
}
