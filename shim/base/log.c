#include "base/log.h"
#include "base/cancel.h"
#include "base/load.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A host may fork on a small stack, a signal handler on one of 8 KiB. GCFREEZE_LOG_FILE has 511
 * bytes at most, and each %p in it may become longer. */
enum { PATH_SIZE = 2048 };

struct file {
    bool there;
    dev_t device;
    ino_t inode;
};

static struct {
    enum gf_log_level level;
    const char *path;
    struct file error; /* stderr at load; what gets its number later is a file of the host's */
} target GF_AT_LOAD;

/* syscall(2), because libc's fstat is bound to another version of glibc. Not there, if it is
 * closed. */
static struct file find_stderr(void) {
    struct stat status;
    if (syscall(SYS_fstat, STDERR_FILENO, &status) != 0)
        return (struct file){0};
    return (struct file){.there = true, .device = status.st_dev, .inode = status.st_ino};
}

void gf_log_init(enum gf_log_level level, const char *path) {
    int saved_errno = errno;
    target.level = level;
    target.path = path;
    target.error = find_stderr();
    errno = saved_errno;
}

bool gf_log_wants(enum gf_log_level level) {
    return level != GF_LOG_NONE && level <= target.level;
}

/* write(2) may raise SIGPIPE (a reader that left) or SIGXFSZ (RLIMIT_FSIZE), and both kill by
 * default. They are sent to the writing thread, so they can be held back and taken away there,
 * unless the host had one pending already: then that one is the host's. */
static void write_quietly(int fd, const char *data, size_t size) {
    static const struct timespec at_once = {0, 0};
    sigset_t ours, pending, before;
    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE);
    sigaddset(&ours, SIGXFSZ);
    sigpending(&pending);
    if (sigismember(&pending, SIGPIPE) == 1)
        sigdelset(&ours, SIGPIPE);
    if (sigismember(&pending, SIGXFSZ) == 1)
        sigdelset(&ours, SIGXFSZ);
    /* sigprocmask: on Linux it is the calling thread's mask, and it needs no libpthread */
    if (sigprocmask(SIG_BLOCK, &ours, &before) != 0)
        return;

    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break;
        data += written;
        size -= (size_t)written;
    }

    while (sigtimedwait(&ours, NULL, &at_once) > 0)
        continue;
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void write_stderr(const char *data, size_t size) {
    const struct file now = find_stderr(), *before = &target.error;
    if (now.there && before->there && now.device == before->device && now.inode == before->inode)
        write_quietly(STDERR_FILENO, data, size);
}

static bool expand_path(char *buffer, size_t size) {
    struct gf_text path;
    gf_text_init(&path, buffer, size);
    for (const char *c = target.path; *c; c++) {
        if (c[0] == '%' && c[1] == 'p') {
            gf_text_add_long(&path, getpid());
            c++;
        } else {
            gf_text_add_char(&path, *c);
        }
    }
    return !path.truncated;
}

/* strerror() may translate and allocate; these are the errors an operator meets. */
static const char *why(int error) {
    switch (error) {
    case ENOENT:
        return "no such directory";
    case EACCES:
        return "permission denied";
    case EISDIR:
        return "it is a directory";
    case ENOTDIR:
        return "a part of it is no directory";
    case EROFS:
        return "read-only file system";
    case ELOOP:
        return "it is a symbolic link";
    case ENOSPC:
        return "no space left";
    case EMFILE:
        return "too many open files";
    case ENXIO:
        return "nobody reads this pipe";
    case ENAMETOOLONG:
        return "the name is too long";
    default:
        return "the system refused";
    }
}

static void give_up(const char *path, int error) {
    char buffer[2560]; /* the path may be shown in four characters a byte, and the reason follows it
                        */
    struct gf_text line;
    gf_text_init(&line, buffer, sizeof buffer - 1);
    gf_text_add(&line, "gcfreeze[");
    gf_text_add_long(&line, getpid());
    gf_text_add(&line, "]: GCFREEZE_LOG_FILE: cannot open ");
    gf_text_add_plain(&line, path);
    gf_text_add(&line, ": ");
    gf_text_add(&line, why(error));
    gf_text_add(&line, " (errno ");
    gf_text_add_long(&line, error);
    gf_text_add(&line, "); logging is off, all else goes on");
    line.data[line.length++] = '\n';
    target.level = GF_LOG_NONE;
    write_stderr(line.data, line.length);
}

/* Apart from the line, so that not both are on the stack at once. -1: there is no file, and logging
 * is off. */
static __attribute__((noinline)) int open_file(void) {
    char path[PATH_SIZE];
    if (!expand_path(path, sizeof path)) {
        give_up(target.path, ENAMETOOLONG);
        return -1;
    }
    /* O_NOFOLLOW: a link planted in a shared directory must not lead a server of root's
     * elsewhere. O_NONBLOCK: opening a FIFO without a reader must fail and not hang it. */
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    int fd = open(path, flags | O_NONBLOCK, 0600);
    if (fd < 0)
        give_up(path, errno);
    return fd;
}

static __attribute__((noinline)) void write_line(int fd, const char *line) {
    char buffer[2048];
    struct gf_text text;
    gf_text_init(&text, buffer, sizeof buffer - 1);
    gf_text_add(&text, line);
    text.data[text.length++] = '\n';
    if (fd >= 0)
        write_quietly(fd, text.data, text.length);
    else
        write_stderr(text.data, text.length);
}

void gf_log_line(enum gf_log_level level, const char *line) {
    if (!gf_log_wants(level))
        return;
    int saved_errno = errno;
    int cancelling = gf_cancel_put_off();
    bool to_file = target.path != NULL && target.path[0] != '\0';
    int fd = to_file ? open_file() : -1;
    if (fd >= 0 || !to_file)
        write_line(fd, line);
    if (fd >= 0)
        close(fd);
    gf_cancel_restore(cancelling);
    errno = saved_errno;
}
