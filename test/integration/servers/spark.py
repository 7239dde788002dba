"""PySpark: a driver, Java, and the daemon that forks a Python worker for each task at a time."""

import json
import shutil
from pathlib import Path

from conftest import LIBRARY, ROOT

from servers.process import DEADLINE
from servers.report import MODES
from servers.scenario import Outcome
from servers.server import Server, read_events

PROGRAMS = [Path(__file__).with_name(name) for name in ("spark_daemon.py", "spark_job.py")]


def packages():
    """Where PySpark is installed, or None. It is made of Python, so any version can import it."""
    return next((ROOT / ".venv" / "pyspark").glob("lib/*/site-packages/pyspark/.."), None)


def problem(version):
    """Why PySpark cannot run on this version of Python, or None."""
    if not packages():
        return "PySpark is not installed"
    if not shutil.which("java"):
        return "Java is not installed"
    oldest = packages().parts[-4][len("python") :]
    if int(version.split(".")[1]) < int(oldest.split(".")[1]):
        return "this PySpark needs Python " + oldest
    return None


class Log:
    """What Outcome asks of a server."""

    def __init__(self, path):
        self.path = path

    def events(self):
        return read_events(self.path)


class Spark(Server):
    """One driver that runs the same jobs without the library and then in each of these modes.
    `defaults`: the text of a spark-defaults.conf, for all of them."""

    def __init__(self, python, folder, master, modes, defaults=None):
        folder.mkdir()
        self.modes = list(modes)
        # executors work in SPARK_HOME
        home = folder / "spark"
        home.mkdir()
        for part in ("bin", "jars"):
            (home / part).symlink_to(packages() / "pyspark" / part)
        if defaults:
            (home / "conf").mkdir()
            (home / "conf" / "spark-defaults.conf").write_text(defaults)
        for program in PROGRAMS:
            shutil.copy(program, folder)
        path = "%s:%s" % (folder, packages())
        plain = {
            "spark.ui.enabled": "false",
            "spark.python.daemon.module": "spark_daemon",
            "spark.executorEnv.PYTHONPATH": path,
        }
        wanted = [plain] + [{**plain, **self.preload(folder, mode)} for mode in self.modes]
        (folder / "configurations").write_text(json.dumps(wanted))
        variables = {
            "PYSPARK_PYTHON": python.path,
            "PYTHONPATH": path,
            "PYTHONDONTWRITEBYTECODE": "",  # else each worker compiles PySpark again
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            # a short life: no second compiler, no threads that collect
            "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        }
        command = [python.path, "spark_job.py", master, "configurations", "results"]
        super().__init__(command, folder, library=False, knobs={}, variables=variables)

    @staticmethod
    def preload(folder, mode):
        knobs = {
            "LOG": "info", "LOG_FORMAT": "json", "LOG_FILE": str(folder / ("events-" + mode)),
            **MODES[mode],
        }  # fmt: skip
        variables = {"GCFREEZE_" + name: value for name, value in knobs.items()}
        variables["LD_PRELOAD"] = LIBRARY
        return {"spark.executorEnv." + name: value for name, value in variables.items()}

    def outcomes(self):
        """({name: Outcome}, {name: sum}), the names being `without` and the modes."""
        assert self.process.wait(4 * DEADLINE) == 0
        results = json.loads((self.folder / "results").read_text())
        outcomes, sums = {}, {}
        for name, result in zip(["without", *self.modes], results):
            outcomes[name] = Outcome(Log(self.folder / ("events-" + name)), result["answers"])
            sums[name] = result["sum"]
        return outcomes, sums
