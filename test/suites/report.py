"""The results as tables, and what differs."""

import collections
import re

import modes
import outcomes
import places
import reasons
import runs

PAGE = places.ROOT / "docs" / "reliability.md"

# Why a difference of the hook's own run is no failure, and why the same one with the library is none.
THE_HOOK = "a gc.freeze in a hook, without the library"
LIKE_THE_HOOK = "a gc.freeze in a hook does the same"


def why(suite, mode, test, pair, by_hand):
    """None if there is no reason: then a difference is a failure."""
    if mode == modes.BY_HAND:
        return THE_HOOK
    known = reasons.reason(suite, mode, test, pair[1])
    return known or (LIKE_THE_HOOK if by_hand.different.get(test) == pair else None)


def differences(results):
    """[(suite, mode, test, without, with, reason or None)]"""
    found = []
    for suite, cell in results.items():
        compared = runs.compared(cell)
        by_hand = compared.get(modes.BY_HAND, outcomes.Comparison())
        for mode, comparison in compared.items():
            for test, pair in comparison.different.items():
                found.append((suite, mode, test, *pair, why(suite, mode, test, pair, by_hand)))
    return found


def unstable(results):
    """{(suite, test): its outcomes without the library}, the process's own end aside."""
    found = {}
    for suite, cell in results.items():
        for comparison in runs.compared(cell).values():
            for test, seen in comparison.unstable.items():
                if test != outcomes.AS_A_WHOLE:
                    found[suite, test] = seen
    return found


def by_number(text):
    """3.9 before 3.10"""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


# The columns of a table: what became of the tests, and what the library said that it did.
BECAME = {
    "tests": "tests", "skipped": "of these skipped", "same": "same", "unstable": "unstable",
    "explained": "explained", "different": "different",
}  # fmt: skip
DID = {
    "freeze": "freezes", "immortal": "objects made immortal", "reshare": "passes",
    "pages_given_back": "pages given back",
}  # fmt: skip


def counted(cells, mode):
    """What some cells came to in one mode, by column."""
    count = collections.Counter(suites=len(cells))
    for cell in cells.values():
        comparison = runs.compared(cell)[mode]
        first_run = cell[runs.WITHOUT][0]["outcomes"]
        count["tests"] += len(first_run) - 1
        count["skipped"] += sum(outcome == "skipped" for outcome in first_run.values())
        count["same"] += sum(test != outcomes.AS_A_WHOLE for test in comparison.same)
        count["unstable"] += sum(test != outcomes.AS_A_WHOLE for test in comparison.unstable)
        count.update(cell["with"][mode]["acted"])
    for _, in_mode, _, _, _, reason in differences(cells):
        if in_mode == mode:
            count["explained" if reason not in (None, THE_HOOK) else "different"] += 1
    return count


def table(results, names, first, second, columns):
    """One row for each group of suites and each of these modes. Suites are called GROUP/NAME, or hosts/GROUP."""
    groups = collections.defaultdict(dict)
    for suite, cell in results.items():
        for mode in cell["with"]:
            groups[suite.replace("hosts/", "").split("/")[0], mode][suite] = cell
    lines = ["| %s |" % " | ".join([first, "mode", second, *columns.values()])]
    lines.append("|---" * (3 + len(columns)) + "|")
    for group, mode in sorted(groups, key=lambda key: (by_number(key[0]), names.index(key[1]))):
        count = counted(groups[group, mode], mode)
        figures = ["{:,}".format(count[column]) for column in ("suites", *columns)]
        lines.append("| %s |" % " | ".join([group, mode, *figures]))
    return "\n".join(lines)


def lists(results):
    """What did not simply come out the same, by name."""
    different, explained, like_the_hook = [], collections.defaultdict(set), collections.defaultdict(list)
    for suite, mode, test, before, after, reason in differences(results):
        if reason in (THE_HOOK, LIKE_THE_HOOK):
            like_the_hook["%s: `%s`: %s without, %s with" % (suite, test, before, after)].append(mode)
        elif reason:
            explained[reason].add("`%s`" % test)
        else:
            where = "%s, %s: `%s`" % (suite, mode, test)
            different.append("%s: %s, with the library %s" % (where, before, after))
    sections = {
        "Different:": different,
        "Different, with a `gc.freeze` in a hook as well:": [
            "%s %s" % (what, ", ".join(sorted(names))) for what, names in like_the_hook.items()
        ],
        "Different, for a reason that is known:": [
            "%s: %s" % (", ".join(sorted(tests)), reason) for reason, tests in explained.items()
        ],
        "Unstable, that is different from run to run without the library:": [
            "%s: `%s` (%s)" % (*key, ", ".join(seen)) for key, seen in unstable(results).items()
        ],
    }
    lines = []
    for title, items in sections.items():
        if items:
            lines += ["", title, "", *("- " + item for item in sorted(items))]
    return "\n".join(lines)


def put(page, marker, text):
    """Replaces what is between <!-- marker --> and <!-- /marker -->."""
    start, end = "<!-- %s -->" % marker, "<!-- /%s -->" % marker
    before, rest = page.split(start)
    return before + start + "\n" + text.strip("\n") + "\n" + end + rest.split(end)[1]


def only(results, names):
    """The same without other modes, and without suites that have none of these."""
    found = {}
    for suite, cell in results.items():
        left = {mode: run for mode, run in cell["with"].items() if mode in names}
        if left:
            found[suite] = {**cell, "with": left}
    return found


# {section of the page: (host's tests?, modes, titles of the first columns, others)}
SECTIONS = {
    "promised": (False, list(modes.PROMISED), "CPython", "modules", BECAME),
    "cpython": (False, [*modes.HARDER, modes.CHANCE], "CPython", "modules", {**BECAME, **DID}),
    "hosts": (True, list(modes.HARDER), "suite", "suites", {**BECAME, **DID}),
}


def write(results):
    """Each section, if there is anything to say in it."""
    page = PAGE.read_text()
    for section, (of_hosts, names, *titles) in SECTIONS.items():
        suites = {name: cell for name, cell in results.items() if name.startswith("hosts/") == of_hosts}
        suites = only(suites, names)
        if suites:
            page = put(page, section, table(suites, names, *titles) + "\n" + lists(suites))
    PAGE.write_text(page)
