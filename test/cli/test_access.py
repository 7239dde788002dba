"""Who may read what the library says of a process: whoever may debug it, and nobody else."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from conftest import LIBRARY
from prefork import NOBODY, folder, prefork  # noqa: F401

# argv: a pid and an address; prints what is there, or the errors of both ways to read it
READ_THERE = """
import ctypes, os, sys
pid, address = map(int, sys.argv[1:])
class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(8)
here, there = Piece(ctypes.addressof(buffer), 8), Piece(address, 8)
libc = ctypes.CDLL(None, use_errno=True)
got = libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
print(buffer.value.decode() if got == 8 else os.strerror(ctypes.get_errno()))
try:
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        memory.seek(address)
        print(memory.read(8).decode())
except OSError as error:
    print(error.strerror)
"""


def address_of_page(pid):
    symbols = subprocess.run(
        ["readelf", "-W", "--dyn-syms", LIBRARY], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    offset = re.search(r"^ *\d+: (\w+) .* gcfreeze_page$", symbols, re.M).group(1)
    maps = Path("/proc/%d/maps" % pid).read_text()
    start = re.search(r"^(\w+)-.*/libgcfreeze\.so", maps, re.M).group(1)
    return int(start, 16) + int(offset, 16)


def test_only_the_owner_reads_the_status_page(prefork):
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    server = prefork(workers=1)
    command = ["/usr/bin/python3", "-c", READ_THERE]
    command += [str(server.pid), str(address_of_page(server.pid))]

    def read(*before):
        outcome = subprocess.run([*before, *command], check=True, stdout=subprocess.PIPE, text=True)
        return outcome.stdout.splitlines()

    assert read() == ["gcfreeze"] * 2
    assert read(*NOBODY) == ["Operation not permitted", "Permission denied"]
