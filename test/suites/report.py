"""The results as tables, and what differs."""

import collections
import re

import outcomes
import places
import reasons
import runs

PAGE = places.ROOT / "docs" / "reliability.md"


def differences(results):
    """[(suite, mode, test, without, with, reason or None)]"""
    return [
        (suite, mode, test, *pair, reasons.reason(suite, mode, test, pair[1]))
        for suite, cell in results.items()
        for mode, comparison in runs.compared(cell).items()
        for test, pair in comparison.different.items()
    ]


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


def row(first, mode, cells):
    """Of a table: what some cells came to in one mode."""
    count = collections.Counter(suites=len(cells))
    for suite, cell in cells:
        comparison = runs.compared(cell)[mode]
        first_run = cell[runs.WITHOUT][0]["outcomes"]
        count["tests"] += len(first_run) - 1
        count["skipped"] += sum(outcome == "skipped" for outcome in first_run.values())
        count["same"] += sum(test != outcomes.AS_A_WHOLE for test in comparison.same)
        count["unstable"] += sum(test != outcomes.AS_A_WHOLE for test in comparison.unstable)
        for test, (_, after) in comparison.different.items():
            why = reasons.reason(suite, mode, test, after)
            count["explained" if why else "different"] += 1
        count.update(cell["with"][mode]["acted"])
    fields = ["suites", "tests", "skipped", "same", "unstable", "explained", "different"]
    fields += ["freeze", "immortal", "reshare", "pages_given_back"]
    return "| %s | %s | %s |" % (first, mode, " | ".join("{:,}".format(count[name]) for name in fields))


COLUMNS = [
    "tests", "of these skipped", "same", "unstable", "explained", "different",
    "freezes", "objects made immortal", "passes", "pages given back",
]  # fmt: skip


def table(results, first, second, group):
    """One row for each group of suites and mode."""
    groups = collections.defaultdict(list)
    for suite, cell in results.items():
        for mode in cell["with"]:
            groups[group(suite), mode].append((suite, cell))
    order = sorted(groups, key=lambda key: (by_number(key[0]), key[1]))
    rows = [row(name, mode, groups[name, mode]) for name, mode in order]
    columns = [first, "mode", second, *COLUMNS]
    return "\n".join(["| %s |" % " | ".join(columns), "|---" * len(columns) + "|", *rows])


def lists(results):
    """What did not simply come out the same, by name."""
    different, explained = [], collections.defaultdict(set)
    for suite, mode, test, before, after, why in differences(results):
        if why:
            explained[why].add("`%s`" % test)
        else:
            where = "%s, %s: `%s`" % (suite, mode, test)
            different.append("%s: %s, with the library %s" % (where, before, after))
    sections = {
        "Different:": different,
        "Different, for a reason that is known:": [
            "%s: %s" % (", ".join(sorted(tests)), why) for why, tests in explained.items()
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


def write(results):
    """Each section, if there is anything to say in it."""
    hosts = {suite: cell for suite, cell in results.items() if suite.startswith("hosts/")}
    cpython = {suite: cell for suite, cell in results.items() if suite not in hosts}
    page = PAGE.read_text()
    if cpython:
        head = table(cpython, "CPython", "modules", lambda suite: suite.split("/")[0])
        page = put(page, "cpython", head + "\n" + lists(cpython))
    if hosts:
        head = table(hosts, "suite", "suites", lambda suite: suite.split("/")[1])
        page = put(page, "hosts", head + "\n" + lists(hosts))
    PAGE.write_text(page)
