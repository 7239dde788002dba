"""Includes point down: hook -> core -> (runtime.h) <- cpython -> pages -> process -> base.

Also holds headers to their include guards, files to their size, and calls of the dynamic linker to the
one file that knows when it may be asked.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIM = ROOT / "shim"

# What a folder's files may include beside their own folder: folders, or single headers.
ALLOWED = {
    "base": [],
    "process": ["base"],
    "pages": ["base", "process"],
    # the interface that core asks for, and nothing else of core
    "cpython": ["base", "process", "pages", "core/runtime.h"],
    "core": ["base", "process", "pages"],
    # the one place where an interpreter is plugged into the engine
    "hook": ["base", "process", "core", "cpython/runtime.h"],
}
PUBLIC = "gcfreeze.h"
LONGEST = 500  # lines; a longer file is split

LINKER = re.compile(r"\b(dl_iterate_phdr|dlopen|dlsym|dlvsym|dladdr1?|dlinfo|dlclose)\s*\(")
LINKER_FILE = "process/loader.c"
COMMENT = re.compile(r"/\*.*?\*/", re.S)

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def faults_of(path, text):
    name = path.relative_to(SHIM).as_posix()
    folder = path.parent.name
    if folder not in ALLOWED:
        yield "%s: the folder %s has no row in ALLOWED" % (name, folder)
        return
    for quote, included in INCLUDE.findall(text):
        if quote == "<":
            if (SHIM / included).exists() or included == PUBLIC:
                yield "%s: our own header <%s> belongs in quotes" % (name, included)
            continue
        if included == PUBLIC or included.split("/")[0] == folder:
            continue
        if not any(included == a or included.startswith(a + "/") for a in ALLOWED[folder]):
            yield "%s: %s may not include %s" % (name, folder, included)
    if path.suffix == ".h":
        guard = "GF_%s_%s_H" % (folder.upper(), path.stem.upper())
        if "#ifndef %s\n#define %s\n" % (guard, guard) not in text:
            yield "%s: the include guard is not %s" % (name, guard)
    for called in LINKER.findall(COMMENT.sub("", text)):
        if name != LINKER_FILE:
            yield "%s: %s is for %s alone" % (name, called, LINKER_FILE)
    lines = text.count("\n")
    if lines > LONGEST:
        yield "%s: %d lines, %d are allowed" % (name, lines, LONGEST)


def self_check():
    """A check that cannot fail is none."""
    wrong = list(faults_of(SHIM / "base" / "x.c", '#include "core/engine.h"\n'))
    right = list(faults_of(SHIM / "cpython" / "x.c", '#include "core/runtime.h"\n'))
    assert wrong and not right, (wrong, right)
    asks = "void *f = dlsym(RTLD_NEXT, name);\n"
    assert list(faults_of(SHIM / "hook" / "x.c", asks)), "dlsym is not noticed"
    assert not list(faults_of(SHIM / LINKER_FILE, asks))


def main():
    self_check()
    files = sorted(p for p in SHIM.rglob("*") if p.suffix in (".c", ".h"))
    faults = [fault for path in files for fault in faults_of(path, path.read_text())]
    print("\n".join(faults) or "%d files: includes point down" % len(files))
    sys.exit(bool(faults))


main()
