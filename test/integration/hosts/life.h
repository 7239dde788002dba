/* The scenarios of embed.c that are about interpreters: none, one after another, several, and many
 * forks of each. */
#ifndef GF_TEST_LIFE_H
#define GF_TEST_LIFE_H

void life_no_interpreter(void);
void life_before_initialize(void);
void life_after_finalize(void);
void life_initialize_again(void);
void life_unloaded(void);
void life_sub_detached(void);
void life_sub_attached(void);
void life_sub_current(void);
void life_sub_isolated(void);
void life_sub_ending(void);
void life_many_attached(void);
void life_many_detached(void);
void life_many_sub(void);

#endif
