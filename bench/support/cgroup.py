"""A memory control group of a server's own: what the kernel counts of it, beside what we count.

Cgroup v1 counts in a hierarchy of its own; in v2 the memory controller must have been given to our
group's children, which takes a group without processes. Where neither works, the reason is told.
"""

import contextlib
import os
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


class Unavailable(Exception):
    """Says why."""


def own_groups():
    """(the memory controller's folder of our group, the file with its usage) for v1 and v2."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            yield ROOT / "memory" / path.lstrip("/"), "memory.usage_in_bytes"
        elif not controllers:
            yield ROOT / path.lstrip("/"), "memory.current"


class Group:
    def __init__(self, folder, usage):
        self.folder, self.usage = folder, usage

    @property
    def prefix(self):
        """Of a command: it starts in the group, so that all of its memory is counted there."""
        return "sh", "-c", 'echo $$ >"$0" && exec "$@"', str(self.folder / "cgroup.procs")

    def bytes(self):
        return int((self.folder / self.usage).read_text())

    def working(self):
        """Without files' pages, which belong to whoever read them first."""
        rows = dict(line.split() for line in (self.folder / "memory.stat").read_text().splitlines())
        return sum(int(rows.get(name, 0)) for name in ("anon", "rss", "shmem"))  # v2, v1, both


def remove(folder, seconds=30):
    """Once the last process in it has ended."""
    end = time.monotonic() + seconds
    while (folder / "cgroup.procs").read_text():
        if time.monotonic() > end:
            raise RuntimeError("processes of a benchmark are left in %s" % folder)
        time.sleep(0.01)
    folder.rmdir()


@contextlib.contextmanager
def group():
    """Its processes must have been told to end when this is left."""
    reason = "there is no memory control group that can be seen from here"
    for parent, usage in own_groups():
        folder = parent / ("gcfreeze-bench-%d" % os.getpid())
        try:
            folder.mkdir()
        except OSError as error:
            reason = "no control group can be made: %s" % error.strerror
            continue
        try:
            if (folder / usage).exists():
                yield Group(folder, usage)
                return
            reason = "the memory controller is not given to groups below ours"
        finally:
            remove(folder)
    raise Unavailable(reason)


def reason_against():
    """Why there are no control groups for us here; None if there are."""
    try:
        with group():
            return None
    except Unavailable as unavailable:
        return str(unavailable)
