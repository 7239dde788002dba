#include "cpython/tensor.h"

#include <stddef.h>

#include "cpython/call.h"
#include "cpython/interpreter.h"

/* An attribute that C answers: somebody may have put a function in its place. */
static bool answered_by_c(const struct gf_type *type, const char *name) {
    gf_object *attribute = gf_attribute((gf_object *)(uintptr_t)type, name);
    bool answered = attribute && (gf_type_is(gf_type_of(attribute), "method_descriptor") ||
                                  gf_type_is(gf_type_of(attribute), "getset_descriptor"));
    gf_release(&attribute, 1);
    return answered;
}

/* With a mode, attributes of tensors are asked of Python code (torch/csrc/utils/
 * disable_torch_function.h, check_has_torch_function). */
static bool mode_enabled(void) {
    gf_object *torch = gf_loaded_module("torch._C");
    gf_object *ask = torch ? gf_attribute(torch, "_is_torch_function_mode_enabled") : NULL;
    bool enabled = !ask || !gf_type_is(gf_type_of(ask), "builtin_function_or_method") ||
                   gf_call_truth(ask) != 0;
    gf_object *const references[] = {ask, torch};
    gf_release(references, 2);
    return enabled;
}

bool gf_is_tensor(const struct gf_type *type) {
    const struct gf_type *base = gf_type_base(type);
    return gf_type_is(type, "Tensor") &&
           (gf_type_is(base, "torch._C.TensorBase") || gf_type_is(base, "torch._C._TensorBase")) &&
           answered_by_c(type, "is_cpu") && answered_by_c(type, "requires_grad") &&
           answered_by_c(type, "untyped_storage") && !mode_enabled();
}

static bool named_storage(const struct gf_type *type) {
    return (gf_type_is(type, "UntypedStorage") ||
            gf_type_is(type, "torch.storage.UntypedStorage")) &&
           gf_type_is(gf_type_base(type), "torch._C.StorageBase");
}

bool gf_is_storage(const struct gf_type *type) {
    return named_storage(type) && answered_by_c(type, "is_shared") && answered_by_c(type, "nbytes");
}

/* Torch keeps the object with the storage, once it has been asked for (torch/csrc/Storage.cpp, 2.1
 * and later): 64 bytes. */
gf_object *gf_tensor_storage(gf_object *tensor) {
    if (gf_attribute_truth(tensor, "is_cpu") != 1)
        return NULL;
    gf_object *method = gf_attribute(tensor, "untyped_storage");
    gf_object *storage = method ? gf_python.api.PyObject_CallObject(method, NULL) : NULL;
    gf_python.api.PyErr_Clear();
    gf_release(&method, 1);
    return storage;
}

static int visit_nothing_but(gf_object *object, void *type) {
    return object != type;
}

/* No attributes, no hooks. */
static bool holds_nothing(gf_object *tensor) {
    const struct gf_type *type = gf_type_of(tensor);
    return type->traverse && type->traverse(tensor, visit_nothing_but, tensor->type) == 0;
}

enum gf_fate gf_tensor_fate(gf_object *tensor) {
    if (!holds_nothing(tensor) || gf_attribute_truth(tensor, "requires_grad") != 0)
        return GF_FATE_WATCHED;
    gf_object *storage = gf_tensor_storage(tensor);
    bool known = storage && named_storage(gf_type_of(storage));
    gf_release(&storage, 1);
    return known ? GF_FATE_BEHIND : GF_FATE_WATCHED;
}

enum gf_fate gf_storage_fate(gf_object *storage) {
    gf_object *method = gf_attribute(storage, "is_shared");
    int shared = method ? gf_call_truth(method) : -1;
    gf_release(&method, 1);
    return shared == 0 ? GF_FATE_LEAVE : GF_FATE_END; /* its end unmaps, and closes a file */
}

long gf_storage_size(gf_object *storage) {
    long bytes = 0;
    gf_object *method = gf_attribute(storage, "nbytes");
    if (method)
        gf_call_value(method, &bytes);
    gf_release(&method, 1);
    return bytes;
}
