#include "words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct gf_words *words) {
    if (words->count + 1 < words->room)
        return true;
    size_t room = words->room ? words->room * 2 : 16;
    char **list = realloc(words->list, room * sizeof *list);
    if (list)
        words->list = list;
    char **from = realloc(words->from, room * sizeof *from);
    if (from)
        words->from = from;
    if (!list || !from)
        return false;
    words->room = room;
    return true;
}

void gf_words_add(struct gf_words *words, const char *word, const char *from) {
    char *copy = strdup(word);
    char *name = from ? strdup(from) : NULL;
    if (!copy || (from && !name) || !make_room(words)) {
        free(copy);
        free(name);
        return;
    }
    words->list[words->count] = copy;
    words->from[words->count++] = name;
    words->list[words->count] = NULL;
}

void gf_words_split(struct gf_words *words, const char *line, const char *from) {
    char *word = malloc(strlen(line) + 1);
    while (word && *(line += strspn(line, " \t\n"))) {
        size_t length = 0;
        char quote = '\0';
        for (; *line && (quote || !strchr(" \t\n", *line)); line++) {
            if (quote ? *line == quote : *line == '"' || *line == '\'')
                quote = quote ? '\0' : *line;
            else if (*line == '\\' && quote != '\'' && line[1])
                word[length++] = *++line;
            else
                word[length++] = *line;
        }
        word[length] = '\0';
        gf_words_add(words, word, from);
    }
    free(word);
}

void gf_words_release(struct gf_words *words) {
    for (size_t i = 0; i < words->count; i++) {
        free(words->list[i]);
        free(words->from[i]);
    }
    free(words->list);
    free(words->from);
    *words = (struct gf_words){0};
}
