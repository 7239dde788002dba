"""Fresh Debian roots, thrown away after use: an overlay over one that debootstrap made, in namespaces of
its own, so that nothing that is installed or started there outlives the test."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gcfreeze"
INCLUDED = "ca-certificates,gunicorn"

# bash -c MAKE make-root RELEASE FOLDER: only one makes it, others wait
MAKE = """
set -euo pipefail
source test/support/debian-root.sh
mkdir -p "$(dirname "$2")"
exec 9>"$2.lock"
flock 9
[ -e "$2" ] || debian_root "$1" "$2" --include=%s
""" % INCLUDED

# bash -c HOLD hold-root BASE FOLDER: a root over BASE, until stdin ends
HOLD = """
set -euo pipefail
mount -t tmpfs -o mode=0755 tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/root"
cd "$2/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=1777 tmpfs dev/shm
cp -L --remove-destination /etc/resolv.conf etc/resolv.conf
[ ! -e /etc/ssl/certs/ca-certificates.crt ] ||
    cp -L --remove-destination /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/ca-certificates.crt
exec chroot . sh -c 'echo ready; read line'
"""


class Root:
    def __init__(self, base, folder):
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child",
             "bash", "-c", HOLD, "hold-root", str(base), str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if self.holder.stdout.readline() != "ready\n":
            pytest.fail("no root over %s: %s" % (base, self.holder.communicate()[1]))
        children = Path("/proc/%d/task/%d/children" % (self.holder.pid, self.holder.pid))
        self.init = children.read_text().split()[0]

    def close(self):
        """Ends what runs in it, too: its first process goes, and takes all others with it."""
        self.holder.communicate()

    def start(self, *command, **variables):
        environment = ["%s=%s" % pair for pair in variables.items()]
        return subprocess.Popen(
            ["nsenter", "--target", self.init, "--mount", "--pid", "--root", "--wd",
             "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
             "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", *environment,
             *map(str, command)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *command, check=True, **variables):
        process = self.start(*command, **variables)
        process.stdout_text, process.stderr_text = process.communicate()
        if check:
            outcome = (command, process.stdout_text, process.stderr_text)
            assert process.returncode == 0, "%s\n%s\n%s" % outcome
        return process

    def path(self, name):
        """A file of the root, as this side sees it."""
        return Path("/proc/%s/root" % self.init) / name.lstrip("/")

    def put(self, source, name):
        shutil.copy(source, self.path(name))

    def files(self):
        """All that is there, but what apt and dpkg keep for themselves."""
        done = self.run(
            "find", "/", "-xdev", "(", "-path", "/var/lib/apt", "-o", "-path", "/var/lib/dpkg",
            "-o", "-path", "/var/cache", "-o", "-path", "/var/log", "-o", "-path", "/tmp", ")",
            "-prune", "-o", "-print",
        )  # fmt: skip
        return set(done.stdout_text.splitlines())


def obstacle():
    """Why there can be no root here, or None."""
    if os.geteuid() != 0:
        return "only root can make roots"
    done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], stderr=subprocess.PIPE)
    return "no namespaces here: %s" % done.stderr.decode().strip() if done.returncode else None


def base_of(release):
    """The cached root of a release; it is made if there is none, and the test skipped if it cannot be."""
    why = obstacle()
    if why:
        pytest.skip(why)
    base = CACHE / ("packages-" + release)
    done = subprocess.run(
        ["bash", "-c", MAKE, "make-root", release, str(base)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip("no Debian %s: %s" % (release, done.stdout.strip()))
    return base
