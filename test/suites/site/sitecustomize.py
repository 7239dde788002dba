"""Every process of an interpreter forks once when it starts, or freezes before its forks as the
documentation of gc.freeze has it, if it is told to."""

import os


def is_main_interpreter():
    """A fork in another one is a fatal error of CPython's own."""
    import _signal  # is there in any case, unlike signal

    try:
        _signal.set_wakeup_fd(-1)
    except ValueError:
        return False
    return True


if os.environ.get("FREEZE_BY_HAND"):
    import gc

    os.register_at_fork(before=gc.freeze)
    del gc

if os.environ.get("GCFREEZE_TEST_FORK_AT_START") and is_main_interpreter():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    del child
