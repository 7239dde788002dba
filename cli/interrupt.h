/* Ctrl-C, SIGTERM and SIGHUP as something to wait for, instead of something that interrupts. */
#ifndef GF_CLI_INTERRUPT_H
#define GF_CLI_INTERRUPT_H

/* Blocks these signals; the descriptor becomes readable when one has come. -1 with errno. */
int gf_interrupt_open(void);

/* The first signal that came since gf_interrupt_open, 0 if none did. The descriptor is not readable
 * afterwards, until another one comes. */
int gf_interrupt_take(int descriptor);

#endif
