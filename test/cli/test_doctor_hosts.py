"""`gcfreeze doctor -- COMMAND`: what it says about each kind of host, and where that is set."""

import json
import os

import pytest
from conftest import FAILURE, GOOD, ROOT, WARNINGS, findings, newest_python


def preloading(outcome):
    """[(mark, finding)] about what is loaded before a fork."""
    found = json.loads(outcome.stdout)
    return [(f["mark"], f["finding"]) for f in found if f["topic"] == "preloading"]


SPAWNS = "%s: each worker is a new program and shares nothing"
LOADS = "%s loads the application in each worker, and nothing is shared"
SINGLE = "%s is one process: there are no workers to share memory with"
UNKNOWN = "%s is not in the list of hosts: gcfreeze cannot tell whether it preloads and forks"


@pytest.mark.parametrize(
    "command, finding",
    [
        ("fastapi run --workers 4 app.py", SPAWNS % "fastapi run"),
        ("fastapi run app.py", SINGLE % "fastapi run"),
        ("sanic app:app --workers=4", SPAWNS % "Sanic"),
        ("sanic app:app --single-process", SINGLE % "Sanic"),
        ("granian --workers 4 app:app", LOADS % "Granian"),
        ("daphne app:app", SINGLE % "Daphne"),
        ("waitress-serve app:app", SINGLE % "waitress"),
        ("pytest -n 4", SPAWNS % "pytest-xdist"),
        ("pytest -n 0", SINGLE % "pytest"),
        ("uvicorn --workers 4 app:app", SPAWNS % "uvicorn"),
        ("uvicorn --workers 1 app:app", SINGLE % "uvicorn"),
        ("hypercorn app:app", SPAWNS % "Hypercorn"),
        ("rq worker", LOADS % "RQ"),
        ("dramatiq app", LOADS % "Dramatiq"),
        ("huey_consumer.py app.huey -k process", "Huey loads the application before it forks"),
        ("huey_consumer.py app.huey -k thread", SINGLE % "Huey"),
        ("locust --processes 3", "Locust loads the application before it forks"),
        ("locust --headless", SINGLE % "Locust"),
        ("odoo --workers=4", "Odoo loads the application before it forks"),
        ("odoo --workers 0", SINGLE % "Odoo"),
        ("celery -A app beat", SINGLE % "Celery"),
        ("ansible-playbook site.yml", "Ansible loads the application before it forks"),
    ],
)
def test_each_kind_of_host_has_its_verdict(gcfreeze, program, command, finding):
    name, *arguments = command.split()
    outcome = gcfreeze("doctor", "--json", "--", program(name), *arguments)
    loads = finding.endswith("before it forks")
    assert preloading(outcome) == [("good" if loads else "failure", finding)]
    assert (outcome.returncode == FAILURE) != loads


def test_every_verdict_against_a_host_says_what_to_do_instead(gcfreeze, program):
    found = json.loads(gcfreeze("doctor", "--json", "--", program("granian"), "app:app").stdout)
    (advice,) = [f["advice"] for f in found if f["topic"] == "preloading"]
    assert advice == "use gunicorn -k uvicorn.workers.UvicornWorker --preload"


@pytest.mark.parametrize("command", ["server.py", "server.py --with gunicorn --preload", "shop"])
def test_what_is_not_in_the_list_is_said(gcfreeze, program, command):
    name, *arguments = command.split()
    outcome = gcfreeze("doctor", "--json", "--", program(name), *arguments)
    assert preloading(outcome) == [("warning", UNKNOWN % name)]
    assert outcome.returncode == WARNINGS


LAUNCHERS = ["env A=b", "nice -n 5", "timeout 5", "env -u X timeout -s KILL 5 nice"]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_launcher_is_passed_over(gcfreeze, program, launcher):
    command = [*launcher.split(), program("gunicorn")]
    assert preloading(gcfreeze("doctor", "--json", "--", *command, "a:b"))[0][0] == "failure"
    assert preloading(gcfreeze("doctor", "--json", "--", *command, "--preload", "a:b"))[0][0] == "good"


@pytest.mark.parametrize(
    "arguments, finding",
    [
        (["-m", "celery", "worker"], "Celery loads the application before it forks"),
        (["-X", "dev", "-m", "gunicorn", "--preload"],
         "gunicorn loads the application before it forks: --preload"),
        (["-c", "from multiprocessing.forkserver import main; main()"],
         "multiprocessing's forkserver loads the application before it forks"),
        (["-m", "shop", "gunicorn", "--preload"], UNKNOWN % "shop"),
        (["-c", "import gunicorn"], UNKNOWN % os.path.basename(newest_python())),
    ],
    ids=str,
)  # fmt: skip
def test_what_an_interpreter_executes_counts(gcfreeze, arguments, finding):
    outcome = gcfreeze("doctor", "--json", "--", newest_python(), *arguments)
    assert [text for _, text in preloading(outcome)] == [finding]


@pytest.mark.parametrize(
    "arguments, mark",
    [
        (["app:app"], "failure"),
        (["--preload", "app:app"], "good"),
        (["-c", "with.py", "app:app"], "good"),
        (["-cwith.py", "app:app"], "good"),
        (["-c", "file:with.py", "app:app"], "good"),
        (["--config=without.py", "app:app"], "failure"),
        (["--config", "with.py", "-c", "without.py", "app:app"], "failure"),
    ],
    ids=str,
)
def test_gunicorn_has_to_preload(gcfreeze, program, tmp_path, arguments, mark):
    (tmp_path / "with.py").write_text("preload_app = True\n")
    (tmp_path / "without.py").write_text("# preload_app = True\n")
    outcome = gcfreeze("doctor", "--json", "--", program("gunicorn"), *arguments, cwd=tmp_path)
    assert findings(outcome)["preloading"][0] == mark
    assert (outcome.returncode == FAILURE) == (mark == "failure")


def test_gunicorn_reads_its_arguments_from_a_variable_too(gcfreeze, program):
    outcome = gcfreeze(
        "doctor", "--json", "--", program("gunicorn"), "app:app", GUNICORN_CMD_ARGS="--preload -w 2"
    )
    assert findings(outcome)["preloading"][0] == "good"


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("uwsgi", ["--master", "--lazy-apps"]),
        ("pyuwsgi", ["-p", "2", "--lazy-apps"]),
        ("celery", ["worker", "-P", "gevent"]),
        ("celery", ["worker", "-Psolo"]),
        ("celery", ["worker", "--pool=threads"]),
        ("celery", ["worker", "--pool", "eventlet"]),
        ("uvicorn", ["app:app"]),
    ],
    ids=str,
)
def test_servers_that_share_nothing_are_named(gcfreeze, program, name, arguments):
    outcome = gcfreeze("doctor", "--json", "--", program(name), *arguments)
    mark, text = findings(outcome)["preloading"]
    assert mark == "failure" and name in text.lower()


@pytest.mark.parametrize(
    "arguments", [["-A", "solo"], ["-A", "threads", "-P", "prefork"], ["--pool=prefork"]], ids=str
)
def test_celery_forks_unless_its_pool_does_not(gcfreeze, program, arguments):
    outcome = gcfreeze("doctor", "--json", "--", program("celery"), *arguments, "worker")
    assert findings(outcome)["preloading"][0] == "good"


@pytest.mark.parametrize(
    "line, mark",
    [
        ("lazy-apps = true", "failure"), (" lazy=1", "failure"), ("lazy-apps =", "failure"),
        ("lazy-apps = False", "good"), ("; lazy-apps = true", "good"), ("lazy-appsx = 1", "good"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("arguments", [["--ini", "x.ini"], ["--ini=x.ini"], ["x.ini"]], ids=str)
def test_uwsgi_reads_its_options_from_a_file_too(gcfreeze, program, tmp_path, arguments, line, mark):
    (tmp_path / "x.ini").write_text("[uwsgi]\nmaster = true\n%s\n" % line)
    outcome = gcfreeze("doctor", "--json", "--", program("uwsgi"), *arguments, cwd=tmp_path)
    found = findings(outcome)["preloading"]
    assert found[0] == mark and found[1].endswith("set in x.ini") == (mark == "failure")


def test_the_spawn_start_method_shares_nothing(gcfreeze, tmp_path):
    script = tmp_path / "work.py"
    script.write_text("import multiprocessing\nmultiprocessing.set_start_method('spawn')\n")
    outcome = gcfreeze("doctor", "--json", "--", newest_python(), script)
    assert findings(outcome)["preloading"] == ("failure", "%s uses the start method spawn" % script)
    assert outcome.returncode == FAILURE


def test_a_setting_before_the_program_counts_before_ours(gcfreeze, program):
    command = ["env", "GUNICORN_CMD_ARGS=--preload", program("gunicorn"), "app:app"]
    found = preloading(gcfreeze("doctor", "--json", "--", *command, GUNICORN_CMD_ARGS="-w 2"))
    assert found == [
        ("good", "gunicorn loads the application before it forks: --preload, set in $GUNICORN_CMD_ARGS")
    ]


def test_a_variable_may_say_how_many_workers(gcfreeze, program):
    command = ["doctor", "--json", "--", program("uvicorn"), "app:app"]
    assert preloading(gcfreeze(*command)) == [("failure", SINGLE % "uvicorn")]
    assert preloading(gcfreeze(*command, WEB_CONCURRENCY="4")) == [("failure", SPAWNS % "uvicorn")]


@pytest.mark.parametrize(
    "line, finding",
    [
        ("workers = 4", "Odoo loads the application before it forks"),
        ("workers = 0", SINGLE % "Odoo"),
        ("; workers = 4", SINGLE % "Odoo"),
        ("xworkers: 4", SINGLE % "Odoo"),
    ],
)
def test_a_file_may_say_how_many_workers(gcfreeze, program, tmp_path, line, finding):
    (tmp_path / "odoo.conf").write_text("[options]\n%s\n" % line)
    (tmp_path / "none.conf").write_text("")
    for arguments in [], ["-codoo.conf"], ["--config=odoo.conf"]:
        found = preloading(gcfreeze("doctor", "--json", "--", program("odoo"), *arguments, cwd=tmp_path))
        assert [text for _, text in found] == [finding]
    outcome = gcfreeze("doctor", "--json", "--", program("odoo"), "-c", "none.conf", cwd=tmp_path)
    assert preloading(outcome) == [("failure", SINGLE % "Odoo")]


def test_a_host_that_may_serve_by_itself_has_to_be_told_of_workers(gcfreeze, program, tmp_path):
    (tmp_path / "x.ini").write_text("[uwsgi]\nprocesses = 2\n")
    command = ["doctor", "--json", "--", program("uwsgi"), "--module", "shop"]
    ((mark, text),) = preloading(gcfreeze(*command))
    assert mark == "warning" and text == "uWSGI is not told to start workers, and none can share memory"
    for more in ["--master"], ["-p", "2"], ["-p2"], ["--workers", "2"], ["--ini", tmp_path / "x.ini"]:
        assert preloading(gcfreeze(*command, *more))[0][0] == "good"
    assert preloading(gcfreeze(*command, UWSGI_PROCESSES="2"))[0][0] == "good"


@pytest.mark.parametrize("method, mark", [("fork", "good"), ("spawn", "failure")])
def test_an_application_may_say_how_workers_start(gcfreeze, program, tmp_path, method, mark):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "site.py").write_text('    Sanic.start_method = "%s"  # so\n' % method)
    outcome = gcfreeze("doctor", "--json", "--", program("sanic"), "shop.site:app", cwd=tmp_path)
    assert preloading(outcome)[0][0] == mark


SUPERVISORS = {
    "honcho": (["start"], "Procfile", "# x: y\nweb: %s\njobs: %s\n"),
    "supervisord": (
        ["-n"],
        "supervisord.conf",
        "[supervisord]\nlogfile = x\n[program:web]\ncommand = %s ; x\nuser=me\n[program:jobs]\ncommand=%s\n",
    ),
    "circusd": (["c.ini"], "c.ini", "[watcher:web]\ncmd = %s\n[watcher:jobs]\ncmd = %s\n[env]\nA = b\n"),
}


@pytest.mark.parametrize("name", SUPERVISORS)
def test_a_supervisor_is_as_good_as_what_it_starts(gcfreeze, program, tmp_path, name):
    arguments, file, text = SUPERVISORS[name]
    command = ["doctor", "--json", "--", program(name), *arguments]
    (tmp_path / file).write_text(text % ("/x/gunicorn --preload 'a b:c'", "celery -A app worker"))
    outcome = gcfreeze(*command, cwd=tmp_path)
    assert [mark for mark, _ in preloading(outcome)] == ["good", "good"]
    assert "web: gunicorn loads" in outcome.stdout and "jobs: Celery loads" in outcome.stdout
    (tmp_path / file).write_text(text % ("uvicorn app:app --workers 4", "redis-server"))
    (first, bad), (second, unknown) = preloading(gcfreeze(*command, cwd=tmp_path))
    assert first == "failure" and bad.endswith("web: " + SPAWNS % "uvicorn")
    assert second == "warning" and unknown.endswith("jobs: " + UNKNOWN % "redis-server")


@pytest.mark.parametrize("name", SUPERVISORS)
def test_a_supervisor_that_cannot_be_read_is_a_warning(gcfreeze, program, tmp_path, name):
    outcome = gcfreeze("doctor", "--json", "--", program(name), "x", cwd=tmp_path)
    ((mark, text),) = preloading(outcome)
    assert mark == "warning" and text.endswith("starts other programs, and which is not known")


def test_a_watchers_arguments_may_stand_apart(gcfreeze, program, tmp_path):
    (tmp_path / "c.ini").write_text("[watcher:web]\nargs = --preload app\ncmd = gunicorn\n")
    outcome = gcfreeze("doctor", "--json", "--", program("circusd"), "c.ini", cwd=tmp_path)
    assert preloading(outcome) == [
        ("good", "watcher:web: gunicorn loads the application before it forks: --preload")
    ]


def test_a_procfile_that_starts_its_own_supervisor_ends(gcfreeze, program, tmp_path):
    (tmp_path / "Procfile").write_text("again: honcho start\nweb: gunicorn --preload app\n")
    outcome = gcfreeze("doctor", "--json", "--", program("honcho"), "start", cwd=tmp_path)
    assert outcome.returncode in (GOOD, WARNINGS)
    assert 0 < len(preloading(outcome)) < 100


# ---- the mode ----


def pythons():
    lines = os.popen(str(ROOT / "script" / "pythons")).read().splitlines()
    return dict(line.split(" ", 1)[::-1] for line in lines)


@pytest.mark.parametrize(
    "setting, newest, oldest",
    [
        ("auto", ("good", "immortal (auto: gunicorn preloads)"),
         ("good", "freeze (auto: immortal needs CPython 3.12 or later)")),
        ("freeze", ("good", "freeze (GCFREEZE_MODE=freeze)"), ("good", "freeze (GCFREEZE_MODE=freeze)")),
        ("immortal", ("good", "immortal (GCFREEZE_MODE=immortal)"),
         ("warning", "freeze (immortal: immortal needs CPython 3.12 or later)")),
    ],
)  # fmt: skip
def test_the_mode_is_what_the_interpreter_can_do(gcfreeze, program, tmp_path, setting, newest, oldest):
    gil = [(path, version) for path, version in pythons().items() if version[-1] != "t"]
    for path, version in gil[0], gil[-1]:
        command = ["doctor", "--json", "--", path, program("gunicorn"), "--preload", "app"]
        outcome = gcfreeze(*command, GCFREEZE_MODE=setting)
        modern = tuple(map(int, version.split(".")[:2])) >= (3, 12)
        assert findings(outcome)["mode"] == (newest if modern else oldest)
        assert outcome.stderr == ""


def test_nothing_is_said_of_a_mode_where_nothing_is_shared(gcfreeze, program):
    assert "mode" not in findings(gcfreeze("doctor", "--json", "--", program("gunicorn"), "app"))
