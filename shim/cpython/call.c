#include "cpython/call.h"

#include "cpython/interpreter.h"

static int failed(void) {
    gf_python.api.PyErr_Clear();
    return -1;
}

/* Consumes the reference; NULL is an error. */
static int take_long(gf_object *number, long *ret) {
    if (!number)
        return failed();
    long value = gf_python.api.PyLong_AsLong(number);
    gf_python.api.Py_DecRef(number);
    if (value == -1 && gf_python.api.PyErr_Occurred())
        return failed();
    *ret = value;
    return 0;
}

int gf_call(gf_object *function) {
    gf_object *result = gf_python.api.PyObject_CallObject(function, NULL);
    if (!result)
        return failed();
    gf_python.api.Py_DecRef(result);
    return 0;
}

int gf_call_truth(gf_object *function) {
    gf_object *result = gf_python.api.PyObject_CallObject(function, NULL);
    if (!result)
        return failed();
    int truth = gf_python.api.PyObject_IsTrue(result);
    gf_python.api.Py_DecRef(result);
    return truth < 0 ? failed() : truth;
}

int gf_call_value(gf_object *function, long *ret) {
    return take_long(gf_python.api.PyObject_CallObject(function, NULL), ret);
}

int gf_call_item(gf_object *function, long index, long *ret) {
    gf_object *sequence = gf_python.api.PyObject_CallObject(function, NULL);
    if (!sequence)
        return failed();
    gf_object *item = gf_python.api.PySequence_GetItem(sequence, index);
    gf_python.api.Py_DecRef(sequence);
    return take_long(item, ret);
}

int gf_call_long(gf_object *function, long value) {
    gf_object *arguments = gf_python.api.Py_BuildValue("(l)", value);
    if (!arguments)
        return failed();
    gf_object *result = gf_python.api.PyObject_CallObject(function, arguments);
    gf_python.api.Py_DecRef(arguments);
    if (!result)
        return failed();
    gf_python.api.Py_DecRef(result);
    return 0;
}

int gf_dict_long(gf_object *dict, const char *key, long *ret) {
    gf_object *value = gf_python.api.PyDict_GetItemString(dict, key);
    if (!value)
        return failed();
    gf_python.api.Py_IncRef(value);
    return take_long(value, ret);
}

/* The interpreter's cache of attributes keeps a new string for each call with the same name, up to
 * 4,096 of them, if it gets no interned one (measured, 3.10 and 3.11; Objects/typeobject.c,
 * _PyType_Lookup). */
gf_object *gf_attribute(gf_object *object, const char *name) {
    gf_object *interned = gf_python.api.PyUnicode_InternFromString(name);
    gf_object *value = interned ? gf_python.api.PyObject_GetAttr(object, interned) : NULL;
    gf_release(&interned, 1);
    if (!value)
        gf_python.api.PyErr_Clear();
    return value;
}

int gf_attribute_long(gf_object *object, const char *name, long *ret) {
    return take_long(gf_attribute(object, name), ret);
}

int gf_attribute_truth(gf_object *object, const char *name) {
    gf_object *value = gf_attribute(object, name);
    int truth = value ? gf_python.api.PyObject_IsTrue(value) : -1;
    gf_release(&value, 1);
    return truth < 0 ? failed() : truth;
}

gf_object *gf_loaded_module(const char *name) {
    gf_object *modules = gf_python.api.PyImport_GetModuleDict();
    gf_object *module = modules ? gf_python.api.PyDict_GetItemString(modules, name) : NULL;
    if (module)
        gf_python.api.Py_IncRef(module);
    return module;
}

void gf_release(gf_object *const *references, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (references[i])
            gf_python.api.Py_DecRef(references[i]);
    }
}
