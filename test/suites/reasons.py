"""Differences whose cause is known and is not the library's: CPython's or a host's own oddities.

(suite, modes, test, outcome with the library, reason): all but the last are patterns of the shell, and
a | stands between several. A suite is 3.13.0-own/test_os, or hosts/gunicorn.
"""

from fnmatch import fnmatchcase

# How regrtest ends if a module leaves something behind while all its tests pass, and if a test fails.
ENVIRONMENT_CHANGED = "exit status 3"
TEST_FAILED = "exit status 2"

REASONS = [
    # The test forks inside of a running event loop. What a module holds is immortal from then on: here
    # asyncio's policy, its loop, the loop's signal handler, that function's variables. The loop is
    # dropped later, its handler is not, and so the manager in its variables does not end.
    (
        "3.*/test_asyncio",
        "immortal*|chance",
        "(as a whole)",
        ENVIRONMENT_CHANGED,
        "a fork inside of an event loop: what its signal handlers refer to is kept from then on",
    ),
    # A pool of processes is a cycle. One that exists while another one forks is frozen, and nobody
    # collects it when it is done. os.register_at_fork(before=gc.freeze) without the library does the same.
    (
        "3.*/test_multiprocessing_fork",
        "*often|chance",
        "(as a whole)",
        ENVIRONMENT_CHANGED,
        "frozen at every fork: a pool that is done is a cycle, which is not collected",
    ),
    # A fork makes the handlers of logging immortal that a module holds then.
    (
        "3.*/test_multiprocessing_forkserver|3.*/test_multiprocessing_spawn|3.14*/test_multiprocessing_fork",
        "immortal*|chance",
        "(as a whole)",
        ENVIRONMENT_CHANGED,
        "a handler of logging that a module holds at a fork is kept from then on",
    ),
    # The child of its fork at the start (site/) may have the tracker's pipe when a test kills the tracker,
    # which is then taken for alive. A program without the library does so too, with such a fork.
    *(
        (
            "3.*/test_multiprocessing_*",
            "*often|reshare+threads|chance",
            test,
            outcome,
            "the fork at the start has a child that holds the resource tracker's pipe for a moment",
        )
        for test, outcome in [
            ("*.TestResourceTracker.test_resource_tracker_sig*", "error"),
            ("(as a whole)", TEST_FAILED),
        ]
    ),
    # From 3.14 on; "Not supported when LD_PRELOAD is intercepting system calls."
    *(
        ("3.*", "*", test, "skipped", "tests that run strace skip themselves where LD_PRELOAD is set")
        for test in ["*.test_syscalls_*", "*.test_vfork_used_when_expected"]
    ),
]


def matches(name, patterns):
    return any(fnmatchcase(name, pattern) for pattern in patterns.split("|"))


def reason(suite, mode, test, after):
    """None if there is none: then a difference is a failure."""
    for *patterns, why in REASONS:
        if all(map(matches, (suite, mode, test, after), patterns)):
            return why
    return None
