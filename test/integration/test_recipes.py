"""docs/recipes.md: each file there is valid, sets what `gcfreeze env` prints, and its server freezes.
Those of its section "Warm start" are in test_warm_recipes.py."""

import json
import re
import shutil
import subprocess

import pytest
import recipes
from conftest import LIBRARY, ROOT
from recipes import CLI, INSTALLED, as_installed, knobs_of, printed, require, supervisor, unit, unit_environment
from servers.apache import Apache, children_survive, problem, public_folder
from servers.host import NEWEST, Row, debian_version
from servers.process import wait_for
from servers.queues import Celery, interpreter
from servers.server import Server
from servers.spark import Spark
from servers.spark import problem as spark_problem
from servers.uwsgi import DEBIAN, command_of

GUNICORN = ROOT / ".venv" / "gunicorn" / "bin"
TOOLS = ROOT / ".venv" / "recipes" / "bin"
UNITS = ["gunicorn.service", "celery.service", "uwsgi.service", "fastapi.service"]
LOADED = "freeze first-worker-fork"


def ask_tool(program, text):
    """What a program of the validators' venv makes of a text."""
    require(TOOLS / "python")
    done = subprocess.run(
        [TOOLS / "python", "-c", program], input=text, stdout=subprocess.PIPE, check=True, text=True
    )
    return json.loads(done.stdout)


def manifest():
    program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))"
    return ask_tool(program, recipes.read("kubernetes.yaml"))


def container():
    (found,) = manifest()["spec"]["template"]["spec"]["containers"]
    return found


def dockerfile():
    """[{"instruction": ..., "value": ...}]"""
    program = """
import io, json, sys, dockerfile_parse
parser = dockerfile_parse.DockerfileParser(fileobj=io.BytesIO(sys.stdin.buffer.read()))
print(json.dumps(parser.structure))"""
    return ask_tool(program, recipes.read("Dockerfile"))


# ---- they say what the program says


def stripped(lines):
    return {line.strip() for line in lines}


@pytest.mark.parametrize("name", UNITS)
def test_units_set_what_the_program_prints(name):
    text = recipes.read(name)
    assert printed("systemd", unit_environment(text)) == sorted(
        line for line in text.splitlines() if line.startswith("Environment=")
    )


def test_dockerfile_sets_what_the_program_prints():
    lines = [line for line in recipes.read("Dockerfile").splitlines() if line.startswith("ENV ")]
    environment = dict(line[len("ENV ") :].split("=", 1) for line in lines)
    assert printed("docker", environment) == sorted(lines)


def test_manifest_sets_what_the_program_prints():
    environment = {entry["name"]: entry["value"] for entry in container()["env"]}
    lines = printed("kubernetes", environment)
    assert len(lines) == 2 * len(environment)
    assert stripped(lines) <= stripped(recipes.read("kubernetes.yaml").splitlines())


def test_envvars_set_what_the_program_prints():
    lines = [l for l in recipes.read("envvars").splitlines() if l.startswith("export ")]
    environment = dict(line[len("export ") :].split("=", 1) for line in lines)
    assert printed("sh", environment) == sorted(lines)


def supervised():
    text = supervisor(recipes.read("supervisord.conf"))["environment"]
    return dict(re.findall(r'(\w+)="([^"]*)"', text))


def spark_defaults():
    pairs = [line.split() for line in recipes.read("spark-defaults.conf").splitlines()]
    prefix = "spark.executorEnv."
    assert all(name.startswith(prefix) for name, _ in pairs)
    return {name[len(prefix) :]: value for name, value in pairs}


@pytest.mark.parametrize("variables", [supervised, spark_defaults])
def test_other_files_set_what_the_program_accepts(variables):
    environment = variables()
    assert environment["LD_PRELOAD"] == INSTALLED and len(environment) == 2
    printed("sh", environment)  # a bad value ends it


# ---- they are what their programs read


@pytest.mark.parametrize("name", UNITS)
def test_units_are_valid(tmp_path, name):
    require("systemd-analyze")
    path = tmp_path / name
    text = recipes.read(name)
    for program in re.findall(r"^Exec\w+=(\S+)", text, re.M):
        text = text.replace(program, "/bin/true")  # it must be there
    path.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", path], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_manifest_is_valid():
    require(TOOLS / "kubernetes-validate")
    path = recipes.FOLDER / "kubernetes.yaml"
    subprocess.run([TOOLS / "kubernetes-validate", "--strict", "--quiet", path], check=True)


def test_dockerfile_is_valid():
    instructions = dockerfile()
    assert instructions[0]["instruction"] == "FROM"
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "CMD", "COMMENT"}
    assert {line["instruction"] for line in instructions} == known
    for line in instructions:
        if line["instruction"] == "RUN":
            subprocess.run(["sh", "-n", "-c", line["value"]], check=True)


# ---- their servers freeze, and the page says how to see it


def look(pid):
    """The two commands of the page."""
    doctor = subprocess.run([CLI, "doctor", "--pid", str(pid)], capture_output=True, text=True)
    # 1: it has advice, such as which modules each worker loads for itself
    assert doctor.returncode in (0, 1), doctor.stdout + doctor.stderr
    assert re.search(r"✓ frozen +(\d+) of \1 workers? shares? its heap; 1 of \d+ forks", doctor.stdout)
    text = subprocess.check_output([CLI, "stat", "--json", "--pid", str(pid)], text=True)
    (tree,) = json.loads(text)["trees"]
    return tree["processes"]


def assert_frozen(server, answers, pid=None):
    for answer in answers:
        assert answer["looked_at"] < answer["records"]
        assert answer["preload"] == LIBRARY
    wait_for("the log", lambda: LOADED in server.stderr())
    assert server.stderr().count(LOADED) == 1
    found = {process["pid"]: process for process in look(pid or server.pid)}
    for answer in answers:
        assert found[answer["pid"]]["frozen"]


def ask_all(server, count=4, **more):
    return [server.ask(pid) for pid in server.workers(count, **more)]


def gunicorn_of(tmp_path, command, environment):
    require(GUNICORN / "gunicorn")
    command = ["unix:socket" if word == "0.0.0.0:8000" else word for word in command]
    command[0] = str(GUNICORN / "gunicorn")
    with as_installed(tmp_path / "app", command, environment) as server:
        assert_frozen(server, ask_all(server))


def test_gunicorn_of_the_unit(tmp_path):
    text = recipes.read("gunicorn.service", run=tmp_path / "app")
    (command,) = unit(text, "ExecStart")
    gunicorn_of(tmp_path, command, unit_environment(text))


def test_gunicorn_of_the_image(tmp_path):
    values = [(line["instruction"], line["value"]) for line in dockerfile()]
    (command,) = [json.loads(value) for instruction, value in values if instruction == "CMD"]
    environment = [value.split("=", 1) for instruction, value in values if instruction == "ENV"]
    gunicorn_of(tmp_path, command, dict(environment))


def test_gunicorn_of_the_manifest(tmp_path):
    found = container()
    environment = {entry["name"]: entry["value"] for entry in found["env"]}
    gunicorn_of(tmp_path, found["command"], environment)


class CeleryOfTheUnit(Celery):
    @property
    def command(self):
        (words,) = unit(recipes.read("celery.service"), "ExecStart")
        return [self.python[: -len("python")] + "celery", *words[1:]]


def test_celery_of_the_unit(tmp_path):
    python = interpreter(Row("Celery", list(NEWEST)[-1], tmp_path, None))
    environment = unit_environment(recipes.read("celery.service", library=LIBRARY))
    folder = tmp_path / "app"
    with CeleryOfTheUnit(python, folder, library=False, knobs={}, variables=environment) as server:
        assert_frozen(server, server.ask("answer = hold(4)"))


def test_uwsgi_of_the_unit(tmp_path):
    command, reason = command_of(DEBIAN, debian_version())
    if reason:
        pytest.skip(reason)
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "uwsgi.ini").write_text(recipes.read("uwsgi.ini", app=folder, run=folder))
    text = recipes.read("uwsgi.service", app=folder, library=LIBRARY)
    (words,) = unit(text, "ExecStart")
    assert words[0] == shutil.which("uwsgi")
    with as_installed(folder, words, unit_environment(text)) as server:
        assert_frozen(server, ask_all(server))
        assert "GCFREEZE" not in server.stderr()  # no complaint about a setting


def test_gunicorn_of_supervisord(tmp_path):
    require("supervisord", GUNICORN / "gunicorn")
    folder = tmp_path / "app"
    folder.mkdir()
    text = recipes.read("supervisord.conf", venv=GUNICORN, run=folder, library=LIBRARY)
    text = text.replace("/srv/app", str(folder))
    head = "[supervisord]\nnodaemon = true\nlogfile = /dev/null\npidfile = %s/pid\n" % folder
    # of another user there is nothing here that may be read
    text = head + re.sub(r"^user = .*\n", "redirect_stderr = true\nstdout_logfile = log\n", text, flags=re.M)
    (folder / "supervisord.conf").write_text(text)
    command = ["supervisord", "-c", str(folder / "supervisord.conf")]
    with Server(command, folder, library=False, knobs={}) as server:
        (master,) = server.workers(1)
        server.stderr = lambda: (folder / "log").read_text()
        assert_frozen(server, ask_all(server, master=master), master)


@children_survive
def test_python_of_apache(tmp_path):
    if problem():
        pytest.skip(problem())
    with public_folder() as folder:
        (folder / "envvars").write_text(recipes.read("envvars", library=LIBRARY))
        shell = "set -a; . %s; env -0" % (folder / "envvars")
        text = subprocess.check_output(["sh", "-c", shell], env={}, text=True)
        environment = dict(pair.split("=", 1) for pair in text.split("\0") if pair)
        options = recipes.read("apache.conf").splitlines() + ["WSGIApplicationGroup %{{GLOBAL}}"]
        with Apache(
            folder / "server", options, False, False, knobs={},
            variables={name: environment[name] for name in ["LD_PRELOAD", *knobs_of(environment)]},
        ) as server:  # fmt: skip
            server.wait_until_started(1)
            answer = server.answer()
            assert answer["preload"] == LIBRARY
            wait_for("the log", lambda: LOADED in server.stderr())
            assert look(server.pid)


def test_workers_of_spark(tmp_path):
    version = list(NEWEST)[-1]
    if spark_problem(version):
        pytest.skip(spark_problem(version))
    defaults = recipes.read("spark-defaults.conf", library=LIBRARY)
    with Spark(NEWEST[version], tmp_path / "spark", "local[2]", [], defaults) as spark:
        outcomes, _ = spark.outcomes()
        for answer in outcomes["without"].answers:  # without settings of the driver's own
            assert answer["looked_at"] < answer["records"] and answer["preload"] == LIBRARY
        assert spark.stderr().count(LOADED) == 1
