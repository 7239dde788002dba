"""What gunicorn serves in a measurement, and what is asked of it from its start to its end.

Between two steps memory is looked at: each step has the name of the moment after it, which is one of
MOMENTS (bench/support/result.py). LATER has none: there, nothing is asked for a while.
"""

import os
import random
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import Callable

from bench.demo import client
from bench.support.setup import ROOT
from bench.workloads.shop import visits as shop_visits
from bench.workloads.site import visits as site_visits

LATER = "later", None
SEED = 6
ROUNDS = 24  # of all pages, together: each worker serves as many of them as the others


@dataclass(frozen=True)
class Application:
    name: str  # gunicorn's argument
    venv: str  # without the version
    environment: Callable  # of a place
    steps: Callable  # of a running server: pairs of a moment and what leads to it
    packages: tuple = ()  # whose versions a result names
    visits: object = None  # a module: PAGES, and log_in(port), which returns headers
    warm: dict = field(default_factory=dict)  # warm starts by name: values of GCFREEZE_WARMUP

    def python(self, version):
        return ROOT / ".venv" / ("%s-%s" % (self.venv, version)) / "bin" / "python"

    def versions(self, version):
        """{package: its version}"""
        program = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]), sep='\\n')"
        command = [self.python(version), "-c", program, *self.packages]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        return dict(zip(self.packages, output.split()))


def heap_environment(place):
    return {"BENCH_WORKLOAD": place.workload, "BENCH_MEGABYTES": str(place.megabytes)}


def heap_steps(running):
    def ask(path):
        return lambda: client.round_of(running.port, path, running.count)

    def several(route, count):
        chance = random.Random(SEED)
        for _ in range(count):
            ask("/%s/%d" % (route, chance.randrange(10**6)))()

    yield "start", ask("/who")
    yield "little", lambda: several("little", 125)
    yield "much", lambda: several("much", 25)
    yield "collection", ask("/collect")
    yield "everything", ask("/read")
    yield LATER
    yield "kept", lambda: several("keep", 100)


def real_environment(place):
    """With a database that nobody has used."""
    name, made, used = place.workload, place.directory / "made", place.directory / place.workload
    variable = "BENCH_" + name.upper()
    if not made.exists():
        new = place.directory / "new"
        new.mkdir()
        subprocess.run(
            [place.application.python(place.python.version), "-m", "bench.workloads.%s.content" % name],
            env={**os.environ, variable: str(new)},
            cwd=ROOT,
            check=True,
        )
        new.rename(made)
    shutil.rmtree(used, ignore_errors=True)
    shutil.copytree(made, used)
    return {variable: str(used)}


def real_steps(running, visits):
    headers = {}

    def ask(path):
        return lambda: client.round_of(running.port, path, running.count, headers)

    def every_page():
        for page in visits.PAGES:
            ask(page)()

    def first():
        headers.update(visits.log_in(running.port))
        every_page()

    def others():
        for _ in range(ROUNDS // running.count - 1):
            every_page()

    yield "start", ask("/who")
    yield "once", first
    yield "rounds", others
    yield "collection", ask("/collect")
    yield LATER


def real(name, visits, packages, paths):
    module = "bench.workloads." + name
    return Application(
        module + ".app:application",
        name,
        real_environment,
        lambda running: real_steps(running, visits),
        packages,
        visits,
        {
            "function": module + ".warm:warm",
            "paths": paths,
            # CPython 3.11 specializes a function when it has been called eight times; here pages have much in common
            "often": " ".join([module + ".warm:every"] * 4),
        },
    )


HEAP = Application("bench.workloads.app:application", "gunicorn", heap_environment, heap_steps)
SITE = real(
    "site",
    site_visits,
    ("Wagtail", "Django", "djangorestframework"),
    "/ /articles/ /products/",
)
SHOP = real(
    "shop",
    shop_visits,
    ("pretix", "Django", "djangorestframework"),
    "/organizer/ /organizer/event-0/ /organizer/event-0/widget/product_list",
)
REAL = {"site": SITE, "shop": SHOP}


def of(workload):
    return REAL.get(workload, HEAP)
