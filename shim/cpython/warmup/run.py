"""Running items in this process, in a thread of their own."""


class Run:
    """Items in order, in this process. `apart`: pages share no lifespan. `tried`: in a child, which tells its parent how
    far it has come."""

    def __init__(self, items, application, apart, tried):
        self.items, self.application, self.apart, self.tried = items, application, apart, tried
        # beside other threads nobody knows whose an open file is; the child has none
        self.judges = tried or threads() == 1
        self.running = None  # an item
        self.statuses = []
        self.met = {}  # (descriptor, target): the item after which it was seen first

    def say(self, *words):
        if self.tried:
            report("\t".join(str(word) for word in words))

    def note(self, item):
        return Note(self, item)

    def steps(self):
        """What can be judged only at its end: pages in a row that share a lifespan, or one item."""
        asynchronous = self.application is not None and is_asynchronous(self.application)
        steps = []
        for item in self.items:
            if asynchronous and not self.apart and steps and isinstance(item, Page) and isinstance(steps[-1][0], Page):
                steps[-1].append(item)
            else:
                steps.append([item])
        return steps, asynchronous

    def take(self, step, asynchronous):
        if isinstance(step[0], Page) and asynchronous:
            loop = in_loop(visit(self.application, step, self.note))
            if self.tried and is_used(loop):
                in_loop(visit(self.application, [], self.note))  # as a worker: its lifespan may set it anew
                assert_unused(loop)
            return
        with self.note(step[0]) as answered:
            if isinstance(step[0], Page):
                answered(ask_wsgi(self.application, step[0]))
            else:
                self.call(step[0])
                answered("function")

    def call(self, item):
        value = __import__(item.module, fromlist=["*"])
        for name in item.function.split("."):
            value = getattr(value, name)
        value = value()
        if hasattr(value, "__await__"):
            loop = in_loop(value)
            value = None
            if self.tried:
                assert_unused(loop)

    def all(self):
        """Raises Bad."""
        steps, asynchronous = self.steps()
        for step in steps:
            traces = Traces()
            self.traces = traces
            try:
                self.take(step, asynchronous)
            except Bad as error:
                raise error if error.index is not None or len(step) > 1 else Bad(str(error), self.items.index(step[0]))
            close_connections()
            why, number = traces.left() if self.judges else (None, None)
            if why:
                seen = [item for (file, _), item in self.met.items() if file == number]
                raise Bad(why, self.items.index(seen[0] if seen else step[-1]))
            self.say("proved", len(step))


class Note:
    """An item that runs: `with run.note(item) as answered: answered(200)`."""

    def __init__(self, run, item):
        self.run, self.item, self.status = run, item, None

    def __enter__(self):
        self.run.running = self.item
        self.run.say("runs", self.run.items.index(self.item))
        return self.answered

    def answered(self, status):
        self.status = status

    def __exit__(self, kind, error, traceback):
        index = self.run.items.index(self.item)
        if isinstance(error, Bad):
            raise Bad(str(error), index)
        if error is not None:
            raise Bad(raised(error), index)
        if isinstance(self.status, int) and self.status >= BAD:
            raise Bad("answered %d%s" % (self.status, hint(self.status, self.item)), index)
        self.run.running = None
        self.run.statuses.append(str(self.status))
        self.run.say("answered", self.status)
        for file in open_files() - self.run.traces.files:
            self.run.met.setdefault(file, self.item)


def hint(status, page):
    if status == 400 and "django.http" in sys.modules:
        return ': Django does so to a host that ALLOWED_HOSTS lacks ("%s"); http://host/path asks for another' % page.name
    return ""


def original(name):
    """A function of _thread; gevent replaces them."""
    saved = getattr(sys.modules.get("gevent.monkey"), "saved", {})
    return saved.get("_thread", {}).get(name) or getattr(_thread, name)


class Late(Exception):
    pass


class Interrupted(BaseException):
    """A handler of the program's has raised this while we waited: it is the program's, and not an item's."""


def forget_dummy():
    """threading's, for this thread. Its name has a number, which is the next thread's if nobody has got one since."""
    threading = sys.modules.get("threading")
    dummy = getattr(threading, "_active", {}).pop(original("get_ident")(), None)
    number = getattr(dummy, "name", "").partition("Dummy-")[2]
    counter = getattr(getattr(threading, "_counter", None), "__self__", None)
    if number.isdigit() and repr(counter) == "count(%d)" % (int(number) + 1):
        threading._counter = type(counter)(int(number)).__next__


def apart(work, seconds=-1):
    """work() in a thread of its own. What it raises; or Late is raised, and then the thread goes on."""
    outcome, over = [], original("allocate_lock")()
    over.acquire()

    def body():
        try:
            work()
        except BaseException as error:
            outcome.append(error.with_traceback(None))
        finally:
            try:
                forget_dummy()
            finally:
                over.release()

    before = threads()
    original("start_new_thread")(body, ())
    try:
        came = over.acquire(True, seconds)
    except BaseException as error:
        raise Interrupted(error)
    if not came:
        raise Late
    end = time.monotonic() + GRACE
    while threads() > before and time.monotonic() < end:
        time.sleep(0.0001)
    return outcome[0] if outcome else None


class Kept:
    """What the application has set for the whole process, and finds again after the warm-up."""

    def __enter__(self):
        self.argv, self.arguments = sys.argv, sys.argv[:]
        self.folder = posix.getcwd()
        self.random = [(get(), put) for get, put in generators()]
        self.warnings = sys.modules["warnings"].catch_warnings() if "warnings" in sys.modules else None
        if self.warnings:
            self.warnings.__enter__()

    def __exit__(self, *exception):
        if self.warnings:
            self.warnings.__exit__(*exception)
        sys.argv = self.argv
        sys.argv[:] = self.arguments
        for state, put in self.random:
            put(state)
        if posix.getcwd() != self.folder:
            posix.chdir(self.folder)


def generators():
    for name, get, put in (("random", "getstate", "setstate"), ("numpy.random", "get_state", "set_state")):
        module = sys.modules.get(name)
        if hasattr(module, put):
            yield getattr(module, get), getattr(module, put)
