"""A redis-server of its own for a test, on a socket in its folder."""

import shutil
import socket
import subprocess

from servers.process import wait_for

SERVER = shutil.which("redis-server")


class Redis:
    def __init__(self, folder):
        self.socket = str(folder / "socket")
        options = ["--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no"]
        self.log = folder / "log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([SERVER, *options], cwd=folder, stdout=log, stderr=log)
        try:
            wait_for("redis", self.answers)
        except BaseException:
            self.stop()
            raise

    def answers(self):
        assert self.process.poll() is None, self.log.read_text()
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(self.socket)
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            client.sendall(b"PING\r\n")
            return client.recv(100) == b"+PONG\r\n"

    def backends(self):
        """{the number of each connection: the process that named it so}, of those whose name is warm-PID."""
        cli = ["redis-cli", "-s", self.socket, "CLIENT", "LIST"]
        lines = subprocess.run(cli, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        clients = [dict(pair.split("=", 1) for pair in line.split()) for line in lines if line]
        return {int(one["id"]): int(one["name"][5:]) for one in clients if one["name"].startswith("warm-")}

    def stop(self):
        self.process.kill()
        self.process.wait()
