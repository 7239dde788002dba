"""The kernel's samepage merging, which is off on most machines and which everybody on it shares."""

import contextlib
import os
import time
from pathlib import Path

FOLDER = Path("/sys/kernel/mm/ksm")
EAGER = {"pages_to_scan": "20000", "sleep_millisecs": "20", "run": "1"}
SCANS = 3  # a page is merged when it was the same in two scans after each other
SECONDS = 300


def reason_against(may_switch):
    """Why nothing would be merged; None if it would."""
    if not FOLDER.exists():
        return "this kernel has no samepage merging"
    if not may_switch:
        return "ksmd works for the whole machine, so it is only started with --merging"
    if not os.access(FOLDER / "run", os.W_OK):
        return "only root may start ksmd"
    return None


@contextlib.contextmanager
def switched_on():
    """Eagerly, and as it was before afterwards. Pages that were merged are taken apart again."""
    before = {name: (FOLDER / name).read_text() for name in EAGER}
    try:
        for name, value in EAGER.items():
            (FOLDER / name).write_text(value)
        yield
    finally:
        if before["run"].strip() == "0":
            (FOLDER / "run").write_text("2")
        for name, value in before.items():
            (FOLDER / name).write_text(value)


def settle():
    """Until everything was looked at often enough."""
    scans = FOLDER / "full_scans"
    wanted = int(scans.read_text()) + SCANS
    end = time.monotonic() + SECONDS
    while int(scans.read_text()) < wanted:
        if time.monotonic() > end:
            raise RuntimeError("ksmd made no %d scans in %d s" % (SCANS, SECONDS))
        time.sleep(0.1)
