"""What the built files ask of a system, what they offer, and how they are hardened.

The library is looked at as the tests use it and as a release build has it, the program as the latter.
"""

import re
import resource
import shutil
import subprocess
from collections import Counter

import pytest
from conftest import CMAKE, COMPILER, LIBRARY, ROOT, environment

OLDEST_GLIBC = (2, 28)

FORKS = {"fork", "forkpty", "posix_spawn", "posix_spawnp", "sigaction"}
WAITS = {"select", "poll", "epoll_wait", "epoll_pwait", "accept", "accept4", "read"}
WAITS |= {"sem_wait", "sem_timedwait"}


@pytest.fixture(scope="session")
def release(tmp_path_factory):
    """A build as README.md says it."""
    folder = tmp_path_factory.mktemp("release")
    for command in (
        ["-S", str(ROOT), "-B", str(folder), "-DCMAKE_C_COMPILER=" + COMPILER],
        ["--build", str(folder), "-j", "2", "--target", "gcfreeze", "gcfreeze_cli"],
    ):
        subprocess.run([CMAKE, *command], check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture
def path(request):
    """Of the file that a test is about."""
    if request.param == "library":
        return LIBRARY
    name = {"release-library": "libgcfreeze.so", "program": "gcfreeze"}[request.param]
    return request.getfixturevalue("release") / name


def of(*names):
    return pytest.mark.parametrize("path", names, indirect=True)


of_libraries = of("library", "release-library")
of_all = of("library", "release-library", "program")


def readelf(path, *options):
    return subprocess.run(
        ["readelf", "-W", *options, str(path)], check=True, stdout=subprocess.PIPE, text=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    ).stdout


def dynamic(path, tag):
    """The values of one tag in the dynamic section."""
    return re.findall(r"\(%s\)\s+(.*)" % tag, readelf(path, "--dynamic"))


def needed(path):
    return set(re.findall(r"\[(.*)\]", "\n".join(dynamic(path, "NEEDED"))))


def symbols(path):
    """Names of functions and variables: what it exports, and what it wants from others."""
    # Num: Value Size Type Bind Vis Ndx Name@Version
    pattern = r"^ *\d+: \w+ +\d+ \w+ +\w+ +\w+ +(\w+) (\w+)"
    rows = re.findall(pattern, readelf(path, "--dyn-syms"), re.M)
    exported = {name for section, name in rows if section not in ("UND", "ABS")}  # ABS: versions
    imported = {name for section, name in rows if section == "UND"}
    assert exported and imported
    return exported, imported


def libc():
    """What the linker takes for it."""
    command = [COMPILER, "-print-file-name=libc.so.6"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


# ---- what they ask for and offer


@of_libraries
def test_the_library_needs_libc_and_nothing_else(path):
    """Each library more is one that every program loads. dlsym moved into libc with glibc 2.34."""
    libdl = set() if "dlsym" in symbols(libc())[0] else {"libdl.so.2"}
    assert needed(path) == {"libc.so.6"} | libdl


@of("program")
def test_the_program_needs_libc_and_a_json_parser(path):
    libc = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0"}
    assert needed(path) - libc == {"libcjson.so.1"}


@of_libraries
def test_soname_carries_the_abi_version(path):
    assert re.findall(r"\[(.*)\]", dynamic(path, "SONAME")[0]) == ["libgcfreeze.so.0"]


@of_all
def test_libraries_are_looked_for_in_the_systems_places(path):
    assert dynamic(path, "RPATH") == []
    assert dynamic(path, "RUNPATH") == []


@of_libraries
def test_exports_the_interposed_functions_and_its_own(path):
    header = (ROOT / "include" / "gcfreeze.h").read_text()
    public = set(re.findall(r"^GCFREEZE_API .*?(gcfreeze_\w+)[;(]", header, re.M))
    assert public
    assert symbols(path)[0] == FORKS | WAITS | public


@of_libraries
def test_programs_of_every_age_find_their_posix_spawn(path):
    pattern = r"(posix_spawnp?@@?GLIBC_[\d.]+)"
    versions = re.findall(pattern, readelf(libc(), "--dyn-syms"))
    assert versions
    if len(versions) > 2:
        assert set(re.findall(pattern, readelf(path, "--dyn-syms"))) == set(versions)
    else:  # one of each, which serves who asks for any
        assert not re.findall(pattern, readelf(path, "--dyn-syms"))


# The functions that moved into libc with 2.34, and got a new version by that: where a system has them there,
# a build is for it and later ones.
MOVED = {"dlopen", "dlsym", "dlvsym", "dladdr"}


@of_libraries
def test_needs_no_newer_glibc(path):
    versions = re.findall(r"(\w+)@GLIBC_(\d+)\.(\d+)", readelf(path, "--dyn-syms"))
    others = [(int(major), int(minor)) for name, major, minor in versions if name not in MOVED]
    assert others
    assert max(others) <= OLDEST_GLIBC


# ---- what it costs programs that have no use for it

of_releases = of("release-library")


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """What preloading anything costs."""
    path = tmp_path_factory.mktemp("empty") / "empty.so"
    subprocess.run([COMPILER, "-shared", "-o", str(path), "-x", "c", "/dev/null"], check=True)
    return path


def system_calls(preload, trace):
    env = ["%s=%s" % pair for pair in environment(preload).items()]
    done = subprocess.run(
        ["strace", "-o", str(trace), "env", "-i", *env, shutil.which("true")], stderr=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        pytest.skip("strace may not trace here: " + done.stderr.strip())
    calls = re.findall(r"^(\w+)\(", trace.read_text(), re.M)
    return Counter(calls[len(calls) - calls[::-1].index("execve") :])


@of_releases
def test_loading_takes_two_system_calls_more_than_that_of_an_empty_library(path, empty, tmp_path):
    if not shutil.which("strace"):
        pytest.skip("no strace here")
    mapped = "mmap"  # one for each segment, and one for variables that are zero
    ours, others = system_calls(path, tmp_path / "ours"), system_calls(empty, tmp_path / "empty")
    assert ours[mapped] <= others[mapped]
    assert set(ours - others) <= {"getpid", "fstat"}
    assert sum((ours - others).values()) <= 2


@of_releases
def test_relocations_write_to_one_page(path):
    """What the dynamic linker writes to is read-only after that, and as many pages are copied."""
    start, size = re.search(r"GNU_RELRO +\w+ +(\w+) +\w+ +\w+ +(\w+)", readelf(path, "--program-headers")).groups()
    page = resource.getpagesize()
    assert int(start, 16) // page == (int(start, 16) + int(size, 16) - 1) // page


@of_releases
def test_what_is_written_at_load_is_on_the_page_of_the_other_variables(path):
    page = resource.getpagesize()
    variables = readelf(path, "--symbols")
    written = ["gf_session", "gf_real", "names", "known_pid", "problem_count", "target", "gcfreeze_page"]
    written += ["asker", "started", "inside", "forking"]
    pages = set()
    for name in written:
        start, size = re.search(r"(\w+) +(\w+) OBJECT +\w+ +\w+ +\d+ %s$" % name, variables, re.M).groups()
        pages |= {int(start, 16) // page, (int(start, 16) + int(size, 0) - 1) // page}
    assert len(pages) == 1


# ---- what an attacker would like to find


@of_all
def test_is_bound_at_load_and_read_only_from_then_on(path):
    flags = " ".join(dynamic(path, "FLAGS") + dynamic(path, "FLAGS_1"))
    assert "NOW" in flags
    assert "GNU_RELRO" in readelf(path, "--program-headers")


@of_all
def test_has_neither_executable_stack_nor_text_relocations(path):
    headers = readelf(path, "--program-headers").splitlines()
    stack = next(line for line in headers if "GNU_STACK" in line)
    assert stack.split()[6] == "RW"
    assert "TEXTREL" not in readelf(path, "--dynamic")


@of_all
def test_has_no_writable_and_executable_segment(path):
    headers = readelf(path, "--program-headers").splitlines()
    segments = [line for line in headers if " LOAD " in line]
    assert segments
    assert not any("RWE" in line for line in segments)


@of_all
def test_is_loaded_anywhere(path):
    assert re.search(r"Type: +DYN ", readelf(path, "--file-header"))


@of_all
def test_overwritten_stacks_are_noticed(path):
    assert "__stack_chk_fail" in symbols(path)[1]


@of("program")
def test_copies_into_buffers_of_a_known_size_are_checked(path):
    """-D_FORTIFY_SOURCE. The library has no such call of libc that the compiler cannot judge."""
    assert any(name.endswith("_chk") for name in symbols(path)[1])


@of_libraries
def test_the_library_has_no_use_for_formats_programs_or_networks(path):
    """What it cannot call, nothing from the environment can reach."""
    imported = symbols(path)[1]
    wrong = re.compile(
        r".*printf|.*scanf|v?syslog|strftime|v?(err|warn)x?|.*exec[vl].*|system|popen|dlmopen"
        r"|socket|connect|bind|listen|send.*|recv.*|getaddrinfo|unlink.*|rename.*|symlink.*|link"
        r"|ch(mod|own)|fch(mod|own).*|mkdir.*|mknod.*|truncate|fopen|creat"
    )
    assert not [name for name in imported if re.fullmatch(r"_*(%s)(_chk|64)?" % wrong.pattern, name)]
