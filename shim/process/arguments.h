/* The command line of this process, where libc does not hand it over. */
#ifndef GF_PROCESS_ARGUMENTS_H
#define GF_PROCESS_ARGUMENTS_H

/* As main has them: at most the first 4 KiB, and 64 arguments. Returns how many, 0 without /proc;
 * *ret_arguments is static. Phase: load. */
int gf_arguments(char ***ret_arguments);

#endif
