"""Each file of tests has a row in its folder's CMakeLists.txt: one without is run by nobody, and nobody misses it."""

import re
import sys
from pathlib import Path

FOLDERS = Path(__file__).resolve().parents[1]


def without_row(files, rows):
    words = set(re.findall(r"\w+", re.sub(r"#.*", "", rows)))
    return [file for file in files if file.stem.replace("test_", "", 1) not in words]


def main():
    assert without_row([Path("test_a.py"), Path("test_b.c")], "gcfreeze_pytest(b) # a") == [Path("test_a.py")]
    count, missing = 0, []
    for rows in FOLDERS.glob("*/CMakeLists.txt"):
        files = [file for file in rows.parent.glob("test_*") if file.suffix in (".py", ".c")]
        count += len(files)
        missing += without_row(files, rows.read_text())
    assert count > 100, "the tests cannot be found"
    print("\n".join("%s: has no row" % file for file in missing) or "%d files of tests: each has a row" % count)
    sys.exit(bool(missing))


main()
