"""gunicorn's workers with threads, under load, with passes beside threads at every wait: every answer
is right, and the server stops when asked to.
"""

import concurrent.futures

import pytest
from servers.scenario import gunicorn  # noqa: F401 (a fixture)

# free-threaded builds have no arenas
pytestmark = pytest.mark.gil(True)

KNOBS = {
    "RESHARE": 1,
    "RESHARE_THREADS": "on",
    "TEST_RESHARE": "always",
    "LOG": "info",
    "LOG_FORMAT": "json",
}
REQUESTS = 400


def load(server, workers):
    """Eight clients at once. Returns the last answer."""
    server.workers(workers)  # the socket listens before the first of them is forked
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(server.get, ["/", "/collect"] * (REQUESTS // 2)))
    records = {answer["records"] for answer in answers}
    assert len(answers) == REQUESTS and records == {20000}, records
    return answers[-1:]


@pytest.mark.parametrize("workers", [1, 2])
def test_gthread_answers_and_stops(gunicorn, workers, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("APP_RECORDS", "20000")
    knobs = {**KNOBS, "LOG_FILE": tmp_path / "events"}
    options = ["--preload", "-k", "gthread", "--threads", "4", "-w", str(workers)]
    outcome = gunicorn.run(options, lambda server: load(server, workers), knobs=knobs)
    assert outcome.server.process.returncode == 0
    passes = (tmp_path / "events").read_text().count('"event":"reshare"')
    assert passes > 0
