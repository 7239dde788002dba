/* Small files of /proc and /sys.
 *
 * syscall(2) and not libc's functions: those are cancellation points, and a thread that is
 * cancelled in the middle of a pass would leave its signals blocked. Nothing allocates or takes a
 * lock: any phase.
 */
#ifndef GF_BASE_FILE_H
#define GF_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For reading, closed by exec; `flags` are further ones of open(2). A descriptor, or -1 with errno.
 */
int gf_file_open(const char *path, int flags);
void gf_file_close(int descriptor);

/* The start of the file, as a string of less than `size` bytes: what one read gives, which is as
 * much as fits of a file that the kernel shows in one piece (fs/seq_file.c, single_open). Returns
 * how many bytes it has; 0 with errno: it cannot be read, or is empty. */
size_t gf_file_read(const char *path, char *buffer, size_t size);

/* The number behind `row`, which begins with a newline ("\nVmPin:"), in a file of any length:
 * before a process's memory its status has its groups, which may be thousands. False with errno;
 * ENODATA: there is no such row. */
bool gf_file_row(const char *path, const char *row, uint64_t *ret);

/* The lines of a file of any length, and how many of them have `mark` in them, whose first
 * character is in it once. False with errno. */
bool gf_file_lines(const char *path, const char *mark, size_t *ret_lines, size_t *ret_marked);

/* Calls `visit` with the name of each entry of an open folder, until it says false. False if it
 * did, or, with errno, if the kernel does not tell all of them. */
bool gf_file_entries(int folder, bool (*visit)(void *context, const char *name), void *context);

/* Does this errno say that no descriptor was to be had? */
bool gf_file_none_left(int error);

#endif
