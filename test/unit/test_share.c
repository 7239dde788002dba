/* gcfreeze_immortalize: when it may, and what it answers. */
#include "support/child.h"

#include <errno.h>
#include <string.h>

#include "core/session.h"
#include "support/fake.h"

static struct _object *thing(void) {
    static int64_t object;
    return (struct _object *)&object;
}

static int64_t share(const char *failing, struct _object *object) {
    gf_fake.calls[0] = '\0';
    gf_fake.failing = failing;
    errno = 77;
    return gcfreeze_immortalize(object);
}

static void start(const char *setting) {
    char *environment[] = {(char *)(uintptr_t)setting, NULL};
    gf_fake_start(environment);
    gf_fake.immortal = true;
    gf_engine_startup();
}

static void objects_become_immortal_in_any_mode(void **state) {
    (void)state;
    start("GCFREEZE_MODE=freeze");
    assert_int_equal(share(NULL, thing()), 7);
    assert_int_equal(errno, 77);
    assert_string_equal(gf_fake_calls(), "take share leave");
    gf_fake.too_large = thing();
    assert_int_equal(share(NULL, thing()), 7);
    assert_int_equal(errno, ENOMEM);
}

static void what_cannot_be_done_is_refused(void **state) {
    (void)state;
    start(NULL);
    assert_int_equal(share(NULL, NULL), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(share("take", thing()), -1);
    assert_int_equal(errno, ENOTSUP);
    assert_string_equal(gf_fake_calls(), "take");
    gf_fake.immortal = false;
    assert_int_equal(share(NULL, thing()), -1);
    assert_int_equal(errno, ENOTSUP);
    assert_string_equal(gf_fake_calls(), "take leave");
}

static void without_an_interpreter_and_switched_off_nothing_is_called(void **state) {
    (void)state;
    start("GCFREEZE=0");
    assert_int_equal(share(NULL, thing()), -1);
    assert_int_equal(errno, ENOTSUP);
    assert_string_equal(gf_fake_calls(), "");
    gf_fake_start(NULL);
    assert_int_equal(share(NULL, thing()), -1);
    assert_int_equal(errno, ENOTSUP);
    assert_string_equal(gf_fake_calls(), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_interpreter_and_switched_off_nothing_is_called),
        cmocka_unit_test(objects_become_immortal_in_any_mode),
        cmocka_unit_test(what_cannot_be_done_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
