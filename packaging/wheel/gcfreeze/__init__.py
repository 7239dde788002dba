"""libgcfreeze.so and the program gcfreeze, as a Python package.

Nothing has to be imported for the library to work: it is preloaded.

    gcfreeze run -- gunicorn --preload app:app
    LD_PRELOAD=$(python -m gcfreeze path) gunicorn --preload app:app
"""

import os

__all__ = ["library_path", "program_path"]

_FOLDER = os.path.dirname(os.path.realpath(__file__))


def library_path():
    """The library's file, for LD_PRELOAD."""
    return os.path.join(_FOLDER, "lib", "libgcfreeze.so.0")


def program_path():
    """The program's file: what `gcfreeze` and `python -m gcfreeze` become."""
    return os.path.join(_FOLDER, "bin", "gcfreeze")
