#include "core/pickled.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "core/hosts.h"
#include "core/session.h"

/* KiB of anonymous memory of who hands over. Less than that an interpreter has with its libraries
 * alone (measured, 3.13: 3 MB, 13 with numpy, 50 with pandas), and then it hands little to anybody.
 */
enum { LARGE_KB = 64 << 10 };

/* RssAnon: Linux 4.5; open to every user. Without it nobody counts as large. */
static uint64_t memory_of(pid_t pid) {
    char name[32];
    struct gf_text path;
    uint64_t kilobytes = 0;
    gf_text_init(&path, name, sizeof name);
    gf_text_add(&path, "/proc/");
    gf_text_add_long(&path, pid);
    gf_text_add(&path, "/status");
    return gf_file_row(name, "\nRssAnon:", &kilobytes) ? kilobytes : 0;
}

/* "... the 812 MB of process 4711 ..." */
static void say(const char *what, pid_t parent, uint64_t kilobytes) {
    char buffer[512];
    struct gf_text line;
    gf_text_init(&line, buffer, sizeof buffer);
    gf_text_add(&line, gf_session.row->name);
    gf_text_add(&line, what);
    gf_text_add(&line, "own copy of what it is handed, and shares none of the ");
    gf_text_add_long(&line, (long)(kilobytes >> 10));
    gf_text_add(&line, " MB of process ");
    gf_text_add_long(&line, parent);
    gf_text_add(&line, ". Forked workers share: mp.set_start_method(\"fork\") or "
                       "DataLoader(..., multiprocessing_context=\"fork\"), with "
                       "GCFREEZE_MODE=immortal");
    gf_session_tell(GF_LOG_INFO, line.data);
}

/* The write end of the resource tracker's pipe, which a process hands to all workers that it starts
 * (multiprocessing/popen_spawn_posix.py, 3.8 - 3.15). -1: none. */
static int tracker(void) {
    static const char name[] = "tracker_fd=";
    for (int i = 1; i < gf_session.argc; i++) {
        const char *found = strstr(gf_session.argv[i], name);
        if (found)
            return (int)gf_text_number(found + strlen(name));
    }
    return -1;
}

/* Workers of one process know nothing of each other, but one open file is common to all of them.
 * The signal of its asynchronous I/O, which nobody asks for on that pipe and which the kernel sends
 * to nobody then (fcntl(2), F_SETSIG), is the mark of the first one. Where it cannot be set nothing
 * is said. */
static bool is_first(void) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int file = tracker();
    if (file < 0 || fcntl(file, F_SETLK, &whole) != 0)
        return false; /* another worker is here, and says it if nobody has */
    const bool first = fcntl(file, F_GETSIG) == 0 && fcntl(file, F_SETSIG, SIGIO) == 0;
    whole.l_type = F_UNLCK;
    fcntl(file, F_SETLK, &whole);
    return first;
}

static bool is_due(enum gf_host_kind kind) {
    const struct gf_host_row *row = gf_session.row;
    return row && (enum gf_host_kind)row->kind == kind && !gf_session.told_pickled &&
           gf_log_wants(GF_LOG_INFO);
}

void gf_pickled_in_worker(void) {
    if (!is_due(GF_HOST_SPAWNED))
        return;
    const pid_t parent = getppid();
    const uint64_t kilobytes = memory_of(parent);
    gf_session.told_pickled = true;
    if (kilobytes >= LARGE_KB && is_first())
        say(": each worker is a new program with its ", parent, kilobytes);
}

void gf_pickled_before_fork(void) {
    if (!is_due(GF_HOST_SERVES))
        return;
    const pid_t parent = getppid();
    const uint64_t kilobytes = memory_of(parent);
    if (kilobytes < LARGE_KB)
        return;
    gf_session.told_pickled = true;
    say(": workers share what it has preloaded, but each gets its ", parent, kilobytes);
}
