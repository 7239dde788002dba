/* The words and meanings of GCFREEZE_REASONS. */
#include "gcfreeze.h"

#include <stddef.h>

_Static_assert((int)GCFREEZE_REASON_COUNT <= GCFREEZE_REASON_ROOM,
               "a longer list of reasons changes the layout of struct gcfreeze_status");

const char *gcfreeze_reason_name(int32_t reason) {
    static const char words[][24] = {/* no pointers: the loader would write to them */
#define REASON_WORD(identifier, word, meaning) [GCFREEZE_REASON_##identifier] = (word),
                                     GCFREEZE_REASONS(REASON_WORD)
#undef REASON_WORD
    };
    return reason >= 0 && reason < GCFREEZE_REASON_COUNT ? words[reason] : NULL;
}

const char *gcfreeze_reason_meaning(int32_t reason) {
    static const char meanings[][96] = {
#define REASON_MEANING(identifier, word, meaning) [GCFREEZE_REASON_##identifier] = (meaning),
        GCFREEZE_REASONS(REASON_MEANING)
#undef REASON_MEANING
    };
    return reason >= 0 && reason < GCFREEZE_REASON_COUNT ? meanings[reason] : NULL;
}
