"""docs/hosts.md shows the rows of shim/core/hosts.def, and no host is named in code elsewhere.

With --write the table is written.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "hosts.md"
BEGIN, END = "<!-- rows of shim/core/hosts.def -->\n", "<!-- end of rows -->\n"
COLUMNS = (
    "kind", "startup", "name", "programs", "when", "callers", "loads", "application", "settings", "starts", "advice", "why"
)
KINDS = {
    "PREFORK": "loads, then forks",
    "SERVES": "loads, then forks; workers get copies of their parent's data",
    "LAZY": "forks; each worker loads",
    "SPAWNS": "workers are new programs",
    "SPAWNED": "is a new program itself",
    "SUPERVISES": "starts other programs",
    "SINGLE": "forks no workers",
}
ROW = re.compile(r"^HOST\((\w+), (\w+),\s*((?:\"(?:[^\"\\]|\\.)*\"[\s,]*){10})\)", re.M)
STRING = re.compile(r"\"((?:[^\"\\]|\\.)*)\"")
# Names that are words, parts of other names or start methods are not looked for.
HOSTS = r"gunicorn|uwsgi|mod_wsgi|apache|celery|huey|dramatiq|locust|tornado|sanic|airflow|odoo|pyspark|ansible|uvicorn|fastapi|hypercorn|granian|daphne|waitress|circusd|supervisord|honcho"
CODE = re.compile(r'"(?:[^"\\\n]|\\.)*"|/\*.*?\*/', re.S)


def rows_of(text):
    for kind, startup, rest in ROW.findall(text):
        strings = [string.replace('\\"', '"') for string in STRING.findall(rest)]
        yield dict(zip(COLUMNS, [kind, startup, *strings]))


def patterns(text, what="`%s`"):
    return ", ".join(what % word.replace("|", "\\|") for word in re.split(r", *", text) if word)


def recognized(row):
    said = patterns(row["programs"])
    if row["when"]:
        wanted = [word for word in re.split(r", *", row["when"]) if word[0] != "!"]
        unwanted = [word[1:] for word in re.split(r", *", row["when"]) if word[0] == "!"]
        said += " with " + patterns(", ".join(wanted)) if wanted else ""
        said += " without " + patterns(", ".join(unwanted)) if unwanted else ""
    called = patterns(row["callers"])
    return said + (" or " if said and called else "") + ("a fork by " + called if called else "")


def preloads(row):
    if row["kind"] not in ("PREFORK", "SERVES"):
        return ""
    loads = re.split(r", *", row["loads"]) if row["loads"] else []
    wanted = [word for word in loads if word[0] != "!"]
    unwanted = [word[1:] for word in loads if word[0] == "!"]
    if wanted:
        return "with " + patterns(", ".join(wanted))
    return "unless " + patterns(", ".join(unwanted)) if unwanted else "always"


def warmed(row):
    if row["kind"] not in ("PREFORK", "SERVES"):
        return ""
    return "pages and functions" if row["application"] else "functions"


def table(rows):
    yield "| host | recognized by | what it does | preloads | `GCFREEZE_WARMUP` runs | to share memory | source |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        habits = KINDS[row["kind"]], preloads(row), warmed(row)
        cells = (row["name"], recognized(row), *habits, row["advice"], row["why"])
        yield "| %s |" % " | ".join(cells)


def written(page, rows):
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    return head + BEGIN + "\n".join(table(rows)) + "\n" + END + tail


def named(path):
    """Strings of code that name a host; comments may."""
    for string in CODE.findall(path.read_text()):
        if string[0] == '"' and re.search(HOSTS, string, re.I):
            yield "%s names a host: %s" % (path.relative_to(ROOT), string)


def main():
    rows = list(rows_of((ROOT / "shim/core/hosts.def").read_text()))
    calls = re.findall(r"^HOST\(", (ROOT / "shim/core/hosts.def").read_text(), re.M)
    assert len(rows) == len(calls) > 30, "hosts.def cannot be read"
    page = PAGE.read_text()
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(written(page, rows))
        return
    faults = [] if page == written(page, rows) else ["docs/hosts.md is old: test/style/check_hosts.py --write"]
    for path in sorted([*ROOT.glob("shim/*/*.[ch]"), *ROOT.glob("cli/*.[ch]")]):
        faults += named(path)
    print("\n".join(faults) or "%d rows: documented as they are" % len(rows))
    sys.exit(bool(faults))


main()
