"""The own tests of hosts, from their source releases, as script/bootstrap unpacks them."""

import modes
import places
from modes import FOLDER
from runs import Suite

# Each host's tests, and what its pytest needs to be told.
HOSTS = {
    "gunicorn": ["tests"],
    "billiard": ["t/unit"],
    "uvicorn": ["tests", "--ignore=tests/benchmarks"],  # those need a service
}

MODES = ["freeze+often", "immortal+reshare+often"]

DEADLINE = 900


def suite(host):
    venv = places.VENVS / ("suite-" + host)
    options = ["-q", "-p", "no:cacheprovider", "-o", "addopts=", "--junit-xml", FOLDER + "/results.xml"]
    return Suite(
        name="hosts/" + host,
        command=[str(venv / "bin" / "python"), "-m", "pytest", *options, *HOSTS[host]],
        modes={name: modes.HARDER[name] for name in MODES},
        deadline=DEADLINE,
        always={"PYTHONDONTWRITEBYTECODE": "1"},
        folder=venv / "source",
    )


def suites(only):
    found = []
    for host in HOSTS:
        if only and host not in only:
            continue
        if (places.VENVS / ("suite-" + host) / "source").is_dir():
            found.append(suite(host))
        else:
            print("suites: hosts/%s: skipped: script/bootstrap suites could not install it" % host)
    return found
