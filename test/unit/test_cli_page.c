/* The status page of a process that lies: this one. */
#include "support/child.h"

#include <string.h>
#include <unistd.h>

#include "page.h"

static struct gcfreeze_page lie, found;

static enum gf_page_answer fetch(void) {
    memset(&found, 0xaa, sizeof found);
    return gf_page_fetch(getpid(), (uintptr_t)&lie, &found);
}

static int make_page(void **state) {
    (void)state;
    lie = (struct gcfreeze_page){.version = GCFREEZE_PAGE_VERSION, .pid = getpid()};
    memcpy(lie.magic, GCFREEZE_PAGE_MAGIC, sizeof lie.magic);
    lie.status.size = sizeof lie.status;
    strcpy(lie.status.python, "3.14.0a1+");
    return 0;
}

static void a_page_is_read_as_it_is(void **state) {
    (void)state;
    assert_int_equal(fetch(), GF_PAGE_READ);
    assert_memory_equal(&found, &lie, sizeof lie);
    lie.pid++;
    assert_int_equal(fetch(), GF_PAGE_PARENTS);
}

static void a_version_cannot_write_to_terminals_or_metrics(void **state) {
    (void)state;
    strcpy(lie.status.python, "3\"} 1\nx{y=\"\\\033[2J\xff");
    assert_int_equal(fetch(), GF_PAGE_READ);
    assert_string_equal(found.status.python, "3???1?x?y?????2J?");
}

static void a_version_without_an_end_gets_one(void **state) {
    (void)state;
    memset(lie.status.python, 'x', sizeof lie.status.python);
    assert_int_equal(fetch(), GF_PAGE_READ);
    assert_int_equal(strlen(found.status.python), sizeof found.status.python - 1);
}

static void what_an_older_page_does_not_have_is_zero(void **state) {
    (void)state;
    lie.status.size = offsetof(struct gcfreeze_status, forks_frozen);
    lie.status.forks_seen = 7;
    lie.status.passes = 9;
    assert_int_equal(fetch(), GF_PAGE_READ);
    assert_int_equal(found.status.forks_seen, 7);
    assert_int_equal(found.status.passes, 0);
}

static void what_is_no_page_is_not_known(void **state) {
    (void)state;
    lie.version++;
    assert_int_equal(fetch(), GF_PAGE_UNKNOWN);
    make_page(NULL);
    lie.magic[0] = 'G';
    assert_int_equal(fetch(), GF_PAGE_UNKNOWN);
    assert_int_equal(gf_page_fetch(getpid(), 1, &found), GF_PAGE_UNKNOWN);
}

#define WITH_PAGE(test) cmocka_unit_test_setup(test, make_page)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PAGE(a_page_is_read_as_it_is),
        WITH_PAGE(a_version_cannot_write_to_terminals_or_metrics),
        WITH_PAGE(a_version_without_an_end_gets_one),
        WITH_PAGE(what_an_older_page_does_not_have_is_zero),
        WITH_PAGE(what_is_no_page_is_not_known),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
