/* Which pages of a private file mapping are this process's own copies, as the kernel says.
 *
 * Source: Documentation/admin-guide/mm/pagemap.rst. No allocation, no cancellation point; a
 * descriptor is open between open and close alone.
 */
#ifndef GF_PAGES_PAGEMAP_H
#define GF_PAGES_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pages that lie together, of which some are copies: the first and the last one are. The others are
 * the file's, and go with them: to drop one stretch is cheaper than to drop its copies one by one.
 */
struct gf_run {
    char *start;
    size_t size;     /* bytes, whole pages */
    uint64_t copies; /* the page at start + i * page is a copy: bit i */
};

/* Pages of a run at most: the compare and the drop of one run take some 50 us. */
enum { GF_RUN_PAGES = 64 };

/* A process that gave root up without executing a program (gunicorn --user) may not read its own
 * pagemap. */
enum { GF_PAGEMAP_CLOSED = -2 };

/* A descriptor; GF_PAGEMAP_CLOSED; or -1 with errno. */
int gf_pagemap_open(void);
void gf_pagemap_close(int descriptor);

/* The next run at or behind `from` and before `end`; false if there are no more copies. No page of
 * it is absent: comparing one that was swapped out would bring it back. *ret_error gets 0, or an
 * errno if the kernel does not tell: then the answer is false. With GF_PAGEMAP_CLOSED every page
 * may be a copy. */
bool gf_pagemap_next(int descriptor, char *from, char *end, struct gf_run *ret, int *ret_error);

/* Bytes between `from` and `end` that are this process's copies; 0 if the kernel does not tell. */
size_t gf_pagemap_copies(int descriptor, const char *from, const char *end);

/* Pages of this process that are no file's, about; -1: not known. What everybody may know of it. */
long gf_pagemap_own_pages(void);

#endif
