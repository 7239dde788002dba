/* An object that looks like an interpreter and is none: it exports the landmarks and nothing else.
 */
#define EXPORTED(name)                                                                             \
    extern const char name[];                                                                      \
    __attribute__((visibility("default"))) const char name[] = #name;

EXPORTED(Py_GetVersion)
EXPORTED(Py_IsInitialized)
EXPORTED(PyGILState_Ensure)
