#include "process/unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/machine.h"
#include "process/loader.h"
#include "process/registers.h"

/* libunwind's functions come from dlopen, under the names that its header's own macros give them.
 */
#define NAME_OF(symbol)          NAME_OF_EXPANDED(symbol)
#define NAME_OF_EXPANDED(symbol) #symbol

enum { MAX_FRAMES = 256 };

struct dynamic_info;

static struct {
    bool ready;
    unw_addr_space_t space;
    unw_addr_space_t (*create_addr_space)(unw_accessors_t *, int);
    int (*set_caching_policy)(unw_addr_space_t, unw_caching_policy_t);
    int (*init_remote)(unw_cursor_t *, unw_addr_space_t, void *);
    int (*step)(unw_cursor_t *);
    int (*get_proc_info)(unw_cursor_t *, unw_proc_info_t *);
    int (*get_reg)(unw_cursor_t *, unw_regnum_t, unw_word_t *);
    int (*is_signal_frame)(unw_cursor_t *);
    int (*search_table)(unw_addr_space_t, unw_word_t, struct dynamic_info *, unw_proc_info_t *, int,
                        void *);
    bool has_load_offset; /* see struct dynamic_info */
} unwind;

/* ---- what libunwind asks for ---- */

/* What a walk starts from, and pages that it has found readable. */
struct origin {
    struct gf_registers registers; /* of gf_unwind_walk */
    uintptr_t pages[16];           /* by number; 0: none */
    uintptr_t tables, tables_size; /* the segment that holds the last unwind tables: is loaded */
    bool astray;                   /* led to memory that cannot be read */
};

/* Is there a word to read? The kernel copies the signal set before it looks at the first argument,
 * which is none: EFAULT if it cannot, else EINVAL, and nothing happens. No descriptor is needed. */
static bool readable(struct origin *origin, unw_word_t address) {
    enum { PLACES = sizeof origin->pages / sizeof *origin->pages, PAGE_BITS = 12 };
    uintptr_t page = address >> PAGE_BITS;
    bool aligned = address % sizeof(unw_word_t) == 0; /* else it may reach into the next page */
    if (page == 0) /* is never mapped, and its number marks a free place below */
        return false;
    if (address - origin->tables < origin->tables_size)
        return true;
    if (aligned && origin->pages[page % PLACES] == page)
        return true;
    if (syscall(SYS_rt_sigprocmask, -1, address, NULL, sizeof(unw_word_t)) != -1 || errno != EINVAL)
        return false;
    if (aligned)
        origin->pages[page % PLACES] = page;
    return true;
}

static int access_mem(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write,
                      void *argument) {
    struct origin *origin = argument;
    (void)space;
    if (write || !readable(origin, address)) {
        origin->astray = true;
        return -UNW_EINVAL;
    }
    memcpy(value, (const void *)address, sizeof *value);
    return 0;
}

/* Of the walk's own frame; those of its callers are found from there. */
static int access_reg(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int write,
                      void *argument) {
    const struct gf_registers *registers = &((const struct origin *)argument)->registers;
    (void)space;
    if (write || number < 0 || number >= (int)(sizeof registers->at / sizeof *registers->at))
        return -UNW_EBADREG;
    *value = registers->at[number];
    return 0;
}

static int access_fpreg(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write,
                        void *argument) {
    (void)space, (void)number, (void)value, (void)write, (void)argument;
    return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *argument) {
    (void)space, (void)cursor, (void)argument;
    return -UNW_EINVAL;
}

static int no_dynamic_info(unw_addr_space_t space, unw_word_t *address, void *argument) {
    (void)space, (void)address, (void)argument;
    return -UNW_ENOINFO;
}

static int no_name(unw_addr_space_t space, unw_word_t address, char *name, size_t size,
                   unw_word_t *offset, void *argument) {
    (void)space, (void)address, (void)name, (void)size, (void)offset, (void)argument;
    return -UNW_ENOINFO;
}

static void nothing_to_put(unw_addr_space_t space, unw_proc_info_t *procedure, void *argument) {
    (void)space, (void)procedure, (void)argument;
}

/* .eh_frame_hdr as linkers write it (Linux Standard Base, Core, "Exception Frames"): the search
 * table begins after this header, with pairs of offsets from the header's start. */
struct eh_frame_hdr {
    uint8_t version, pointer_encoding, count_encoding, table_encoding;
    int32_t eh_frame;
    uint32_t count;
};
enum { UDATA4 = 0x03, DATAREL_SDATA4 = 0x3b };

/* unw_dyn_info_t, whose layout changed within one soname: 1.3 has no load_offset before the union.
 */
struct dynamic_info {
    unw_word_t next, prev, start_ip, end_ip, gp;
    int32_t format, pad;
    union {
        unw_dyn_remote_table_info_t table; /* 1.3 */
        struct {
            unw_word_t load_offset;
            unw_dyn_remote_table_info_t table; /* 1.6, 1.8 */
        } later;
        unw_word_t room[16];
    };
};

struct table_search {
    unw_word_t address;
    struct origin *origin;
    bool found;
    struct dynamic_info info;
};

/* The segment that begins with or before the table and holds it; a word at its end may reach out.
 */
static void keep_segment(const struct dl_phdr_info *object, uintptr_t table, struct origin *ret) {
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_R) ||
            table - start >= segment->p_memsz)
            continue;
        ret->tables = start;
        ret->tables_size = segment->p_memsz - sizeof(unw_word_t);
    }
}

static int find_table(struct dl_phdr_info *object, size_t size, void *context) {
    struct table_search *search = context;
    const ElfW(Phdr) *header = NULL;
    bool inside = false;
    (void)size;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && search->address - start < segment->p_memsz)
            inside = true;
        else if (segment->p_type == PT_GNU_EH_FRAME)
            header = segment;
    }
    if (!inside)
        return 0;
    if (!header)
        return 1;
    const struct eh_frame_hdr *table = (const void *)(object->dlpi_addr + header->p_vaddr);
    if (table->version != 1 || table->count_encoding != UDATA4 ||
        table->table_encoding != DATAREL_SDATA4)
        return 1;
    keep_segment(object, (uintptr_t)table, search->origin);
    const unw_dyn_remote_table_info_t found = {
        .segbase = (uintptr_t)table,
        .table_data = (uintptr_t)(table + 1),
        .table_len = (unw_word_t)table->count * 2 * sizeof(int32_t) / sizeof(unw_word_t),
    };
    search->found = true;
    search->info.end_ip = UINTPTR_MAX;
    search->info.format = UNW_INFO_FORMAT_REMOTE_TABLE;
    if (unwind.has_load_offset)
        search->info.later.table = found;
    else
        search->info.table = found;
    return 1;
}

static int find_proc_info(unw_addr_space_t space, unw_word_t address, unw_proc_info_t *ret,
                          int need_unwind_info, void *argument) {
    struct table_search search = {.address = address, .origin = argument};
    gf_loader_objects(find_table, &search);
    if (!search.found)
        return -UNW_ENOINFO;
    return unwind.search_table(space, address, &search.info, ret, need_unwind_info, argument);
}

/* ---- opening and walking ---- */

static int first_call(void *unused);

static bool see_first_call(uintptr_t procedure, bool signal_frame, void *context) {
    (void)signal_frame;
    bool *seen = context;
    *seen = procedure == (uintptr_t)first_call;
    return *seen;
}

/* The first call makes libunwind initialize, and that opens a pipe, for local unwinding too, which
 * we never do (1.6, src/x86_64/Ginit.c, open_pipe). The host would find two descriptors that it
 * does not know. So the call is made in a child that shares our memory, but has descriptors and
 * limits of its own, and may open none. */
static int first_call(void *unused) {
    /* libunwind copies all that its own version has: 1.8 has more than the header that is used here
     */
    static union {
        unw_accessors_t accessors;
        void *room[32];
    } all = {{
        .find_proc_info = find_proc_info,
        .put_unwind_info = nothing_to_put,
        .get_dyn_info_list_addr = no_dynamic_info,
        .access_mem = access_mem,
        .access_reg = access_reg,
        .access_fpreg = access_fpreg,
        .resume = no_resume,
        .get_proc_name = no_name,
    }};
    const struct rlimit none = {0, 0};
    bool seen = false;
    (void)unused;
    if (setrlimit(RLIMIT_NOFILE, &none) != 0)
        return 1;
    unwind.space = unwind.create_addr_space(&all.accessors, 0);
    /* The cache has a lock: a thread that walks while another one forks would leave it taken in the
     * child for ever. A fork every now and then needs no cache. */
    if (!unwind.space || unwind.set_caching_policy(unwind.space, UNW_CACHE_NONE) != 0)
        return 1;
    /* Which layout does it have? The one with which a walk finds this very procedure. */
    unwind.ready = true;
    for (int layout = 0; layout < 2 && !seen; layout++) {
        unwind.has_load_offset = layout == 0;
        gf_unwind_walk(see_first_call, &seen);
    }
    unwind.ready = seen;
    return seen ? 0 : 1;
}

/* ThreadSanitizer's clone takes the child for a process with memory of its own, and is off in this
 * one from then on (gcc 12: ForkChildAfter and ForkParentAfter count the same counter down). */
#ifdef __SANITIZE_THREAD__
int __clone(int (*start)(void *), void *stack, int flags, void *argument, ...);
#define clone __clone
#endif

/* Returns whether the first call was made. The child sends no signal when it ends, and only who
 * asks for its like (__WCLONE) can wait for it. */
static bool initialize(void) {
    enum { STACK_SIZE = 128 * 1024 };
    int status = -1;
    char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return false;
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before); /* no handler of the host's may run in the child */
    gf_loader_lend(true);
    pid_t child = clone(first_call, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK, NULL);
    while (child > 0 && waitpid(child, &status, (int)__WCLONE) < 0 && errno == EINTR)
        continue;
    gf_loader_lend(false);
    sigprocmask(SIG_SETMASK, &before, NULL);
    munmap(stack, STACK_SIZE);
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool gf_unwind_open(void) {
    static bool tried; /* a library that is not there will not come, and looking for it costs */
    if (tried || !gf_loader_answers())
        return gf_unwind_ready();
    tried = true;
    void *library = gf_loader_open(GF_UNWIND_LIBRARY);
    if (!library)
        return false;

    /* POSIX lets dlsym's object pointer hold a function; ISO C has no cast for it */
    *(void **)&unwind.create_addr_space = gf_loader_symbol(library, NAME_OF(unw_create_addr_space));
    *(void **)&unwind.set_caching_policy =
        gf_loader_symbol(library, NAME_OF(unw_set_caching_policy));
    *(void **)&unwind.init_remote = gf_loader_symbol(library, NAME_OF(unw_init_remote));
    *(void **)&unwind.step = gf_loader_symbol(library, NAME_OF(unw_step));
    *(void **)&unwind.get_proc_info = gf_loader_symbol(library, NAME_OF(unw_get_proc_info));
    *(void **)&unwind.get_reg = gf_loader_symbol(library, NAME_OF(unw_get_reg));
    *(void **)&unwind.is_signal_frame = gf_loader_symbol(library, NAME_OF(unw_is_signal_frame));
    *(void **)&unwind.search_table =
        gf_loader_symbol(library, NAME_OF(UNW_OBJ(dwarf_search_unwind_table)));
    if (!unwind.create_addr_space || !unwind.set_caching_policy || !unwind.init_remote ||
        !unwind.step || !unwind.get_proc_info || !unwind.get_reg || !unwind.is_signal_frame ||
        !unwind.search_table)
        return false;
    unwind.ready = initialize() && unwind.ready;
    return unwind.ready;
}

bool gf_unwind_ready(void) {
    return unwind.ready && gf_loader_answers();
}

/* Without tables, libunwind would follow frame pointers: guesses. On x86-64 it then tells of a
 * procedure of one byte (Gget_proc_info.c). */
static bool has_tables(unw_cursor_t *cursor, unw_proc_info_t *ret) {
    return unwind.get_proc_info(cursor, ret) == 0 && ret->end_ip > ret->start_ip + 1;
}

/* musl has no tables for the procedure that signal handlers return to. */
static bool returns_from_signal(unw_cursor_t *cursor, struct origin *origin) {
    const size_t size = sizeof gf_signal_return;
    unw_word_t at;
    return unwind.get_reg(cursor, UNW_REG_IP, &at) == 0 && readable(origin, at) &&
           readable(origin, at + size - sizeof at) &&
           memcmp((const void *)at, gf_signal_return, size) == 0;
}

bool gf_unwind_walk(bool (*visit)(uintptr_t procedure, bool signal_frame, void *context),
                    void *context) {
    struct origin origin = {0};
    unw_cursor_t cursor;
    unw_proc_info_t procedure;
    if (!gf_unwind_ready())
        return false;
    gf_registers_read(&origin.registers);
    if (unwind.init_remote(&cursor, unwind.space, &origin) != 0)
        return false;
    for (int depth = 0; depth < MAX_FRAMES; depth++) {
        if (!has_tables(&cursor, &procedure)) {
            if (returns_from_signal(&cursor, &origin))
                visit(0, true, context);
            return false;
        }
        if (visit(procedure.start_ip, unwind.is_signal_frame(&cursor) > 0, context))
            return false;
        int stepped = unwind.step(&cursor);
        /* on 64-bit ARM, a step that fails goes on at the link register, or calls it the stack's
         * end where it knows none (1.6, src/aarch64/Gstep.c) */
        if (stepped <= 0 || origin.astray)
            return stepped == 0 && !origin.astray;
    }
    return false;
}
