/* What a program is called, by its command line. Pure; the command-line program asks, too. */
#ifndef GF_PROCESS_NAMES_H
#define GF_PROCESS_NAMES_H

#define GF_SELF_NAME_SIZE 128

struct gf_self {
    char program[GF_SELF_NAME_SIZE]; /* last part of argv[0], "python3.13" */
    char script[GF_SELF_NAME_SIZE];  /* "gunicorn" of `python /usr/bin/gunicorn`; or empty */
    char module[GF_SELF_NAME_SIZE];  /* "celery" of `python -m celery`; or empty */
};

/* Fills *ret, which starts as zeros. Without arguments (argc 0, or NULL) it stays as it is. */
void gf_names_read(int argc, char *const *argv, struct gf_self *ret);

/* Of a path: what stands behind its last slash. */
const char *gf_names_last_part(const char *path);

/* What an operator calls it: the script, else the module, else the executable. */
const char *gf_names_title(const struct gf_self *self);

#endif
