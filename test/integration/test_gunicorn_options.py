"""Gunicorn's options that change how or when it forks, and applications that tune the collector
themselves."""

import itertools
import json
import os
import time

from servers.process import read_stat, wait_for
from servers.scenario import (
    LITTLE_KB,
    assert_heap_stays_shared,
    assert_same_settings,
    gunicorn,
)

PRELOADED = ["--preload", "--workers", "2"]


def ask_two_workers(server):
    return [server.ask(pid) for pid in server.workers(2)]


def write_config(folder, text):
    path = folder / "config.py"
    path.write_text(text)
    return ["--config", str(path)]


def test_daemon_freezes_the_heap_that_it_loads_after_its_forks_into_the_background(gunicorn):
    ours, plain = gunicorn.compare(["--daemon", *PRELOADED], ask_two_workers)
    assert_heap_stays_shared(ours, plain)
    started = ours.server.process.pid
    master = ours.server.pid
    for answer in ours.answers:
        assert answer["at_import"]["pid"] == master
    assert ours.events() == [
        (master, "freeze", "first-worker-fork"),
        (master, "skip", "nothing-new"),
    ]
    # two forks on the way into the background, before the application is there
    background = ours.server.events()
    middle = background[master]["pid"]
    assert background[middle]["pid"] == started
    assert background[middle]["reason"] == "first-worker-fork"
    assert background[master]["reason"] == "first-worker-fork"


def test_worker_tmp_dir_changes_nothing(gunicorn):
    heartbeats = gunicorn.folder / "heartbeats"
    heartbeats.mkdir()
    options = [*PRELOADED, "--worker-tmp-dir", str(heartbeats)]
    ours, plain = gunicorn.compare(options, ask_two_workers)
    assert_heap_stays_shared(ours, plain)


def test_reload_replaces_a_worker_whose_code_changed(gunicorn):
    def scenario(server):
        old = server.workers(1)
        answers = [server.ask(old[0])]
        moments = itertools.count(time.time())

        def ended():
            # the reloader sees a change only after its first look at the files, whenever that is
            if read_stat(old[0]):
                os.utime(server.folder / "app.py", times=(next(moments),) * 2)
            return not read_stat(old[0])

        wait_for("the old worker's end", ended)
        return answers + [server.ask(pid) for pid in server.workers(1)]

    options = ["--workers", "1", "--reload", "--reload-engine", "poll"]
    ours, plain = gunicorn.compare(options, scenario)
    assert_same_settings(ours, plain)
    for answer in ours.answers:
        assert answer["at_import"]["pid"] == answer["pid"]
        assert answer["at_import"]["threshold"] == plain.answers[0]["at_import"]["threshold"]
    assert ours.events() == [
        (ours.server.pid, "freeze", "first-worker-fork"),
        (ours.server.pid, "skip", "nothing-new"),
    ]


BY_HAND = """
import gc
gc.disable()
def pre_fork(server, worker):
    gc.freeze()
def post_fork(server, worker):
    gc.enable()
"""


def test_freezing_by_hand_goes_together_with_the_library(gunicorn):
    options = [*PRELOADED, *write_config(gunicorn.folder, BY_HAND)]
    ours, plain = gunicorn.compare(options, ask_two_workers)
    assert_same_settings(ours, plain)
    for answer in ours.answers + plain.answers:
        assert answer["growth_kb"] <= LITTLE_KB
    for answer in plain.answers:
        assert answer["frozen"] > 2 * answer["records"]
    for answer in ours.answers:
        assert answer["enabled"]
        assert not answer["at_import"]["enabled"]
    assert ours.events()[0] == (ours.server.pid, "freeze", "own-freeze")


OWN_SETTINGS = """
import gc
gc.set_threshold(50000, 20, 100)
gc.disable()
"""


def test_collector_settings_of_the_configuration_reach_the_workers(gunicorn):
    options = [*PRELOADED, *write_config(gunicorn.folder, OWN_SETTINGS)]
    ours, plain = gunicorn.compare(options, ask_two_workers)
    assert_heap_stays_shared(ours, plain)
    for answer in ours.answers:
        assert answer["threshold"][:2] == [50000, 20]
        assert not answer["enabled"]


MASTER_TELLS = """
import gc, json
def pre_fork(server, worker):
    with open("master", "a") as told:
        print(json.dumps([gc.get_threshold(), gc.isenabled()]), file=told)
"""


def test_master_sees_its_own_collector_before_and_after_the_first_fork(gunicorn):
    def told(outcome):
        lines = (outcome.server.folder / "master").read_text().splitlines()
        return [json.loads(line) for line in lines]

    options = [*PRELOADED, *write_config(gunicorn.folder, MASTER_TELLS)]
    ours, plain = gunicorn.compare(options, ask_two_workers)
    before_first, before_second = told(ours)
    assert before_first == before_second == told(plain)[0] == told(plain)[1]
