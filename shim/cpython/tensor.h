/* Tensors of PyTorch: exactly torch.Tensor, and torch.UntypedStorage, which holds their data. C++
 * counts references to both as well, so they stay mortal. Inside only.
 */
#ifndef GF_CPYTHON_TENSOR_H
#define GF_CPYTHON_TENSOR_H

#include <stdbool.h>

#include "cpython/fates.h"
#include "cpython/layout.h"

/* False also if asking one would run bytecode. */
bool gf_is_tensor(const struct gf_type *type);
bool gf_is_storage(const struct gf_type *type);

/* WATCHED: on a device, in a graph, or with attributes or hooks. */
enum gf_fate gf_tensor_fate(gf_object *tensor);

/* A new reference; NULL: has none, or not in the memory of this process. */
gf_object *gf_tensor_storage(gf_object *tensor);

/* Bytes of the C++ objects behind one, but its data: measured, 2.7 and 2.14. */
enum { GF_TENSOR_SIZE = 300 };

/* END: shared with other processes, or mapped from a file. */
enum gf_fate gf_storage_fate(gf_object *storage);

/* Bytes of data. */
long gf_storage_size(gf_object *storage);

#endif
