/* GCFREEZE_RESHARE_THREADS=on where it has had no effect: in a server whose threads only wait in
 * code that is left alone (foreign-wait). The operator asked for it, so this is said without being
 * asked, by one process of all that have the same parent. */
#ifndef GF_CORE_FOREIGN_H
#define GF_CORE_FOREIGN_H

/* What the children will have in common. Phase: parent, before the fork; any number of times. */
void gf_foreign_prepare(void);

/* The child has told nothing. Phase: child; plain stores. */
void gf_foreign_child(void);

/* The sentence. Phase: a waiting thread, one at a time. */
void gf_foreign_tell(void);

#endif
