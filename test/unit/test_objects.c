#include "support/child.h"

#include <dlfcn.h>
#include <string.h>

#include "process/objects.h"

static void a_function_of_libc_is_found_where_the_linker_has_it(void **state) {
    static const char *const names[] = {"getpid", "fork", "environ"};
    struct gf_elf elf;
    uint64_t changes = 0;
    (void)state;
    assert_true(gf_objects_find(names, 3, &elf, &changes));
    assert_int_equal(changes, gf_objects_changes());
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    assert_non_null(libc);
    assert_ptr_equal(gf_elf_symbol(&elf, "getpid"), dlsym(libc, "getpid"));
    assert_ptr_equal(gf_elf_symbol(&elf, "sigaction"), dlsym(libc, "sigaction"));
    assert_null(gf_elf_symbol(&elf, "Py_GetVersion"));
    assert_null(gf_elf_symbol(&elf, "errno")); /* thread-local */
    dlclose(libc);
}

static void all_names_must_be_in_one_object(void **state) {
    static const char *const names[] = {"getpid", "_cmocka_run_group_tests"};
    static const char *const unknown[] = {"getpid", "no_such_function_anywhere"};
    struct gf_elf elf, untouched;
    uint64_t changes = 0;
    (void)state;
    memset(&elf, 0xaa, sizeof elf);
    memcpy(&untouched, &elf, sizeof elf);
    assert_false(gf_objects_find(names, 2, &elf, &changes));
    assert_int_equal(changes, gf_objects_changes());
    assert_false(gf_objects_find(unknown, 2, &elf, NULL));
    assert_memory_equal(&elf, &untouched, sizeof elf);
    assert_true(gf_objects_find(names, 1, &elf, NULL));
    assert_true(gf_objects_find(names + 1, 1, &elf, NULL));
}

static int here(void) {
    return 0;
}

static void code_is_the_programs_or_a_librarys(void **state) {
    /* not libc's, which may be executed, too */
    const uintptr_t own = (uintptr_t)here, library = (uintptr_t)dlsym(RTLD_DEFAULT, "_assert_true");
    struct gf_code code;
    (void)state;
    assert_true(gf_objects_code(own, &code));
    assert_true(code.of_program);
    assert_true(own >= code.start && own - code.start < code.size);
    assert_true(gf_objects_code(library, &code));
    assert_false(code.of_program);
    assert_non_null(strstr(code.path, "libcmocka"));
    assert_true(library >= code.start && library - code.start < code.size);
}

static void data_is_no_code(void **state) {
    struct gf_code code = {.size = 77};
    int local = 0;
    (void)state;
    assert_false(gf_objects_code((uintptr_t)&local, &code));
    assert_false(gf_objects_code((uintptr_t)&code, &code));
    assert_false(gf_objects_code(0, &code));
    assert_int_equal(code.size, 77);
}

static void loading_and_unloading_an_object_counts(void **state) {
    static const char *const names[] = {"lzma_version_number"};
    struct gf_elf elf;
    uint64_t before = gf_objects_changes();
    (void)state;
    assert_false(gf_objects_find(names, 1, &elf, NULL));
    void *library = dlopen("liblzma.so.5", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        print_message("skipped: there is no liblzma.so.5 to load here\n");
        skip();
    }
    assert_true(gf_objects_changes() > before);
    assert_true(gf_objects_find(names, 1, &elf, NULL)); /* although it is RTLD_LOCAL */
    assert_ptr_equal(gf_elf_symbol(&elf, names[0]), dlsym(library, names[0]));
    uint64_t loaded = gf_objects_changes();
    dlclose(library);
    assert_true(gf_objects_changes() > loaded);
    assert_false(gf_objects_find(names, 1, &elf, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_of_libc_is_found_where_the_linker_has_it),
        cmocka_unit_test(all_names_must_be_in_one_object),
        cmocka_unit_test(code_is_the_programs_or_a_librarys),
        cmocka_unit_test(data_is_no_code),
        cmocka_unit_test(loading_and_unloading_an_object_counts),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
