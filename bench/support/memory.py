"""Memory of processes, as the kernel counts it (/proc/PID/smaps, smaps_rollup and maps)."""

import contextlib
from pathlib import Path

MB = 1024 * 1024
COPY = "/memfd:gcfreeze"  # one of GCFREEZE_RESHARE's sealed copies, as the kernel names it


def rollup(pid):
    """{row: bytes}: Pss, Private_Dirty, Private_Clean, ..."""
    rows = {}
    for line in Path("/proc/%d/smaps_rollup" % pid).read_text().splitlines()[1:]:
        name, value = line.split(":")
        rows[name] = int(value.split()[0]) * 1024
    return rows


def mappings(pid):
    """[(name, {row: bytes})] of every mapping."""
    found = []
    for line in Path("/proc/%d/smaps" % pid).read_text().splitlines():
        first, *rest = line.split(None, 5)
        if not first.endswith(":"):
            found.append((rest[4] if len(rest) > 4 else "", {}))
        elif rest[-1] == "kB":
            found[-1][1][first[:-1]] = int(rest[0]) * 1024
    return found


def private(pid):
    """Bytes that would be free without this process.

    The kernel's rows also count pages of sealed copies that only this process maps at the moment:
    these stay when it goes.
    """
    total = 0
    for name, rows in mappings(pid):
        own = rows["Private_Clean"] + rows["Private_Dirty"]
        total += min(own, rows["Anonymous"]) if name.startswith(COPY) else own
    return total


def maps(pid, name):
    """Whether a process has a file whose path holds this name."""
    return any(name in path for path, _ in mappings(pid))


def copies(pid):
    """{(device, inode): bytes} of the sealed copies that a process has: each of them is mapped as
    a whole, for reading, in every process that has the arena."""
    found = {}
    for line in Path("/proc/%d/maps" % pid).read_text().splitlines():
        span, access, _, device, inode, *name = line.split(None, 5)
        if access == "r--p" and name and name[0].startswith(COPY):
            start, end = (int(address, 16) for address in span.split("-"))
            found[device, inode] = end - start
    return found


def parts(pids):
    """Bytes of a whole server, given all of its processes: {"anonymous", "files", "copies"}.

    A page that n processes map counts as 1/n in each (PSS), so what a file's page counts depends on
    processes that are none of these. Sealed copies are memory whether somebody maps their pages or
    not, so they are counted whole and once. Other memory that is shared on purpose
    (multiprocessing's, tmpfs) is left out.
    """
    rows = [rollup(pid) for pid in pids]
    shared = {}
    for pid in pids:
        shared.update(copies(pid))
    return {
        "anonymous": sum(row["Pss_Anon"] for row in rows),
        "files": sum(row["Pss_File"] for row in rows),
        "copies": sum(shared.values()),
    }


def tree(pids):
    """The same as one number."""
    return sum(parts(pids).values())


def children(pid):
    """All of them, whichever thread forked them.

    A thread may end while we look (numpy's do so right before a fork); its children then are
    another thread's, whom we may have asked before: all are asked again. That the process itself
    is gone is an error.
    """
    while True:
        threads = list(Path("/proc/%d/task" % pid).iterdir())
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found = [(thread / "children").read_text().split() for thread in threads]
            return sorted(int(child) for some in found for child in some)
