/* Lines to stderr or to a file, with write(2) alone.
 *
 * A log file is opened for each line and closed again: no descriptor of ours ever lives in the
 * host, where it could be inherited, closed by a daemon's clean-up or written to by mistake.
 * No allocation, no lock, no stdio, no cancellation point; errno survives. Not to be called in the
 * child of a fork before that fork has returned to the application.
 */
#ifndef GF_BASE_LOG_H
#define GF_BASE_LOG_H

#include <stdbool.h>

enum gf_log_level { GF_LOG_NONE, GF_LOG_ERROR, GF_LOG_WARN, GF_LOG_INFO, GF_LOG_DEBUG };

/* `path` is absolute and may hold %p for the pid, or it is empty for stderr. It is kept, not
 * copied: it must outlive the process. Only the file that is stderr now gets lines: a file that the
 * host opens or puts there later is none of ours. Phase: load. */
void gf_log_init(enum gf_log_level level, const char *path);

/* Is anybody interested in this level? */
bool gf_log_wants(enum gf_log_level level);

/* Writes `line` and a newline with one write(2), so that lines of several processes do not mix.
 * A file that cannot be opened gets one line on stderr and ends logging for this process; a failing
 * write (full disk, closed stderr, file size limit) loses the line and nothing else: SIGPIPE and
 * SIGXFSZ that it causes never reach the host. */
void gf_log_line(enum gf_log_level level, const char *line);

#endif
