#include "core/foreign.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

#include "base/text.h"
#include "core/hosts.h"
#include "core/session.h"
#include "process/self.h"

static struct {
    atomic_bool *told; /* in memory that all children share; NULL: each tells for itself */
    bool done;         /* here */
} foreign;

void gf_foreign_prepare(void) {
    if (!gf_session.config.reshare_threads || foreign.told)
        return;
    void *page =
        mmap(NULL, sizeof *foreign.told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    foreign.told = page == MAP_FAILED ? NULL : page;
}

void gf_foreign_child(void) {
    foreign.done = false;
}

static void tell(void) {
    char buffer[512];
    struct gf_text line;
    gf_text_init(&line, buffer, sizeof buffer);
    gf_text_add(&line, "GCFREEZE_RESHARE_THREADS=on has had no effect so far in ");
    gf_text_add_plain(&line, gf_session.row ? gf_session.row->name : gf_self_title());
    gf_text_add(&line,
                ": beside threads, waits of its own code are left alone (foreign-wait), and "
                "no copied page was given back. Workers with one thread each give pages back");
    gf_session_tell(GF_LOG_WARN, line.data);
}

void gf_foreign_tell(void) {
    if (foreign.done)
        return;
    foreign.done = true;
    if (!foreign.told || !atomic_exchange(foreign.told, true))
        tell();
}
