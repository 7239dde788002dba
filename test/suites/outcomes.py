"""What became of each test of a run, and how two runs compare.

A run is {name of a test: outcome}; the outcomes are passed, skipped, failure, error, expected
failure, unexpected success, or several of these. AS_A_WHOLE is how its process ended.
"""

import xml.etree.ElementTree
from dataclasses import dataclass, field

AS_A_WHOLE = "(as a whole)"
ABSENT = "absent"

# CPython writes a test whose subtests failed without its name.
NAMELESS = "(with failed subtests)"

SAID = {"system-out", "system-err", "properties"}
WORDS = {"output": "expected failure", "outcome": "unexpected success"}


def outcome(case):
    tags = sorted({WORDS.get(part.tag, part.tag) for part in case if part.tag not in SAID})
    return "+".join(tags) or "passed"


def name(case):
    parts = [case.get("classname"), case.get("name")]
    return ".".join(filter(None, parts)) or NAMELESS


def read(path):
    """The tests in a file of the kind that JUnit writes; none if there is no whole file."""
    try:
        tree = xml.etree.ElementTree.parse(str(path))
    except (OSError, xml.etree.ElementTree.ParseError):
        return {}
    result = {}
    for case in tree.iter("testcase"):
        first = unique = name(case)
        count = 1
        while unique in result:
            count += 1
            unique = "%s #%d" % (first, count)
        result[unique] = "failure" if first == NAMELESS else outcome(case)
    return result


@dataclass
class Comparison:
    same: list = field(default_factory=list)  # names
    different: dict = field(default_factory=dict)  # {name: (without, with)}
    unstable: dict = field(default_factory=dict)  # {name: outcomes without}


def compare(without, run):
    """`without`: runs without the library. A test that they disagree about is unstable and proves
    nothing, whatever became of it with the library."""
    result = Comparison()
    for test in sorted({name for each in [*without, run] for name in each}):
        expected = sorted({each.get(test, ABSENT) for each in without})
        seen = run.get(test, ABSENT)
        if len(expected) > 1:
            result.unstable[test] = expected
        elif seen == expected[0]:
            result.same.append(test)
        else:
            result.different[test] = (expected[0], seen)
    return result
