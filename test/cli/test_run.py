"""`gcfreeze run`, `env`, `path` and `knobs`."""

import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import LIBRARY, PROGRAM, ROOT, clean_environment, newest_python

BESIDE = str(Path(LIBRARY).parent.resolve() / "libgcfreeze.so.0")
PRINT = [newest_python(), "-c"]


def variables_of(gcfreeze, *arguments, **variables):
    """The library's variables and LD_PRELOAD in the environment of a program that is run."""
    outcome = gcfreeze("run", *arguments, "--", "env", **variables)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    pairs = dict(line.split("=", 1) for line in outcome.stdout.splitlines() if "=" in line)
    return {k: v for k, v in pairs.items() if k == "LD_PRELOAD" or k.startswith("GCFREEZE")}


# ---- run


def test_the_program_starts_with_the_library(gcfreeze):
    text = "import ctypes; print(ctypes.CDLL(None).gcfreeze_status(None))"
    outcome = gcfreeze("run", "--", *PRINT, text)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "-1\n", "")
    assert gcfreeze("run", *PRINT, text).stdout == "-1\n"


def test_what_is_preloaded_already_stays(gcfreeze):
    assert variables_of(gcfreeze) == {"LD_PRELOAD": BESIDE}
    assert variables_of(gcfreeze, LD_PRELOAD="") == {"LD_PRELOAD": BESIDE}
    other = "libm.so.6"
    found = variables_of(gcfreeze, LD_PRELOAD="%s: libutil.so.1" % other)
    assert found["LD_PRELOAD"] == "%s:%s:libutil.so.1" % (BESIDE, other)


def test_the_library_is_preloaded_once(gcfreeze, tmp_path):
    for entry in (BESIDE, LIBRARY):
        found = variables_of(gcfreeze, LD_PRELOAD="%s:libm.so.6" % entry)
        assert found["LD_PRELOAD"] == BESIDE + ":libm.so.6"
    other = shutil.copy(LIBRARY, tmp_path / "libgcfreezer.so")
    assert variables_of(gcfreeze, LD_PRELOAD=str(other))["LD_PRELOAD"] == "%s:%s" % (BESIDE, other)


def test_settings_are_options(gcfreeze):
    found = variables_of(
        gcfreeze, "--mode", "immortal", "--min-new=500", "--reshare-threads", "--reshare", "on", "--gcfreeze=1",
        GCFREEZE_MODE="freeze", GCFREEZE_LOG="info",
    )  # fmt: skip
    del found["LD_PRELOAD"]
    assert found == {
        "GCFREEZE": "1", "GCFREEZE_MODE": "immortal", "GCFREEZE_MIN_NEW": "500",
        "GCFREEZE_RESHARE_THREADS": "on", "GCFREEZE_RESHARE": "on", "GCFREEZE_LOG": "info",
    }  # fmt: skip


@pytest.mark.parametrize(
    "arguments, value", [(["--reshare-threads", "off"], "off"), (["--reshare-threads", "ON"], "ON"), (["--reshare-threads=0"], "0"), (["--reshare-threads"], "on")]
)
def test_a_switch_takes_its_value_as_other_settings_do(gcfreeze, arguments, value):
    assert variables_of(gcfreeze, *arguments)["GCFREEZE_RESHARE_THREADS"] == value
    assert "export GCFREEZE_RESHARE_THREADS=%s\n" % value in gcfreeze("env", *arguments).stdout
    outcome = gcfreeze("run", *arguments, "echo", "on")  # no -- between the two
    assert (outcome.returncode, outcome.stdout) == (0, "on\n")


def test_every_knob_is_an_option(gcfreeze):
    text = gcfreeze("run", "--help").stdout
    for knob in json.loads(gcfreeze("knobs", "--json").stdout):
        option = knob["name"].replace("GCFREEZE_", "").lower().replace("_", "-")
        assert re.search(r"^  --%s +%s" % (option, re.escape(knob["meaning"])), text, re.M), option


@pytest.mark.parametrize(
    "arguments, variables, message",
    [
        (["--mode", "imortal"], {}, 'GCFREEZE_MODE="imortal" is not allowed; allowed: auto, freeze'),
        ([], {"GCFREEZE_MIN_NEW": "many"}, 'GCFREEZE_MIN_NEW="many" is not allowed; allowed: 0 to'),
        ([], {"GCFREEZE_COLOUR": "red"}, "GCFREEZE_COLOUR"),
        (["--colour", "red"], {}, "unrecognized option '--colour'"),
        (["--mode"], {}, 'GCFREEZE_MODE="--" is not allowed'),
        (["--log-file", "relative"], {}, 'GCFREEZE_LOG_FILE="relative"'),
    ],
    ids=str,
)
def test_bad_values_end_it_before_the_start(gcfreeze, tmp_path, arguments, variables, message):
    started = tmp_path / "started"
    outcome = gcfreeze("run", *arguments, "--", "touch", started, **variables)
    assert outcome.returncode == 125 and message in outcome.stderr
    assert "default" not in outcome.stderr and "ignored" not in outcome.stderr  # neither is done
    assert not started.exists()


def test_a_dry_run_prints_what_a_shell_would_execute(gcfreeze, tmp_path):
    text = "import os; print(os.environ['GCFREEZE_ONLY'], os.getenv('LD_PRELOAD'), 'it\\'s')"
    arguments = ["--only", "a b*,$HOME", "--dry-run", "--", *PRINT, text]
    outcome = gcfreeze("run", *arguments)
    assert outcome.returncode == 0 and outcome.stdout.count("\n") == 1
    assert outcome.stdout.startswith("env LD_PRELOAD=%s GCFREEZE_ONLY=" % BESIDE)
    done = subprocess.run(
        ["sh", "-c", outcome.stdout], env=clean_environment(), text=True, stdout=subprocess.PIPE
    )
    assert done.stdout == "a b*,$HOME %s it's\n" % BESIDE


def test_a_dry_run_executes_nothing(gcfreeze, tmp_path):
    gcfreeze("run", "--dry-run", "--", "touch", tmp_path / "touched")
    assert not (tmp_path / "touched").exists()


def test_options_of_the_command_are_the_commands(gcfreeze):
    assert gcfreeze("run", "echo", "--mode", "x", "-h").stdout == "--mode x -h\n"
    assert gcfreeze("run", "--", "echo", "--", "-V").stdout == "-- -V\n"


@pytest.mark.parametrize("code", [0, 1, 7, 125])
def test_the_exit_code_is_the_commands(gcfreeze, code):
    assert gcfreeze("run", "--", "sh", "-c", "exit %d" % code).returncode == code


def test_a_command_that_dies_by_a_signal(gcfreeze):
    assert gcfreeze("run", "--", "sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM


def test_it_becomes_the_command(gcfreeze):
    """No process stays in between: signals of a supervisor arrive."""
    process = subprocess.Popen(
        [PROGRAM, "run", "--", *PRINT, "import os; print(os.getpid())"],
        env=clean_environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert int(process.communicate()[0]) == process.pid


def test_commands_that_cannot_be_run(gcfreeze, tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    outcome = gcfreeze("run", "--", "missing")
    assert outcome.returncode == 127 and "missing: there is no such command" in outcome.stderr
    outcome = gcfreeze("run", "--", plain)
    assert outcome.returncode == 126 and "it may not be executed" in outcome.stderr
    outcome = gcfreeze("run", "--", tmp_path)
    assert outcome.returncode == 126 and "it is a directory" in outcome.stderr
    outcome = gcfreeze("run", "--", tmp_path / "missing" / "x")
    assert outcome.returncode == 127
    outcome = gcfreeze("run", "--mode")
    assert outcome.returncode == 125 and "requires an argument" in outcome.stderr
    outcome = gcfreeze("run")
    assert outcome.returncode == 125 and "what is to be started?" in outcome.stderr
    outcome = gcfreeze("run", "--", "")
    assert outcome.returncode == 127 and "there is no such command" in outcome.stderr


def test_an_interpreter_that_is_not_there(gcfreeze, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    outcome = gcfreeze("run", "--", script)
    assert outcome.returncode == 127
    assert "%s: its interpreter, /no/such/interpreter, is not there" % script in outcome.stderr


def test_a_command_that_is_not_in_the_path(gcfreeze, tmp_path):
    script = tmp_path / "mine"
    script.write_text("#!/bin/sh\necho mine\n")
    script.chmod(0o755)
    path = "%s:%s" % (tmp_path, os.environ["PATH"])
    assert gcfreeze("run", "--", "mine", PATH=path).stdout == "mine\n"
    assert gcfreeze("run", "--", "./mine", cwd=tmp_path).stdout == "mine\n"
    assert gcfreeze("run", "--", "mine", cwd=tmp_path, PATH="/usr/bin::/bin").stdout == "mine\n"
    assert gcfreeze("run", "--", "mine", cwd=tmp_path).returncode == 127


@pytest.mark.parametrize(
    "first", ["#!/usr/bin/env python3", "#!/usr/bin/env -S A=b python3 -u", "#! {}"]
)
def test_scripts_start_with_the_library(gcfreeze, tmp_path, first):
    script = tmp_path / "script"
    text = "\nimport os\nprint(os.environ['LD_PRELOAD'])\n"
    script.write_text(first.format(newest_python()) + text)
    script.chmod(0o755)
    assert gcfreeze("run", "--", script).stdout == BESIDE + "\n"


@pytest.mark.skipif(not shutil.which("gcc"), reason="no gcc on this machine")
def test_programs_that_the_library_cannot_be_loaded_into(gcfreeze, tmp_path):
    static = tmp_path / "static"
    done = subprocess.run(
        ["gcc", "-static", "-o", static, "-x", "c", "-"], input=b"int main(void) { return 0; }"
    )
    assert done.returncode == 0
    secure = tmp_path / "secure"
    shutil.copy("/bin/true", secure)
    secure.chmod(0o4755)
    for program, reason in ((static, "linked statically"), (secure, "setuid")):
        outcome = gcfreeze("run", "--", program)
        assert outcome.returncode == 125
        assert "the library cannot work there" in outcome.stderr and reason in outcome.stderr


def test_a_library_that_does_not_load(gcfreeze, tmp_path):
    library = tmp_path / "libgcfreeze.so.0"
    library.write_bytes(Path(LIBRARY).read_bytes()[:8192])
    outcome = gcfreeze("run", "--", "true", GCFREEZE_LIBRARY=str(library))
    assert outcome.returncode == 125 and str(library) in outcome.stderr
    library.write_text("text")
    outcome = gcfreeze("run", "--", "true", GCFREEZE_LIBRARY=str(library))
    assert outcome.returncode == 125 and "%s is no library" % library in outcome.stderr


def test_a_library_in_a_folder_that_cannot_be_preloaded_from(gcfreeze, tmp_path):
    """ld.so splits LD_PRELOAD at spaces and colons."""
    for name in ("with space", "with:colon"):
        folder = tmp_path / name
        folder.mkdir()
        library = folder / "libgcfreeze.so.0"
        shutil.copy(LIBRARY, library)
        outcome = gcfreeze("run", "--", "true", GCFREEZE_LIBRARY=str(library))
        assert outcome.returncode == 125 and str(library) in outcome.stderr


# ---- path


def test_the_librarys_path(gcfreeze):
    outcome = gcfreeze("path")
    assert (outcome.returncode, outcome.stdout) == (0, BESIDE + "\n")


@pytest.mark.parametrize("place", ["bin", "lib", "lib/%s-linux-gnu" % platform.machine()])
def test_the_library_is_found_from_where_the_program_is(gcfreeze, tmp_path, place):
    for folder in ("bin", place):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    program = shutil.copy(PROGRAM, tmp_path / "bin")
    library = shutil.copy(LIBRARY, tmp_path / place / "libgcfreeze.so.0")
    link = tmp_path / "link"
    link.symlink_to(program)
    for command in (program, link):
        done = subprocess.run([command, "path"], env=clean_environment(), stdout=subprocess.PIPE)
        assert done.stdout.decode() == str(library) + "\n"


def test_a_library_that_was_chosen(gcfreeze, tmp_path):
    library = shutil.copy(LIBRARY, tmp_path / "mine.so")
    assert gcfreeze("path", GCFREEZE_LIBRARY=str(library)).stdout == str(library) + "\n"
    assert variables_of(gcfreeze, GCFREEZE_LIBRARY=str(library))["LD_PRELOAD"] == str(library)
    outcome = gcfreeze("path", GCFREEZE_LIBRARY="/nowhere/x.so")
    assert outcome.returncode == 125 and outcome.stdout == ""
    assert "GCFREEZE_LIBRARY=/nowhere/x.so: there is no such file" in outcome.stderr


def test_no_library_anywhere(tmp_path):
    program = shutil.copy(PROGRAM, tmp_path)
    done = subprocess.run(
        [program, "path"], env=clean_environment(), capture_output=True, text=True
    )
    if done.returncode == 0:
        pytest.skip("the library is installed on this machine: " + done.stdout)
    assert done.returncode == 125 and "GCFREEZE_LIBRARY=/path/to/it" in done.stderr


# ---- env


SETTINGS = ["--mode", "immortal", "--skip", "it's 100% \"a\\b\" $HOME"]
VALUES = ["immortal", "it's 100% \"a\\b\" $HOME", BESIDE]
NAMES = ["GCFREEZE_MODE", "GCFREEZE_SKIP", "LD_PRELOAD"]


def test_lines_for_a_shell(gcfreeze):
    lines = gcfreeze("env", *SETTINGS).stdout
    assert lines == gcfreeze("env", "--shell", "sh", *SETTINGS).stdout
    show = "".join('; printf "%%s\\n" "$%s"' % name for name in NAMES)
    done = subprocess.run(
        ["sh", "-c", lines.rstrip("\n").replace("\n", "; ") + show],
        env=clean_environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == VALUES


def test_lines_for_fish(gcfreeze):
    lines = gcfreeze("env", "--shell=fish", *SETTINGS).stdout.splitlines()
    assert lines[0] == "set -gx LD_PRELOAD '%s'" % BESIDE
    assert "set -gx GCFREEZE_MODE 'immortal'" in lines
    # in single quotes, fish knows \\ and \' alone
    (skip,) = (line for line in lines if "SKIP" in line)
    assert skip == r"""set -gx GCFREEZE_SKIP 'it\'s 100% "a\\b" $HOME'"""


def test_lines_for_a_dockerfile(gcfreeze):
    lines = gcfreeze("env", "--shell=docker", *SETTINGS).stdout.splitlines()
    assert lines[0] == "ENV LD_PRELOAD=" + BESIDE
    # words are what they are to a shell, quotes included
    words = [shlex.split(line) for line in lines]
    assert sorted(words) == [["ENV", "%s=%s" % pair] for pair in zip(NAMES, VALUES)]


def test_lines_for_systemd(gcfreeze):
    lines = gcfreeze("env", "--shell=systemd", *SETTINGS).stdout.splitlines()
    assert lines[0] == 'Environment="LD_PRELOAD=%s"' % BESIDE
    (skip,) = (line for line in lines if "SKIP" in line)
    # systemd.unit(5): %% is %, systemd.exec(5): $ means nothing here
    assert skip == r'''Environment="GCFREEZE_SKIP=it's 100%% \"a\\b\" $HOME"'''


def test_lines_for_kubernetes(gcfreeze):
    text = gcfreeze("env", "--shell=kubernetes", *SETTINGS).stdout
    pairs = re.findall(r'^- name: (\S+)\n  value: ("[^\n]*")$', text, re.M)
    # $(NAME) is a variable there, and $$ is $; a double-quoted scalar of YAML is a string of JSON
    values = {name: json.loads(value).replace("$$", "$") for name, value in pairs}
    assert values == dict(zip(NAMES, VALUES))
    assert text.count("\n") == 2 * len(NAMES)


def test_a_shell_that_is_not_known(gcfreeze):
    outcome = gcfreeze("env", "--shell", "csh")
    assert outcome.returncode == 125 and outcome.stdout == ""
    assert "allowed: sh, fish, docker, systemd, kubernetes" in outcome.stderr
    assert gcfreeze("env", "--mode=x").returncode == 125


# ---- knobs


def test_knobs_are_those_of_the_table_in_the_readme(gcfreeze):
    knobs = json.loads(gcfreeze("knobs", "--json").stdout)
    names = [knob["name"] for knob in knobs]
    rows = re.findall(r"^\| (`GCFREEZE.*?) \|", (ROOT / "README.md").read_text(), re.M)
    assert sorted(names) == sorted(name for row in rows for name in re.findall(r"`(\w+)`", row))
    for knob in knobs:
        assert knob["type"] and knob["values"] and knob["meaning"]
        assert knob["current"] == knob["default"]


def test_knobs_tell_their_current_values(gcfreeze):
    knobs = {
        knob["name"]: knob
        for knob in json.loads(
            gcfreeze("knobs", "--json", GCFREEZE_MIN_NEW="500", GCFREEZE_MODE="bad").stdout
        )
    }
    assert knobs["GCFREEZE_MIN_NEW"]["current"] == "500"
    bounds = [knobs["GCFREEZE_MIN_NEW"][name] for name in ("lower", "upper")]
    assert bounds == [0, 1000000000]
    assert knobs["GCFREEZE_MODE"]["current"] == "auto"  # what the library makes of a bad value


def test_a_long_value_is_told_as_well(gcfreeze):
    words = " ".join("/page/%d" % number for number in range(400))
    knobs = json.loads(gcfreeze("knobs", "--json", GCFREEZE_WARMUP=words).stdout)
    assert [knob["current"] for knob in knobs if knob["name"] == "GCFREEZE_WARMUP"] == [words]


def test_knobs_for_people(gcfreeze):
    outcome = gcfreeze("knobs", GCFREEZE_MIN_NEW="500")
    lines = outcome.stdout.splitlines()
    index = next(i for i, line in enumerate(lines) if line.startswith("GCFREEZE_MIN_NEW "))
    assert lines[index].split()[1] == "500" and "default: 10000" in lines[index + 2]
    assert "\033" not in outcome.stdout
    assert "\033" in gcfreeze("knobs", "--color=always").stdout


# ---- all of them


COMMANDS = ["run", "env", "path", "knobs", "doctor", "top", "stat"]


def test_the_list_of_commands(gcfreeze):
    outcome = gcfreeze("--help")
    assert outcome.returncode == 0
    for command in COMMANDS:
        assert re.search(r"^  %s +\S" % command, outcome.stdout, re.M)
    bare = gcfreeze()
    assert bare.returncode == 125 and bare.stdout == "" and "usage: gcfreeze" in bare.stderr
    outcome = gcfreeze("rum")
    assert outcome.returncode == 125 and 'there is no command "rum"' in outcome.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_each_has_help_and_a_version(gcfreeze, command):
    for option in ("-h", "--help"):
        outcome = gcfreeze(command, option)
        assert outcome.returncode == 0 and outcome.stderr == ""
        assert outcome.stdout.startswith("usage: gcfreeze %s" % command)
    for option in ("-V", "--version"):
        outcome = gcfreeze(command, option)
        assert outcome.returncode == 0 and re.fullmatch(r"gcfreeze [\d.]+\n", outcome.stdout)
    outcome = gcfreeze(command, "--no-such-option")
    assert outcome.returncode == 125 and "`gcfreeze %s --help`" % command in outcome.stderr
    outcome = gcfreeze(command, "--color=red")
    assert outcome.returncode == 125 and "allowed: auto, always, never" in outcome.stderr


@pytest.mark.parametrize("command", ["path", "knobs", "env"])
def test_arguments_that_mean_nothing_are_refused(gcfreeze, command):
    outcome = gcfreeze(command, "something")
    assert outcome.returncode == 125 and '"something" is too much' in outcome.stderr


@pytest.mark.parametrize("command", ["path", "knobs", "env", "--help"])
def test_an_answer_that_cannot_be_written_is_an_error(command):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [PROGRAM, command],
            env=clean_environment(), stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert done.returncode == 125 and "cannot write the answer" in done.stderr


def test_colours(gcfreeze):
    """A terminal gets them, unless it is asked not to; script(1) is one."""

    def in_terminal(*arguments, **variables):
        return subprocess.run(
            ["script", "-qec", " ".join([PROGRAM, *arguments]), "/dev/null"],
            env=clean_environment(TERM="xterm", **variables),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        ).stdout  # fmt: skip

    assert "\033" in in_terminal("knobs")
    assert "\033" in in_terminal("knobs", NO_COLOR="")
    assert "\033" not in in_terminal("knobs", NO_COLOR="1")
    assert "\033" not in in_terminal("--color=never", "knobs")
    assert "\033" in in_terminal("knobs", "--color=always", NO_COLOR="1")
