/* What passes may take of a process's time, and when.
 *
 * Credit is earned with time, 2 % of it, up to one interval's worth. Whose time depends on what the
 * process did in the last half second:
 *
 * idle   it used less than 1 % of a processor. The clock's time; slices of 3 ms.
 * calm   it worked, and hardly ever waited for a processor: there is one to spare. The clock's
 *        time as well; slices of 1 ms. A page that is given back costs 4 us more, because the next
 *        requests copy it again.
 * busy   the same, but 2 % of the time that the process itself uses.
 *
 * One thread at a time; no allocation. Times are microseconds of gf_clock_us().
 */
#ifndef GF_CORE_PACE_H
#define GF_CORE_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* A process without a past. `interval_us` is GCFREEZE_RESHARE. */
void gf_pace_start(int64_t now, int64_t interval_us);

/* How long until a slice may be made; 0: now. Asks the kernel only where that can have changed. */
int64_t gf_pace_wait(int64_t now);

/* Has one been allowed for so long that the next wait begins with it, whatever is ready? */
bool gf_pace_is_overdue(int64_t now);

/* Is it known to be idle? Then a wait is worth cutting however short it is. */
bool gf_pace_is_idle(void);

/* How long a slice may take that begins now. */
int64_t gf_pace_slice_us(int64_t now);

/* A slice is over. It used `used_us` of a processor, and gave `given` pages back. `disturbed`: it
 * could not do what it was there for, and the next one comes as if it had used all of its time. */
void gf_pace_spent(int64_t used_us, uint64_t given, bool disturbed);

#endif
