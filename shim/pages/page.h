/* The size of a page. Any phase. */
#ifndef GF_PAGES_PAGE_H
#define GF_PAGES_PAGE_H

#include <stddef.h>
#include <sys/auxv.h>

/* Read from the auxiliary vector: no system call. */
static inline size_t gf_page_size(void) {
    return (size_t)getauxval(AT_PAGESZ);
}

#endif
