/* Prototypes of everything in shim/cpython/api.def, and the book of calls. */
#ifndef MOCK_EXPORTS_H
#define MOCK_EXPORTS_H

#include <stdbool.h>

#include "cpython/api.h"

#pragma GCC visibility push(default)
#define API(need, returns, name, arguments) returns name arguments;
#include "cpython/api.def"
#undef API
#pragma GCC visibility pop

enum mock_function {
#define API(need, returns, name, arguments) CALL_##name,
#include "cpython/api.def"
#undef API
    CALL_COUNT
};

/* Each API function starts with it: records the call, checks that it is allowed now, and raises the
 * signal if one is due. False: the call must fail; an exception is pending then. */
bool mock_called(enum mock_function function);

#endif
