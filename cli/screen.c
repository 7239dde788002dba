#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* ECMA-48 and xterm's private modes, which every terminal emulator of these days knows: the
 * alternate screen, the cursor, and no wrapping of long lines. */
static const char enter[] = "\033[?1049h\033[?25l\033[?7l";
static const char leave[] = "\033[?7h\033[?25h\033[?1049l";

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum {
    ENDING = sizeof ending / sizeof *ending,
    CRASHES = sizeof crashes / sizeof *crashes,
};

static struct {
    struct termios before;
    sigset_t waiting; /* the mask in which we wait: all others of ours are blocked outside of it */
    bool open;
    volatile sig_atomic_t end; /* the signal that asks us to end */
    volatile sig_atomic_t stop, changed;
    char pending[64]; /* typed, and not yet understood */
    size_t pending_length;
} screen;

/* Async-signal-safe: also called where we crash. */
static void put(const char *text, size_t length, bool even_when_asked_to_end) {
    while (length > 0 && (even_when_asked_to_end || !screen.end)) {
        ssize_t written = write(STDOUT_FILENO, text, length);
        if (written == 0 || (written < 0 && errno != EINTR))
            return;
        if (written > 0)
            text += written, length -= (size_t)written;
    }
}

static void restore(void) {
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    tcsetattr(STDIN_FILENO, TCSANOW, &screen.before);
    if (poll(&output, 1, 1000) > 0) /* nobody may read what we write: that must not keep us */
        put(leave, sizeof leave - 1, true);
}

static void take(void) {
    struct termios raw = screen.before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_iflag &= ~(tcflag_t)IXON; /* Ctrl-S would stop the clock, and us with it */
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    put(enter, sizeof enter - 1, false);
}

static void note(int number) {
    if (number == SIGTSTP)
        screen.stop = 1;
    else if (number == SIGWINCH || number == SIGCONT)
        screen.changed = 1;
    else
        screen.end = number;
}

static void crash(int number) {
    restore();
    raise(number); /* its action is the default again (SA_RESETHAND) */
}

static void install(int number, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigfillset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

bool gf_screen_possible(void) {
    const char *terminal = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && terminal && *terminal &&
           strcmp(terminal, "dumb") != 0;
}

bool gf_screen_open(void) {
    sigset_t ours;
    if (tcgetattr(STDIN_FILENO, &screen.before) != 0)
        return false;
    sigemptyset(&ours);
    for (int i = 0; i < ENDING; i++)
        sigaddset(&ours, ending[i]);
    sigaddset(&ours, SIGWINCH);
    sigaddset(&ours, SIGTSTP);
    sigaddset(&ours, SIGCONT);
    sigprocmask(SIG_BLOCK, &ours, &screen.waiting);
    for (int number = 1; number < NSIG; number++) {
        if (sigismember(&ours, number) == 1) {
            install(number, note, 0);
            sigdelset(&screen.waiting, number);
        }
    }
    for (int i = 0; i < CRASHES; i++)
        install(crashes[i], crash, (int)SA_RESETHAND);
    screen.open = true;
    take();
    return true;
}

void gf_screen_close(void) {
    if (!screen.open)
        return;
    screen.open = false;
    restore();
    for (int i = 0; i < ENDING; i++)
        install(ending[i], SIG_DFL, 0);
    install(SIGTSTP, SIG_DFL, 0);
    sigset_t ours = screen.waiting;
    if (screen.end)
        raise(screen.end);
    sigprocmask(SIG_SETMASK, &ours, NULL);
}

void gf_screen_size(int *ret_rows, int *ret_columns) {
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col;
    *ret_rows = known ? size.ws_row : 24;
    *ret_columns = known ? size.ws_col : 80;
}

/* Drawn over what was there, in one write: clearing first would flicker. */
void gf_screen_show(const struct gf_lines *head, const struct gf_lines *body, size_t first,
                    const struct gf_line *foot) {
    char *text = NULL;
    size_t length = 0;
    int rows, columns;
    gf_screen_size(&rows, &columns);
    FILE *stream = open_memstream(&text, &length);
    if (!stream)
        return;
    fputs("\033[H", stream);
    for (int row = 0; row < rows; row++) {
        size_t index = (size_t)row, of_body = index - head->count + first;
        const struct gf_line *line = NULL;
        if (row == rows - 1)
            line = foot;
        else if (index < head->count)
            line = &head->list[index];
        else if (of_body < body->count)
            line = &body->list[of_body];
        fputs("\033[K", stream); /* behind a full line it would erase the last character */
        if (line)
            gf_line_print(line, columns, stream);
        if (row < rows - 1)
            fputs("\r\n", stream);
    }
    if (fclose(stream) == 0) {
        /* a terminal whose other end hangs takes nothing: signals must get through */
        sigset_t blocked;
        sigprocmask(SIG_SETMASK, &screen.waiting, &blocked);
        put(text, length, false);
        sigprocmask(SIG_SETMASK, &blocked, NULL);
    }
    free(text);
}

/* ---- keys ---- */

static const struct {
    const char *bytes;
    int event;
} keys[] = {
    {"\033[A", GF_EVENT_UP},   {"\033OA", GF_EVENT_UP},       {"\033[B", GF_EVENT_DOWN},
    {"\033OB", GF_EVENT_DOWN}, {"\033[5~", GF_EVENT_PAGE_UP}, {"\033[6~", GF_EVENT_PAGE_DOWN},
    {"\033[H", GF_EVENT_HOME}, {"\033OH", GF_EVENT_HOME},     {"\033[1~", GF_EVENT_HOME},
    {"\033[F", GF_EVENT_END},  {"\033OF", GF_EVENT_END},      {"\033[4~", GF_EVENT_END},
};

static void drop(size_t count) {
    screen.pending_length -= count;
    memmove(screen.pending, screen.pending + count, screen.pending_length);
}

/* How long the escape sequence is that starts here; what is cut short counts as whole. */
static size_t sequence_length(void) {
    size_t i = 1;
    if (i < screen.pending_length && (screen.pending[i] == '[' || screen.pending[i] == 'O'))
        i++;
    while (i < screen.pending_length && (screen.pending[i] < '@' || screen.pending[i] > '~'))
        i++;
    return i < screen.pending_length ? i + 1 : screen.pending_length;
}

static int next_key(void) {
    int event = (unsigned char)screen.pending[0];
    if (event != '\033') {
        drop(1);
        return event;
    }
    size_t length = sequence_length();
    event = GF_EVENT_OTHER;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strlen(keys[i].bytes) == length && memcmp(keys[i].bytes, screen.pending, length) == 0)
            event = keys[i].event;
    }
    drop(length);
    return event;
}

/* Stops as a program does that knows nothing of the signal; not at all where no shell could
 * continue it. */
static void stop(void) {
    sigset_t blocked, one;
    sigemptyset(&one);
    sigaddset(&one, SIGTSTP);
    screen.stop = 0;
    restore();
    install(SIGTSTP, SIG_DFL, 0);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &one, &blocked); /* here it happens, and here we go on */
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    install(SIGTSTP, note, 0);
    screen.changed = 1;
}

static int after_signals(void) {
    if (screen.end)
        return GF_EVENT_CLOSED;
    if (screen.stop)
        stop();
    if (!screen.changed)
        return GF_EVENT_TIMEOUT;
    screen.changed = 0;
    take(); /* after a SIGSTOP from outside, the shell has put its own modes back */
    return GF_EVENT_REDRAW;
}

int gf_screen_wait(int milliseconds) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    if (screen.pending_length > 0)
        return next_key();
    if (screen.end || screen.stop || screen.changed)
        return after_signals();
    int ready = ppoll(&input, 1, &time, &screen.waiting);
    if (ready < 0)
        return errno == EINTR ? after_signals() : GF_EVENT_CLOSED;
    if (ready == 0)
        return GF_EVENT_TIMEOUT;
    ssize_t got = read(STDIN_FILENO, screen.pending, sizeof screen.pending);
    if (got <= 0)
        return got < 0 && errno == EINTR ? GF_EVENT_TIMEOUT : GF_EVENT_CLOSED;
    screen.pending_length = (size_t)got;
    return next_key();
}
