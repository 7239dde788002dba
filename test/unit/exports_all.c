/* An object that exports every symbol of api.def, as data: only the addresses are looked at. */
#define API(need, returns, name, arguments)                                                        \
    extern const char name[];                                                                      \
    __attribute__((visibility("default"))) const char name[] = #name;
#include "cpython/api.def"
