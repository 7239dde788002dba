"""Signals to gunicorn's master, and workers that are replaced: the newcomers share the heap too."""

import os
import signal

from servers.process import read_stat, wait_for
from servers.scenario import assert_heap_stays_shared, assert_same_settings, gunicorn

PRELOADED = ["--preload", "--workers", "2"]


def test_killed_worker_is_replaced_by_one_that_shares_the_heap(gunicorn):
    def scenario(server):
        first = server.workers(2)
        server.ask(first[0])
        os.kill(first[0], signal.SIGKILL)
        both = server.workers(2, gone=first[:1])
        return [server.ask(pid) for pid in both if pid not in first]

    ours, plain = gunicorn.compare(PRELOADED, scenario)
    assert_heap_stays_shared(ours, plain)
    assert ours.events() == [(ours.server.pid, "skip", "nothing-new")]


def test_worker_that_reached_max_requests_is_replaced_by_one_that_shares_the_heap(gunicorn):
    def scenario(server):
        old = server.workers(1)
        answers = [server.get("/") for _ in range(3)]
        assert {answer["pid"] for answer in answers} == set(old)
        return [server.ask(pid) for pid in server.workers(1, gone=old)]

    ours, plain = gunicorn.compare(
        ["--preload", "--workers", "1", "--max-requests", "3"], scenario
    )
    assert_heap_stays_shared(ours, plain)
    assert ours.events() == [(ours.server.pid, "skip", "nothing-new")]


def test_ttin_adds_a_worker_that_shares_the_heap_and_ttou_takes_one_away(gunicorn):
    def scenario(server):
        first = server.workers(2)
        server.send_signal(signal.SIGTTIN)
        added = [pid for pid in server.workers(3) if pid not in first]
        answers = [server.ask(pid) for pid in added]
        server.send_signal(signal.SIGTTOU)
        return answers + [server.ask(pid) for pid in server.workers(2)]

    ours, plain = gunicorn.compare(PRELOADED, scenario)
    assert_heap_stays_shared(ours, plain)
    # the oldest goes, and that is the one whose fork froze the heap
    assert {event[1:] for event in ours.events()} == {("skip", "nothing-new")}


def test_hup_replaces_workers_of_a_preloaded_application_and_they_share_the_heap(gunicorn):
    def scenario(server):
        old = server.workers(2)
        server.send_signal(signal.SIGHUP)
        return [server.ask(pid) for pid in server.workers(2, gone=old)]

    ours, plain = gunicorn.compare(PRELOADED, scenario)
    assert_heap_stays_shared(ours, plain)
    master = ours.server.pid
    # gunicorn does not import a preloaded application again
    assert {answer["at_import"]["pid"] for answer in ours.answers} == {master}
    assert ours.events() == [(master, "skip", "nothing-new")] * 2


def test_hup_without_preload_lets_new_workers_import_with_their_own_collector(gunicorn):
    def scenario(server):
        old = server.workers(2)
        server.send_signal(signal.SIGHUP)
        return [server.ask(pid) for pid in server.workers(2, gone=old)]

    ours, plain = gunicorn.compare(["--workers", "2"], scenario)
    assert_same_settings(ours, plain)
    for answer in ours.answers:
        assert answer["at_import"]["pid"] == answer["pid"]
        assert answer["at_import"]["threshold"] == plain.answers[0]["at_import"]["threshold"]
    assert ours.events() == [(ours.server.pid, "skip", "nothing-new")] * 2


def test_usr2_starts_a_master_that_freezes_its_own_heap_and_outlives_the_old_one(gunicorn):
    masters = {}

    def scenario(server):
        old = server.pid
        server.ask(server.workers(2)[0])
        server.send_signal(signal.SIGUSR2)
        new = server.master("pid.2")
        masters[old] = new
        workers = server.workers(2, master=new)
        answers = [server.ask(pid) for pid in server.workers(2, besides=[new])]
        answers += [server.ask(pid) for pid in workers]
        os.kill(old, signal.SIGQUIT)
        wait_for("the old master's end", lambda: not read_stat(old))
        wait_for("the new master's promotion", lambda: server.master() == new)
        assert server.workers(2, master=new) == workers
        return answers + [server.ask(pid) for pid in workers]

    ours, plain = gunicorn.compare(PRELOADED, scenario)
    assert_heap_stays_shared(ours, plain)
    old = ours.server.pid
    new = masters[old]
    events = ours.server.events(new)
    assert (events[new]["pid"], events[new]["event"]) == (old, "skip")
    assert ours.events()[2:4] == [
        (new, "freeze", "first-worker-fork"),
        (new, "skip", "nothing-new"),
    ]
    assert {answer["at_import"]["pid"] for answer in ours.answers[:2]} == {old}
    assert {answer["at_import"]["pid"] for answer in ours.answers[2:]} == {new}
