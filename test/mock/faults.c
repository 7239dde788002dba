/* A libc that fails when it is told to, for the calls of the library alone. Preloaded behind it.
 *
 * MOCK_FAULT=name:n makes the nth call of a function fail, name:n+ that one and all later ones.
 * With child: in front, calls in forked children are meant, which are counted together; without,
 * those of the process that was started. MOCK_COUNTS is a file: what was called how often, when
 * that process ends.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/elf.h"

enum kind { FAILS, ENDS, ALWAYS };
enum where { HOME, CHILD, PLACES };

enum index {
#define FAILS(name, value, error)  INDEX_##name,
#define ENDS(name, value, error)   INDEX_##name,
#define ALWAYS(name, value, error) INDEX_##name,
#define NEVER(name)
#include "faults.def"
#undef FAILS
#undef ENDS
#undef ALWAYS
    COUNT
};

struct fault {
    long value; /* the first, for fault_enter */
    enum kind kind;
    enum index index;
    int error;
    const char *name;
    void *real;
};

/* A stub has no signature: it hands its registers on as they are, to libc, or returns the value.
 * The return address stays the library's, so that dlsym(RTLD_NEXT) and getcontext see their caller.
 */
#define STUB(which, function, answer, number)                                                      \
    extern struct fault fault_##function;                                                          \
    struct fault fault_##function = {.value = (answer),                                            \
                                     .kind = which,                                                \
                                     .index = INDEX_##function,                                    \
                                     .error = (number),                                            \
                                     .name = #function};                                           \
    __asm__(".text\n.globl " #function "\n.type " #function ", @function\n" #function ":\n"        \
            "lea fault_" #function "(%rip), %rax\n"                                                \
            "jmp fault_enter\n");
#define FAILS(name, value, error)  STUB(FAILS, name, value, error)
#define ENDS(name, value, error)   STUB(ENDS, name, value, error)
#define ALWAYS(name, value, error) STUB(ALWAYS, name, value, error)
#include "faults.def"

__asm__(".text\n"
        "fault_enter:\n"
        "push %rdi\npush %rsi\npush %rdx\npush %rcx\npush %r8\npush %r9\npush %rax\n"
        "mov %rdi, %rdx\n"
        "mov %rax, %rdi\n"
        "mov 56(%rsp), %rsi\n"
        "call fault_decide\n"
        "mov %rax, %r11\n"
        "pop %rax\npop %r9\npop %r8\npop %rcx\npop %rdx\npop %rsi\npop %rdi\n"
        "test %r11, %r11\n"
        "jz 1f\n"
        "jmp *%r11\n"
        "1: mov (%rax), %rax\n"
        "ret\n");

/* Shared with children. */
static struct page {
    pid_t home;
    atomic_int calls[PLACES][COUNT];
} *page;

static struct {
    uintptr_t start, end;
} library;

#ifdef __GLIBC__
static void *real_dlsym(void) {
    return dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
}
#else
/* musl's dynamic linker, which is at AT_BASE, and its libc are one object. */
static void *real_dlsym(void) {
    const ElfW(Ehdr) *header = (void *)getauxval(AT_BASE);
    const struct dl_phdr_info libc = {
        .dlpi_addr = (uintptr_t)header,
        .dlpi_phdr = (void *)((char *)header + header->e_phoff),
        .dlpi_phnum = header->e_phnum,
    };
    struct gf_elf elf;
    return gf_elf_parse(&libc, &elf) ? gf_elf_symbol(&elf, "dlsym") : NULL;
}
#endif

/* dlsym has a stub, too. */
static void *real_of(const char *name) {
    static void *(*next)(void *, const char *);
    if (!next)
        *(void **)&next = real_dlsym();
    return strcmp(name, "dlsym") == 0 ? *(void **)&next : next(RTLD_NEXT, name);
}

static int find_library(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size, (void)unused;
    if (!strstr(object->dlpi_name, "/libgcfreeze.so"))
        return 0;
    library.start = object->dlpi_addr;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD)
            library.end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
    }
    return 1;
}

static bool is_librarys(uintptr_t caller) {
    int (*iterate)(int (*)(struct dl_phdr_info *, size_t, void *), void *);
    if (!library.start) {
        *(void **)&iterate = real_of("dl_iterate_phdr");
        iterate(find_library, NULL);
    }
    return caller >= library.start && caller < library.end;
}

static void open_page(void) {
    page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        abort();
    page->home = getpid();
}

/* Is this the call that MOCK_FAULT speaks of? */
static bool chosen(const struct fault *fault, enum where where, int number) {
    static const char prefix[] = "child:";
    const char *wanted = getenv("MOCK_FAULT");
    size_t length = strlen(fault->name);
    if (!wanted || (strncmp(wanted, prefix, sizeof prefix - 1) == 0) != (where == CHILD))
        return false;
    wanted += where == CHILD ? sizeof prefix - 1 : 0;
    if (strncmp(wanted, fault->name, length) != 0 || wanted[length] != ':')
        return false;
    char *end;
    long first = strtol(wanted + length + 1, &end, 10);
    return *end == '+' ? number >= first : number == first;
}

/* The function that takes the call; NULL: it fails, and errno is set. */
__attribute__((used)) static void *fault_decide(struct fault *fault, uintptr_t caller, long first) {
    int saved_errno = errno;
    if (!fault->real)
        fault->real = real_of(fault->name);
    bool theirs =
        !is_librarys(caller) || (fault->index == INDEX_dlsym && (void *)first == RTLD_NEXT);
    errno = saved_errno;
    /* close by its number, which ends a descriptor whatever it answers */
    bool ends = fault->index == INDEX_syscall && first == SYS_close;
    if (theirs || ends)
        return fault->real;
    if (!page)
        open_page();
    enum where where = getpid() == page->home ? HOME : CHILD;
    if (!chosen(fault, where, ++page->calls[where][fault->index]))
        return fault->real;
    if (fault->kind == ENDS)
        ((long (*)(long))fault->real)(first);
    errno = fault->error ? fault->error : saved_errno;
    return NULL;
}

__attribute__((destructor)) static void tell(void) {
    static const struct fault *const faults[COUNT] = {
#define LIST(name) [INDEX_##name] = &fault_##name,
#undef FAILS
#undef ENDS
#undef ALWAYS
#define FAILS(name, value, error)  LIST(name)
#define ENDS(name, value, error)   LIST(name)
#define ALWAYS(name, value, error) LIST(name)
#include "faults.def"
    };
    const char *path = getenv("MOCK_COUNTS");
    FILE *file = path && page && getpid() == page->home ? fopen(path, "w") : NULL;
    if (!file)
        return;
    for (int i = 0; i < COUNT; i++) {
        const char *always = faults[i]->kind == ALWAYS ? "always" : "any";
        fprintf(file, "%s %s %d\n", faults[i]->name, always, page->calls[HOME][i]);
        fprintf(file, "child:%s %s %d\n", faults[i]->name, always, page->calls[CHILD][i]);
    }
    fclose(file);
}
