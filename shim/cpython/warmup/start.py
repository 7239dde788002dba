"""GCFREEZE_WARMUP: what a parent runs right before it forks its first worker.

The library has the files of this folder in itself, one behind the other in the order of shim/CMakeLists.txt, and runs
them once as one module, if the variable is set. Before it does, it puts these names there:

    trial(seconds)  forks a child that the host does not notice. None in the child. In the parent, once the child has
                    ended: what it reported, its wait status, and whether the time was over; or an error's number
    report(line)    in that child: a line for the parent
    tell(line)      a line for the operator

What is run: *items*, pages and functions, in the order of the words. A child tries them until one goes wrong; the parent
then runs those that went well, and another child, forked from it as it is by then, tries those behind the bad one. So
the parent never runs anything that has not gone well in a copy of itself a moment before.

Pages run in a thread of their own: what is kept for each thread (its locals, context variables, the event loop, the
current exception) ends with it.
"""

import sys

LOADED = set(sys.modules)

import _thread
import _weakref
import gc
import io
import posix
import time

# The application finds there what it would find without us. What is new besides, its threads have imported.
for name in {"_thread", "_weakref", "gc", "io", "posix", "time"} - LOADED:
    sys.modules.pop(name, None)

BAD = 400  # from this status on, a page has not gone well
GRACE = 1  # seconds that threads which are ending get
SHOWN = 160  # characters of somebody else's text
AGENT = "gcfreeze warm-up"
ACCEPT = "text/html,application/xhtml+xml,*/*;q=0.8"
PORTS = {"http": "80", "https": "443"}


class Bad(Exception):
    """Why an item is left out, as the end of a sentence. `index`: which one, if it is not the one that was running."""

    def __init__(self, why, index=None):
        super().__init__(why)
        self.index = index


def shown(text):
    line = " ".join(str(text).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."


def raised(error):
    return ("raised %s: %s" % (type(error).__name__, shown(error))).rstrip(": ")
