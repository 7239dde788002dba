/* What the walk may do with an object, and how it finds the object's parts. */
#ifndef GF_CPYTHON_FATES_H
#define GF_CPYTHON_FATES_H

/* See fates.def. */
enum gf_fate {
    GF_FATE_ATOM = 1,
    GF_FATE_CONTAINER,
    GF_FATE_BEHIND,
    GF_FATE_LEAVE,
    GF_FATE_WATCHED,
    GF_FATE_END,
    GF_FATE_EACH
};

/* How to find what an object refers to: all at once, or, from LIST on, one by one. */
enum gf_shape {
    GF_SHAPE_TRAVERSE,    /* tp_traverse */
    GF_SHAPE_CODE,        /* attributes: code objects have no tp_traverse */
    GF_SHAPE_CLASS,       /* tp_traverse, if the class is no static one; the dict and the names */
    GF_SHAPE_TENSOR,      /* tp_traverse, and its storage */
    GF_SHAPE_LIST,        /* by index */
    GF_SHAPE_TUPLE,       /* by index */
    GF_SHAPE_SET,         /* _PySet_NextEntry */
    GF_SHAPE_ARRAY,       /* of numpy, by position */
    GF_SHAPE_DICT,        /* PyDict_Next: tp_traverse misses the keys of all-string dicts */
    GF_SHAPE_DICT_SUBTYPE /* the same, then tp_traverse for what the subtype adds */
};

#endif
