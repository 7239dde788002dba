/* The put-off collector: generation 0's threshold is a number of ours, and the application never
 * learns it.
 *
 * While the brake stands, gc.get_threshold answers the application's thresholds, and what it gives
 * to gc.set_threshold is kept until the brake is lifted: what it derives from a threshold, or saves
 * and sets again, is as it would be without us. The thread must be attached. Errors: -1, with the
 * interpreter's exception cleared.
 */
#ifndef GF_CPYTHON_BRAKE_H
#define GF_CPYTHON_BRAKE_H

/* Puts functions of ours in place of the two in the gc module, for good, and the collector off:
 * automatic collections begin after `objects`. Where that cannot be done, the collector stays the
 * application's. Phase: attach, with gc in sys.modules; suspended. */
void gf_brake_set(long objects);

/* The application's threshold, and the brake again. Both do nothing without a brake. */
int gf_brake_lift(void);
int gf_brake_put_off(void);

/* Forgets the brake: a new interpreter starts. */
void gf_brake_reset(void);

#endif
