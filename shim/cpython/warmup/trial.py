"""Items are tried in children, and the parent runs those that went well."""


class Trial:
    """What one child found: how many items are proved, which one is bad, and why."""

    def __init__(self, items, application, apart, seconds):
        try:
            outcome = trial(seconds)
        except BaseException as error:
            raise Interrupted(error)
        if outcome is None:
            try_all(items, application, apart)
        if isinstance(outcome, int):
            raise OSError(outcome, "no child can be forked for a trial: " + posix.strerror(outcome))
        lines, status, late = outcome
        self.proved, self.bad, self.why = 0, None, None
        running = None
        ended = False
        for line in lines.splitlines():
            word, *rest = line.split("\t")
            if word == "runs":
                running = int(rest[0])
            elif word == "answered":
                running = None
            elif word == "proved":
                self.proved += int(rest[0])
            elif word == "bad":
                self.bad, self.why = int(rest[0]), rest[1]
            ended = ended or word in ("bad", "end")
        if not ended:
            self.bad = running if running is not None else -1
            self.why = ending(status, late)


def ending(status, late):
    if late:
        return "did not come to its end in the time that trials have (GCFREEZE_WARMUP_SECONDS)"
    if posix.WIFSIGNALED(status):
        return "ended the process with signal %d" % posix.WTERMSIG(status)
    return "ended the process with exit status %d" % posix.WEXITSTATUS(status)


def try_all(items, application, pages_apart):
    """The child's part; it ends here."""
    run = Run(items, application, pages_apart, True)

    def work():
        try:
            run.all()
            report("end")
        except Bad as error:
            report("bad\t%d\t%s" % (-1 if error.index is None else error.index, error))
        except BaseException as error:
            report("bad\t%d\t%s" % (items.index(run.running) if run.running else -1, raised(error)))
        finally:
            posix._exit(0)

    try:
        apart(work)
    except Exception as error:  # without /proc, for one
        report("bad\t-1\t%s" % raised(error))
    finally:
        posix._exit(1)


# ---- the parent ----


def own_bytes():
    """This process's memory that is no file's."""
    with io.open("/proc/self/statm") as file:
        resident, shared = file.read().split()[1:3]
    return (int(resident) - int(shared)) * posix.sysconf("SC_PAGE_SIZE")


class WarmUp:
    def __init__(self, application, seconds):
        self.application, self.seconds = application, seconds
        self.apart = False
        self.statuses, self.left_out = [], 0
        self.trial_us = self.parent_us = self.bytes = 0

    def leave_out(self, item, why):
        self.left_out += 1
        tell("warm-up: %s %s; it is left out" % (shown(item.word), why))

    def leave_rest_out(self, items, why):
        if items:
            self.left_out += len(items)
            tell("warm-up: %s; left out: %s" % (why, shown(" ".join(item.word for item in items))))

    def all(self, items):
        close_connections()  # of what was loaded; a child that closed its copies would close these
        while items:
            start = time.monotonic()
            left = self.seconds - self.trial_us / 1e6
            if left <= 0:
                self.leave_rest_out(items, "%d s are over (GCFREEZE_WARMUP_SECONDS)" % self.seconds)
                return
            tried = Trial(items, self.application, self.apart, left)
            self.trial_us += int((time.monotonic() - start) * 1e6)
            over = self.run(items[: tried.proved]) if tried.proved else 0
            if over is None:
                self.leave_rest_out(items[tried.proved :], "the parent came to no end")
                return
            if over < tried.proved:  # those behind it are tried anew
                del items[:over]
                continue
            if tried.bad is None:
                return
            if tried.bad >= 0:
                self.leave_out(items[tried.bad], tried.why)
                del items[tried.bad]
            elif self.apart:
                self.leave_rest_out(items[tried.proved :], "the trial %s" % tried.why)
                return
            else:
                self.apart = True  # which page is it?
            del items[: tried.proved]

    def run(self, items):
        """How many of them are over; None: it takes too long, and goes on beside the fork."""
        start, before = time.monotonic(), own_bytes()
        traces = Traces()
        run = Run(items, self.application, self.apart, False)
        why = late = bad = None
        with Kept():
            try:
                error = apart(run.all, self.seconds)
                why = error if isinstance(error, Bad) else error and raised(error)
                bad = error.index if isinstance(error, Bad) else None
            except Late:
                late = why = "takes longer than %d s" % self.seconds
        self.parent_us += int((time.monotonic() - start) * 1e6)
        self.bytes += max(0, own_bytes() - before)
        over = len(items) if bad is None else max(bad + 1, len(run.statuses))
        self.statuses += run.statuses
        self.left_out += over - len(run.statuses)
        if why:
            item = (run.running or items[-1]) if bad is None else items[bad]
            tell("warm-up: %s went well in a child, and in the parent it %s" % (shown(item.word), why))
        if run.judges:
            self.cut_connections(traces)
        return None if late else over

    @staticmethod
    def cut_connections(traces):
        """An error in a worker is better than two of them on one connection."""
        for number, target in open_files() - traces.files:
            if target.startswith("socket:"):
                peer, connection = peer_of(number)
                if peer is not None:
                    connection.shutdown(2)
                connection.close()

    def counts(self):
        kinds = sorted(set(self.statuses))
        return " ".join("%s:%d" % (kind, self.statuses.count(kind)) for kind in kinds)


def warm(words, seconds, name, function, where):
    items, bad = items_of(words)
    work = WarmUp(None, seconds)
    work.left_out = bad
    if where:
        work.application = loaded_application(function, where)
        if work.application is None:
            work.leave_rest_out(items, "%s has loaded no application before it forks: see gcfreeze doctor" % name)
            return work
    elif not name and not any(isinstance(item, Function) for item in items):
        return work  # some program that inherits the variable
    for item in [item for item in items if isinstance(item, Page) and not where]:
        work.leave_out(item, "is a page, and %s answers none that this library knows" % (name or "this program"))
        items.remove(item)
    work.all(items)
    return work


def warm_up(words, seconds, name, function, where):
    """`where` is the application of a server with that name: a variable of the function that forks. Either may be
    empty. What the status page says of it."""
    try:
        work = warm(words, seconds, name, function, where)
    except Interrupted as stop:
        raise stop.args[0] from None
    except Exception as error:
        tell("warm-up: it failed and was given up: %s" % raised(error))
        work = WarmUp(None, seconds)
    return len(work.statuses), work.left_out, work.trial_us, work.parent_us, work.bytes, work.counts()
