"""Memory of processes, as the kernel counts it (/proc/PID/smaps_rollup)."""

from pathlib import Path

MB = 1024 * 1024


def rollup(pid):
    """{row: bytes}: Pss, Private_Dirty, Private_Clean, ..."""
    rows = {}
    for line in Path("/proc/%d/smaps_rollup" % pid).read_text().splitlines()[1:]:
        name, value = line.split(":")
        rows[name] = int(value.split()[0]) * 1024
    return rows


def private(pid):
    """Bytes that no other process shares."""
    rows = rollup(pid)
    return rows["Private_Clean"] + rows["Private_Dirty"]


def pss(pids):
    """Bytes of a family of processes: a page that n processes map counts as 1/n in each."""
    return sum(rollup(pid)["Pss"] for pid in pids)


def children(pid):
    return sorted(
        int(child)
        for task in Path("/proc/%d/task" % pid).iterdir()
        for child in (task / "children").read_text().split()
    )
