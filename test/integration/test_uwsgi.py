"""uWSGI's ways to start and to replace workers: a C host whose master forks with the GIL released.

Debian's release and the current one for the newest Python; test_host_uwsgi.py has all versions.
"""

import os
import signal

import pytest
from servers.host import NEWEST, debian_version
from servers.process import wait_for, working_in
from servers.scenario import MUCH_KB, Outcome, assert_heap_stays_shared, assert_same_settings
from servers.uwsgi import CURRENT, DEBIAN, Uwsgi, command_of

VERSIONS = {DEBIAN: debian_version(), CURRENT: list(NEWEST)[-1]}

FREEZE = ("freeze", "first-worker-fork")
AGAIN = ("skip", "nothing-new")


class Installation:
    def __init__(self, command, version, folder):
        self.command = command
        self.version = version
        self.folder = folder

    def run(self, options, scenario, library=True):
        folder = self.folder / ("with" if library else "without")
        folder.mkdir()
        (folder / "spinning.py").write_text(SPINNING)
        with Uwsgi(self.command, folder, options, library) as server:
            return Outcome(server, scenario(server))

    def compare(self, options, scenario):
        """(with the library, without it)"""
        return self.run(options, scenario), self.run(options, scenario, library=False)


@pytest.fixture(params=VERSIONS)
def uwsgi(request, tmp_path):
    version = VERSIONS[request.param]
    command, problem = command_of(request.param, version)
    if problem:
        pytest.skip(problem)
    return Installation(command, version, tmp_path)


def decisions(outcome):
    return [event[1:] for event in outcome.events()]


def ask_all(server):
    return [server.ask(pid) for pid in server.workers()]


MASTER = ("--master", "--workers", "2")
ONE = ("--master", "--workers", "1")
KINDS = {
    "default": MASTER,
    "enable-threads": MASTER + ("--enable-threads",),
    "threads": MASTER + ("--threads", "2"),
    "fork-hooks": MASTER + ("--py-call-uwsgi-fork-hooks",),
    "after-fork": MASTER + ("--py-call-osafterfork", "--enable-threads"),
    "single-interpreter": MASTER + ("--single-interpreter",),
}


@pytest.mark.parametrize("kind", KINDS)
def test_workers_share_the_heap(uwsgi, kind):
    if kind == "after-fork" and tuple(map(int, uwsgi.version.split("."))) >= (3, 13):
        pytest.skip(
            "uWSGI calls PyOS_AfterFork_Child without PyOS_BeforeFork, and from 3.13 on its workers"
            " abort over that, with and without the library"
        )
    ours, plain = uwsgi.compare(KINDS[kind], ask_all)
    assert_heap_stays_shared(ours, plain)
    assert all(answer["growth_kb"] >= MUCH_KB for answer in plain.answers)
    assert decisions(ours) == [FREEZE, AGAIN]


def test_second_worker_of_a_server_without_master_shares_with_the_first(uwsgi):
    def ask_both(server):
        # not before: a process may have children of another kind while it starts
        wait_for("two workers", lambda: "spawned uWSGI worker 2" in server.stderr())
        processes = wait_for(
            "two processes",
            lambda: len(found := working_in(str(server.folder))) == 2 and found,
        )
        return [server.ask(pid) for pid in sorted(processes, key=lambda pid: pid == server.pid)]

    ours, plain = uwsgi.compare(["--workers", "2"], ask_both)
    assert_same_settings(ours, plain)
    child, parent = ours.answers
    assert max(child["looked_at"], parent["looked_at"]) < child["records"]
    events = ours.server.events(child["pid"])
    assert [(event["event"], event["reason"]) for event in events.values()] == [FREEZE]


def test_lazy_applications_have_nothing_to_share_and_find_their_own_collector(uwsgi):
    ours, plain = uwsgi.compare([*MASTER, "--lazy-apps"], ask_all)
    assert_same_settings(ours, plain)
    for answer in ours.answers:
        assert answer["at_import"]["pid"] == answer["pid"]
        assert answer["at_import"]["threshold"] == plain.answers[0]["at_import"]["threshold"]
        assert answer["frozen"] < answer["records"]
    assert decisions(ours) == [FREEZE, AGAIN]


def test_killed_worker_is_replaced_by_one_that_shares(uwsgi):
    def kill_the_first(server):
        first = server.workers()
        os.kill(first[0], signal.SIGKILL)
        return [server.ask(pid) for pid in server.workers(gone=first)]

    ours, plain = uwsgi.compare(ONE, kill_the_first)
    assert_heap_stays_shared(ours, plain)
    assert decisions(ours) == [AGAIN]


def send_hup(server):
    server.send_signal(signal.SIGHUP)


def touch(server):
    (server.folder / "touched").touch()


@pytest.mark.parametrize("reload", [send_hup, touch])
def test_reloaded_server_freezes_again(uwsgi, reload):
    def reload_once(server):
        first = server.workers()
        reload(server)  # the master executes itself
        return [server.ask(pid) for pid in server.workers(gone=first)]

    ours, plain = uwsgi.compare([*MASTER, "--touch-reload", "touched"], reload_once)
    assert_heap_stays_shared(ours, plain)
    assert decisions(ours) == [FREEZE, AGAIN]
    assert all(answer["at_import"]["pid"] == ours.server.pid for answer in ours.answers)


SPINNING = """
import threading
from app import app

def spin():
    while True:
        pass

threading.Thread(target=spin, daemon=True).start()
"""


def test_spinning_thread_in_a_master_that_takes_the_gil_along(uwsgi):
    options = [*MASTER, "--enable-threads", "--py-call-uwsgi-fork-hooks"]
    ours, plain = uwsgi.compare([*options, "--module", "spinning:app"], ask_all)
    assert_heap_stays_shared(ours, plain)
    assert decisions(ours) == [FREEZE, AGAIN]


def test_spinning_thread_does_not_keep_a_master_from_forking(uwsgi):
    """Without the fork hooks uWSGI leaves it to chance whether the thread has the GIL at the moment
    of the fork, and then a worker waits for ever, with and without the library. So this is about
    the master alone."""

    def watch_the_master(server):
        found = wait_for("two forks", lambda: len(server.events()) >= 2 and server.events())
        server.kill()
        return [(event["event"], event["reason"]) for event in found.values()]

    options = [*MASTER, "--enable-threads", "--module", "spinning:app"]
    outcome = uwsgi.run(options, watch_the_master)
    assert outcome.answers[:2] == [FREEZE, AGAIN]


TWO_APPLICATIONS = [
    *MASTER, "--mount", "/a=app:app", "--mount", "/b=app:app", "--manage-script-name",
]  # fmt: skip


def ask_both_applications(server):
    paths = "/a/collect", "/b/collect"
    return [server.ask(pid, path) for pid in server.workers() for path in paths]


def test_two_applications_share_their_heaps_and_keep_their_settings(uwsgi):
    ours, plain = uwsgi.compare(TWO_APPLICATIONS, ask_both_applications)
    assert_heap_stays_shared(ours, plain)
    assert decisions(ours) == [FREEZE, FREEZE, AGAIN, AGAIN]
