"""Workers that are killed at random instants, and masters that are told to replace all of them."""

import os
import select
import signal
import time
from dataclasses import dataclass

from servers.process import DEADLINE, read_stat, send, wait_for
from support.memory import children

from holdings import holdings

SAMPLE_EVERY = 2.0  # seconds


@dataclass(frozen=True)
class Kill:
    pid: int
    began: float
    dead: float  # when it was seen to be

    def overlaps(self, began, ended):
        return self.began <= ended and began <= self.dead


class Chaos:
    """Does it to one master for some seconds, and looks at what that master holds meanwhile."""

    def __init__(self, master, random, kill_every, reload_at, grace, spared=None):
        self.master = master
        self.random = random
        self.kill_every = kill_every  # seconds, on average
        self.reload_at = list(reload_at)  # seconds from the beginning
        self.grace = grace  # seconds that a worker may take to go when its master was told
        self.spared = spared  # of the pid of a worker that stands still: is it not to be killed?
        self.kills = []
        self.reloads = []  # when
        self.samples = []  # (when, holdings)
        self.sent_home = {}  # pid: until when it must be gone
        self.stuck = []

    def run(self, seconds, check):
        """`check()` raises when there is no point in going on."""
        began = time.monotonic()
        due = {self.kill: began + self.next_kill(), self.sample: began}
        reloads = [began + offset for offset in self.reload_at]
        while (now := time.monotonic()) < began + seconds:
            if reloads and reloads[0] <= now:
                self.reload()
                del reloads[0]
            for action, when in due.items():
                if when <= now:
                    check()
                    due[action] = now + action()
            time.sleep(max(0, min([*due.values(), *reloads[:1]]) - time.monotonic()))

    def next_kill(self):
        return self.random.expovariate(1 / self.kill_every)

    def kill(self):
        workers = children(self.master)
        if workers:
            self.kill_one(self.random.choice(workers))
        return self.next_kill()

    def kill_one(self, pid):
        """By a descriptor: workers end by themselves, and numbers are used again."""
        began = time.monotonic()
        try:
            worker = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if (read_stat(pid) or (None, None))[1] != self.master:
                return
            if self.spared and self.is_spared(worker, pid):
                return
            signal.pidfd_send_signal(worker, signal.SIGKILL)
            ended, _, _ = select.select([worker], [], [], DEADLINE)
            assert ended, "%d does not die" % pid
            self.kills.append(Kill(pid, began, time.monotonic()))
        except (ProcessLookupError, FileNotFoundError):
            pass  # it has ended meanwhile, and so has its folder in /proc
        finally:
            os.close(worker)

    def is_spared(self, worker, pid):
        signal.pidfd_send_signal(worker, signal.SIGSTOP)
        wait_for("%d to stop" % pid, lambda: (read_stat(pid) or ("T", 0))[0] == "T")
        spared = self.spared(pid)
        if spared:
            signal.pidfd_send_signal(worker, signal.SIGCONT)
        return spared

    def reload(self):
        now = time.monotonic()
        self.sent_home.update(dict.fromkeys(children(self.master), now + self.grace))
        send(self.master, signal.SIGHUP)
        self.reloads.append(now)

    def sample(self):
        now = time.monotonic()
        self.samples.append((now, holdings(self.master)))
        for pid, deadline in list(self.sent_home.items()):
            stat = read_stat(pid)
            if not stat or stat[1] != self.master:
                del self.sent_home[pid]
            elif now > deadline:
                del self.sent_home[pid]
                self.stuck.append(pid)
        return SAMPLE_EVERY
