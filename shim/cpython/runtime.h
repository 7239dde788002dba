/* CPython as the engine's interpreter. */
#ifndef GF_CPYTHON_RUNTIME_H
#define GF_CPYTHON_RUNTIME_H

#include "core/runtime.h"

extern const struct gf_runtime gf_cpython;

#endif
