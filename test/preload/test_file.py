"""What the built file asks of a system, and what it offers."""

import re
import subprocess

from conftest import LIBRARY, ROOT

OLDEST_GLIBC = (2, 28)


def readelf(*options):
    return subprocess.run(
        ["readelf", "-W", *options, str(LIBRARY)], check=True, stdout=subprocess.PIPE, text=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    ).stdout


def dynamic(tag):
    """The values of one tag in the dynamic section."""
    return re.findall(r"\(%s\)\s+(.*)" % tag, readelf("--dynamic"))


def test_needs_libc_and_nothing_else():
    needed = set(re.findall(r"\[(.*)\]", "\n".join(dynamic("NEEDED"))))
    assert "libc.so.6" in needed
    assert needed <= {"libc.so.6", "libdl.so.2"}


def test_soname_carries_the_abi_version():
    assert re.findall(r"\[(.*)\]", dynamic("SONAME")[0]) == ["libgcfreeze.so.0"]


def test_exports_the_interposed_functions_and_its_own():
    # Num: Value Size Type Bind Vis Ndx Name
    rows = re.findall(r"^ *\d+: \w+ +\d+ \w+ +\w+ +\w+ +(\w+) (\w+)", readelf("--dyn-syms"), re.M)
    exported = {name for section, name in rows if section != "UND"}
    header = (ROOT / "include" / "gcfreeze.h").read_text()
    public = set(re.findall(r"^GCFREEZE_API .*?(gcfreeze_\w+)\(", header, re.M))
    assert public
    assert exported == {"fork", "forkpty", "posix_spawn", "posix_spawnp", "sigaction"} | public


def test_needs_no_newer_glibc():
    versions = re.findall(r"Name: GLIBC_(\d+)\.(\d+)", readelf("--version-info"))
    assert versions
    assert max((int(major), int(minor)) for major, minor in versions) <= OLDEST_GLIBC


def test_is_bound_at_load_and_read_only_from_then_on():
    flags = " ".join(dynamic("FLAGS") + dynamic("FLAGS_1"))
    assert "NOW" in flags
    assert "GNU_RELRO" in readelf("--program-headers")


def test_has_neither_executable_stack_nor_text_relocations():
    stack = next(line for line in readelf("--program-headers").splitlines() if "GNU_STACK" in line)
    assert stack.split()[6] == "RW"
    assert "TEXTREL" not in readelf("--dynamic")


def test_has_no_writable_and_executable_segment():
    segments = [line for line in readelf("--program-headers").splitlines() if " LOAD " in line]
    assert segments
    assert not any("RWE" in line for line in segments)
