/* A command as a list of words, and who said each of them. */
#ifndef GF_CLI_WORDS_H
#define GF_CLI_WORDS_H

#include <stddef.h>

/* Starts as zeros. The list ends with NULL, like argv; it is NULL itself as long as it is empty. */
struct gf_words {
    char **list;
    char **from; /* the file or the variable; NULL: the command itself */
    size_t count, room;
};

/* Adds a copy. Without memory nothing is added. */
void gf_words_add(struct gf_words *words, const char *word, const char *from);

/* Adds the words of a line as a shell sees them: blanks separate, but not between quotes or behind
 * a backslash. Nothing is expanded. */
void gf_words_split(struct gf_words *words, const char *line, const char *from);

void gf_words_release(struct gf_words *words);

#endif
