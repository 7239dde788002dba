"""Apache with Debian's mod_wsgi: libpython comes with a module that the server opens RTLD_LOCAL."""

import os
import shutil
import signal
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from servers.host import debian_version
from servers.process import own_address, wait_for
from servers.server import Server

MODULES = "/usr/lib/apache2/modules"
PORT = 8080

CONFIGURATION = """
ServerRoot {folder}
ServerName localhost
PidFile pid
ErrorLog stderr
Listen {address}:{port}
LoadModule mpm_prefork_module {modules}/mod_mpm_prefork.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
StartServers 1
MinSpareServers 1
MaxSpareServers 1
WSGISocketPrefix {folder}/wsgi
WSGIScriptAlias / {folder}/app.py
WSGIPythonHome /usr
WSGIPythonPath {folder}
WSGICallableObject app
<Directory {folder}>
    Require all granted
</Directory>
"""

AS_ROOT = """
User www-data
Group www-data
"""

DAEMON = """
WSGIDaemonProcess app processes=1 threads=1 home={folder}
WSGIProcessGroup app
"""


# With the library and without: "PyMutex_Unlock: unlocking mutex that is not locked".
children_survive = pytest.mark.skipif(
    tuple(map(int, (debian_version() or "3").split("."))) >= (3, 13),
    reason="mod_wsgi calls PyOS_AfterFork_Child without PyOS_BeforeFork, and from 3.13 on its children"
    " abort if the server has initialized Python",
)


def problem():
    if not shutil.which("apache2"):
        return "Apache is not installed"
    if not os.path.exists(MODULES + "/mod_wsgi.so"):
        return "mod_wsgi is not installed"
    return None


@contextmanager
def public_folder():
    """pytest's own are closed to the user that root's Apache serves as."""
    with tempfile.TemporaryDirectory(prefix="gcfreeze-apache-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


class Apache(Server):
    """One process that serves: a child of the server, or of its own kind in daemon mode."""

    def __init__(self, folder, options, daemon, library=True, **more):
        self.address = own_address()
        folder.mkdir()
        text = CONFIGURATION + (DAEMON if daemon else "") + "\n".join(options)
        if os.geteuid() == 0:
            text += AS_ROOT
        values = {"folder": folder, "modules": MODULES, "address": self.address, "port": PORT}
        (folder / "configuration").write_text(text.format(**values))
        command = ["apache2", "-f", str(folder / "configuration"), "-DFOREGROUND"]
        super().__init__(command, folder, library, **more)

    def connect(self):
        return socket.create_connection((self.address, PORT))

    def wait_until_started(self, times):
        def started():
            assert self.process.poll() is None, self.stderr()
            return self.stderr().count("resuming normal operations") == times

        wait_for("start number %d" % times, started)

    def restart_gracefully(self):
        self.send_signal(signal.SIGUSR1)
        self.wait_until_started(2)

    def answer(self, besides=None):
        """What a process answers that is not the one of this answer."""

        def other():
            found = self.get("/collect")
            return found if besides is None or found["pid"] != besides["pid"] else None

        return wait_for("an answer", other)
