"""libgcfreeze.so and the program gcfreeze, as a Python package.

Nothing has to be imported for the library to work: it is preloaded.

    gcfreeze run -- gunicorn --preload app:app
    LD_PRELOAD=$(python -m gcfreeze path) gunicorn --preload app:app

A program that forks by itself may say what its children are to share:

    gcfreeze.share(records)
"""

import ctypes
import os
import warnings

__all__ = ["library_path", "program_path", "share"]

_FOLDER = os.path.dirname(os.path.realpath(__file__))


def library_path():
    """The library's file, for LD_PRELOAD."""
    return os.path.join(_FOLDER, "lib", "libgcfreeze.so.0")


def program_path():
    """The program's file: what `gcfreeze` and `python -m gcfreeze` become."""
    return os.path.join(_FOLDER, "bin", "gcfreeze")


def share(thing):
    """Makes a thing immortal, and what hangs from it, so that children which are forked from now on share
    its memory as long as nobody changes it. It is never freed. Returns how many objects became immortal:
    0, and a RuntimeWarning, where that cannot be done."""
    try:
        immortalize = ctypes.pythonapi.gcfreeze_immortalize
    except AttributeError:
        warnings.warn("nothing is shared: libgcfreeze is not preloaded (gcfreeze run -- COMMAND)", RuntimeWarning, 2)
        return 0
    immortalize.restype = ctypes.c_int64
    immortalize.argtypes = [ctypes.py_object]
    objects = immortalize(thing)
    if objects < 0:
        warnings.warn(
            "nothing is shared: that needs CPython 3.12 or later with a GIL, and GCFREEZE must not be 0",
            RuntimeWarning,
            2,
        )
    return max(objects, 0)
