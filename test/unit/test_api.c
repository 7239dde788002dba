/* Finding the interpreter's symbols. UNIT_MODULES is the folder of the objects made for this test.
 */
#include "support/child.h"

#include <dlfcn.h>
#include <string.h>

#include "cpython/api.h"

static void *open_module(const char *file) {
    char path[4096] = UNIT_MODULES "/";
    strcat(path, file);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module)
        fail_msg("%s", dlerror());
    return module;
}

static void a_process_without_an_interpreter_has_none(void **state) {
    struct gf_api api;
    const char *missing = "untouched";
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_false(gf_api_find(&api, &missing));
    assert_string_equal(missing, "untouched");
}

static void an_interpreter_opened_late_and_locally_is_found(void **state) {
    struct gf_api api;
    const char *missing = "untouched";
    (void)state;
    assert_false(gf_api_find(&api, &missing)); /* and that is not for good */
    void *module = open_module("unit_exports_all.so");
    assert_true(gf_api_find(&api, &missing));
    assert_null(missing);
#define API(need, returns, name, arguments)                                                        \
    assert_ptr_equal(*(void **)&api.name, dlsym(module, #name));                                   \
    assert_non_null(dlsym(module, #name));
#include "cpython/api.def"
#undef API
    assert_true(gf_api_find(&api, &missing)); /* again */
}

/* The last one that is missing is named; which one does not matter. */
static void assert_incomplete(void *module) {
    struct gf_api api;
    const char *missing = NULL;
    assert_true(gf_api_find(&api, &missing));
    assert_non_null(missing);
    assert_null(dlsym(module, missing));
    assert_ptr_equal(*(void **)&api.Py_GetVersion, dlsym(module, "Py_GetVersion"));
    assert_null(*(void **)&api.Py_AtExit);
}

static void a_missing_symbol_is_named(void **state) {
    (void)state;
    assert_incomplete(open_module("unit_exports_landmarks.so"));
}

static void symbols_of_two_objects_are_not_mixed(void **state) {
    (void)state;
    void *first = open_module("unit_exports_landmarks.so");
    open_module("unit_exports_all.so");
    assert_incomplete(first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_without_an_interpreter_has_none),
        cmocka_unit_test(an_interpreter_opened_late_and_locally_is_found),
        cmocka_unit_test(a_missing_symbol_is_named),
        cmocka_unit_test(symbols_of_two_objects_are_not_mixed),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
