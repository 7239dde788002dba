"""The files of docs/recipes/ as an operator would use them, but for names of folders and users."""

import configparser
import os
import re
import shlex
import shutil
import subprocess

import pytest
from conftest import LIBRARY, ROOT
from servers.server import Server

FOLDER = ROOT / "docs" / "recipes"
INSTALLED = "/usr/lib/x86_64-linux-gnu/libgcfreeze.so.0"
CLI = os.environ["GCFREEZE_TEST_CLI"]


def read(name, **changes):
    """The file with this build's library in it. `changes` replace texts that must be there:
    read("x", app="/tmp/app") replaces /srv/app by /tmp/app."""
    text = (FOLDER / name).read_text()
    places = {"app": "/srv/app", "run": "/run/app", "venv": "/srv/app/venv/bin", "library": INSTALLED}
    # the longer name first: one is a part of the other
    for place in sorted(changes, key=lambda place: -len(places[place])):
        assert places[place] in text, "%s: %s" % (name, place)
        text = text.replace(places[place], str(changes[place]))
    return text


def require(*programs):
    for program in programs:
        if not shutil.which(str(program)):
            pytest.skip("%s is not installed" % program)


def unit(text, key):
    """The values of a key in a unit file, each split into words as systemd.syntax(7) says; these files
    use neither specifiers nor escapes but quotes."""
    values = re.findall(r"^%s=(.*)$" % key, text, re.M)
    return [shlex.split(value) for value in values]


def unit_environment(text):
    return dict(word.split("=", 1) for words in unit(text, "Environment") for word in words)


def knobs_of(environment):
    return {name: value for name, value in environment.items() if name.startswith("GCFREEZE")}


def printed(shell, environment):
    """What `gcfreeze env` prints for the same settings where the library is installed."""
    options = ["--%s=%s" % (name[len("GCFREEZE_") :].lower().replace("_", "-"), value)
               for name, value in knobs_of(environment).items()]  # fmt: skip
    env = {**os.environ, "GCFREEZE_LIBRARY": LIBRARY}
    text = subprocess.check_output([CLI, "env", "--shell", shell, *options], env=env, text=True)
    assert LIBRARY in text
    return sorted(text.replace(LIBRARY, INSTALLED).splitlines())


def supervisor(text):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser["program:app"]


def as_installed(folder, command, environment):
    """A server that has these variables, and no others of ours."""
    environment["LD_PRELOAD"] = LIBRARY
    return Server(command, folder, library=False, knobs={}, variables=environment)
