"""GCFREEZE_WARMUP: what a parent runs right before it forks its first worker.

The library has this file in itself and runs it once, if the variable is set. Before it does, it puts these names here:

    trial(seconds)  forks a child that the host does not notice. None in the child. In the parent, once the child has
                    ended: what it reported, its wait status, and whether the time was over; or an error's number
    report(line)    in that child: a line for the parent
    tell(line)      a line for the operator

What is run: *items*, pages and functions, in the order of the words. A child tries them until one goes wrong; the parent
then runs those that went well, and another child, forked from it as it is by then, tries those behind the bad one. So
the parent never runs anything that has not gone well in a copy of itself a moment before.

Pages run in a thread of their own: what is kept for each thread (its locals, context variables, the event loop, the
current exception) ends with it.
"""

import sys

LOADED = set(sys.modules)

import _thread
import _weakref
import gc
import io
import posix
import time

for name in set(sys.modules) - LOADED:
    del sys.modules[name]  # the application finds there what it would find without us

BAD = 400  # from this status on, a page has not gone well
GRACE = 1  # seconds that threads which are ending get
SHOWN = 160  # characters of somebody else's text
AGENT = "gcfreeze warm-up"
ACCEPT = "text/html,application/xhtml+xml,*/*;q=0.8"
PORTS = {"http": "80", "https": "443"}


class Bad(Exception):
    """Why an item is left out, as the end of a sentence. `index`: which one, if it is not the one that was running."""

    def __init__(self, why, index=None):
        super().__init__(why)
        self.index = index


def shown(text):
    line = " ".join(str(text).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."


def raised(error):
    return ("raised %s: %s" % (type(error).__name__, shown(error))).rstrip(": ")


# ---- what the words mean ----


class Page:
    def __init__(self, word):
        self.word = word
        self.scheme, separator, rest = word.partition("://")
        if not separator:
            self.scheme, rest = "http", "localhost" + word
        self.host, slash, target = rest.partition("/")
        self.target = "/" + target.partition("#")[0]
        path, _, self.query = self.target.partition("?")
        self.path = unquoted(path)  # bytes
        self.name, _, port = self.host.partition(":")
        self.port = port or PORTS.get(self.scheme, "")
        if self.scheme not in PORTS or not self.name or not self.port.isdigit() or not word.isascii():
            raise ValueError


class Function:
    def __init__(self, word):
        self.word = word
        self.module, colon, self.function = word.partition(":")
        names = self.module.split(".") + self.function.split(".")
        if not colon or not all(name.isidentifier() for name in names):
            raise ValueError


def unquoted(path):
    first, *rest = path.encode("ascii").split(b"%")
    for part in rest:
        first += bytes([int(part[:2], 16)]) + part[2:]
    return first


def item_of(word):
    return Page(word) if word.startswith("/") or "://" in word else Function(word)


def lines_of(path):
    with io.open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    return [line for line in lines if line and not line.startswith("#")]


def items_of(words):
    """Pages and functions. A bad word gets a line and is left out."""
    found = []
    for word in words.split():
        try:
            found += lines_of(word[1:]) if word.startswith("@/") else [word]
        except (OSError, ValueError) as error:
            tell('GCFREEZE_WARMUP: "%s" cannot be read and is left out: %s' % (shown(word), shown(error)))
    items = []
    for word in found:
        try:
            items.append(item_of(word))
        except ValueError:
            tell(
                'GCFREEZE_WARMUP: "%s" is not allowed and is left out; allowed: /path, http://host/path, '
                "module:function, @/file" % shown(word)
            )
    return items


# ---- the application ----


def of_frame(function, path):
    """A variable of a function that is running, with attributes."""
    module, name = function.split(":")
    frame = sys._getframe()
    while (frame.f_globals.get("__name__"), frame.f_code.co_name) != (module, name):
        frame = frame.f_back
    first, *attributes = path.split(".")
    value = frame.f_locals[first]
    for attribute in attributes:
        value = getattr(value, attribute)
    return value


def of_uwsgi(options):
    """What uWSGI's plugin for Python does with its options (2.0.31, plugins/python/pyloader.c)."""

    def option(name):
        value = options.get(name)
        value = value[-1] if isinstance(value, list) else value
        return value.decode() if isinstance(value, bytes) else ""

    module, _, function = (option("module") or option("wsgi")).partition(":")
    names = [module] if module else [name for name in sys.modules if name.startswith("uwsgi_file_")]
    found = sys.modules.get(names[0]) if names else None
    return getattr(found, function or option("callable") or "application", None)


def loaded_application(function, where):
    return of_uwsgi(sys.modules["uwsgi"].opt) if where == "uwsgi.opt" else of_frame(function, where)


def is_asynchronous(application):
    """Like uvicorn (0.54, uvicorn/config.py). Whatever has one coroutine function has loaded inspect."""
    inspect = sys.modules.get("inspect")
    application = getattr(application, "func", application)  # functools.partial
    call = getattr(type(application), "__call__", None)
    return bool(inspect) and (inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(call))


# ---- WSGI ----


def ask_wsgi(application, page):
    """The status."""
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": page.path.decode("latin-1"),
        "QUERY_STRING": page.query,
        "RAW_URI": page.target,
        "REQUEST_URI": page.target,
        "SERVER_NAME": page.name,
        "SERVER_PORT": page.port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": AGENT,
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "0",
        "HTTP_HOST": page.host,
        "HTTP_ACCEPT": ACCEPT,
        "HTTP_USER_AGENT": AGENT,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": page.scheme,
        "wsgi.input": io.BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    statuses = []

    def start_response(status, headers, exc_info=None):
        statuses.append(int(status.split()[0]))
        return lambda data: None

    body = application(environ, start_response)
    try:
        for _ in body:
            pass
    finally:
        if hasattr(body, "close"):
            body.close()
    return statuses[-1]


# ---- ASGI ----


async def ask_asgi(application, page, state):
    """The status."""
    import asyncio

    over, statuses, received = asyncio.Event(), [], []

    async def receive():
        if received:
            await over.wait()
            return {"type": "http.disconnect"}
        received.append(True)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            over.set()

    headers = [("host", page.host), ("accept", ACCEPT), ("user-agent", AGENT)]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": page.scheme,
        "path": page.path.decode("utf-8", "replace"),
        "raw_path": page.target.partition("?")[0].encode(),
        "query_string": page.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "client": ("127.0.0.1", 0),
        "server": (page.name, int(page.port)),
        "state": dict(state),
    }
    await application(scope, receive, send)
    return statuses[-1]


class Lifespan:
    """Started and shut down around pages. An application that has none raises, and is asked without (as uvicorn does)."""

    def __init__(self, application):
        import asyncio

        self.events, self.answers, self.state = asyncio.Queue(), asyncio.Queue(), {}
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        self.task = asyncio.ensure_future(application(scope, self.events.get, self.answers.put))

    async def reach(self, moment):
        import asyncio

        if self.task.done():
            return
        await self.events.put({"type": "lifespan." + moment})
        answer = asyncio.ensure_future(self.answers.get())
        await asyncio.wait([self.task, answer], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
        elif answer.result()["type"].endswith("failed"):
            raise Bad("its lifespan's %s failed: %s" % (moment, shown(answer.result().get("message", ""))))

    async def end(self):
        await self.reach("shutdown")
        try:
            await self.task
        except Exception:
            pass  # it has no lifespan, or has said what it had to say


async def visit(application, pages, note):
    import asyncio

    lifespan = Lifespan(application)
    await lifespan.reach("startup")
    try:
        for page in pages:
            with note(page) as answered:
                answered(await ask_asgi(application, page, lifespan.state))
    finally:
        await lifespan.end()
        for engine in instances("sqlalchemy.ext.asyncio", "AsyncEngine"):
            await engine.dispose()
        await asyncio.sleep(0)


def in_loop(coroutine):
    """Runs it in an event loop of its own. A weak reference to that loop."""
    import asyncio

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # this thread's
    try:
        loop.run_until_complete(coroutine)
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True)) if tasks else None
        loop.run_until_complete(loop.shutdown_asyncgens())
        if hasattr(loop, "shutdown_default_executor"):  # 3.9
            loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return _weakref.ref(loop)


def is_used(loop):
    gc.collect()
    return loop() is not None


def assert_unused(loop):
    """What remembers an event loop that is over will fail in a worker's own."""
    if is_used(loop):
        kinds = {type(one).__name__ for one in gc.get_referrers(loop()) if one is not sys._getframe()}
        raise Bad(
            "keeps its event loop in use (%s), and a worker has another one: create what belongs to a loop when the "
            "worker starts" % shown(", ".join(sorted(kinds)))
        )


# ---- what workers must not share ----


def instances(module, kind):
    kind = getattr(sys.modules.get(module), kind, None)
    return [one for one in gc.get_objects() if isinstance(one, kind)] if isinstance(kind, type) else []


def is_in_memory(engine):
    """A database that ends with its connection."""
    return engine.dialect.name == "sqlite" and engine.url.database in (None, "", ":memory:")


def close_django():
    sys.modules["django.db"].connections.close_all()


def close_sqlalchemy():
    for engine in instances("sqlalchemy.engine", "Engine"):
        if not is_in_memory(engine):
            engine.dispose()


def close_redis():
    for pool in instances("redis.connection", "ConnectionPool"):
        pool.disconnect()


def close_gevent():
    hub = sys.modules["gevent._hub_local"].get_hub_if_exists()
    if hub is not None:
        hub.destroy(destroy_loop=True)


# As the documentation of each says; "Do not share connections" is a chapter in most.
CLOSING = {
    "django.db": close_django,
    "sqlalchemy.engine": close_sqlalchemy,
    "redis.connection": close_redis,
    "gevent._hub_local": close_gevent,
}


def close_connections():
    for module, close in CLOSING.items():
        if module in sys.modules:
            try:
                close()
            except Exception:
                pass  # what stays open is seen


def open_files():
    found = set()
    for number in posix.listdir("/proc/self/fd"):
        try:
            found.add((int(number), posix.readlink("/proc/self/fd/" + number)))
        except OSError:
            pass  # listdir's own
    return found


def peer_of(number):
    """("host", port), or "path"; None: not a connected socket. With a duplicate of it, to be closed."""
    import _socket

    connection = _socket.socket(fileno=posix.dup(number))
    try:
        peer = connection.getpeername()
    except OSError:
        peer = None
    return peer, connection


def may_be_shared(number, target):
    """A device, or what is only appended to: a log."""
    with io.open("/proc/self/fdinfo/%d" % number) as file:
        flags = next(int(line.split()[1], 8) for line in file if line.startswith("flags:"))
    return target.startswith("/dev/") or bool(flags & posix.O_APPEND and flags & posix.O_WRONLY)


def threads():
    return len(posix.listdir("/proc/self/task"))


def thread_names():
    """But for our own thread's."""
    threading, ours = sys.modules.get("threading"), original("get_ident")()
    return {thread.name for thread in threading.enumerate() if thread.ident != ours} if threading else set()


def has_children():
    try:
        posix.waitid(posix.P_ALL, 0, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT)
    except OSError:
        return False
    return True


class Traces:
    """What an item leaves behind. Made before it runs."""

    def __init__(self):
        self.files, self.threads, self.names = open_files(), threads(), thread_names()
        self.children = has_children()

    def left(self):
        """What workers must not share, as the end of a sentence; None: nothing. And descriptors."""
        new = open_files() - self.files
        for number, target in sorted(new):
            why = self.of_file(number, target)
            if why:
                return why, number
        end = time.monotonic() + GRACE
        while threads() > self.threads and time.monotonic() < end:
            time.sleep(0.001)  # they are ending, or stay
        if threads() > self.threads:
            names = ", ".join(sorted(thread_names() - self.names)) or "of C code"
            return "leaves a thread running (%s), and a worker would not have it: end it, or start it in the worker" % (
                shown(names)
            ), None
        if has_children() and not self.children:
            return "leaves a child process running: wait for it, or start it in the worker", None
        return None, None

    @staticmethod
    def of_file(number, target):
        if target.startswith("socket:"):
            peer, connection = peer_of(number)
            connection.close()
            if peer is None:
                return "leaves a socket open: close it, or open it in the worker"
            name = "%s:%s" % peer[:2] if isinstance(peer, tuple) else peer or "a socket without a name"
            return "leaves a connection to %s open, which workers must not share: close it at the end of the request" % (
                shown(name)
            )
        if target.startswith("anon_inode:") and "eventpoll" in target:
            return "leaves an event loop open: close it, or make it in the worker"
        if may_be_shared(number, target):
            return None
        return "leaves %s open, whose position workers would share: close it, or open it in the worker" % shown(target)


# ---- running ----


class Run:
    """Items in order, in this process. `apart`: pages share no lifespan. `tried`: in a child, which tells its parent how
    far it has come."""

    def __init__(self, items, application, apart, tried):
        self.items, self.application, self.apart, self.tried = items, application, apart, tried
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
            why, number = traces.left()
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


def apart(work, seconds=-1):
    """work() in a thread of its own. Raises what it raises; or Late, and then the thread goes on."""
    outcome, over, thread = [], original("allocate_lock")(), []
    over.acquire()

    def body():
        thread.append(original("get_ident")())
        try:
            work()
        except BaseException as error:
            outcome.append(error.with_traceback(None))
        finally:
            over.release()

    before = threads()
    original("start_new_thread")(body, ())
    if not over.acquire(True, seconds):
        raise Late
    end = time.monotonic() + GRACE
    while threads() > before and time.monotonic() < end:
        time.sleep(0.0001)
    getattr(sys.modules.get("threading"), "_active", {}).pop(thread[0], None)  # its dummy there
    if outcome:
        raise outcome[0]


class Kept:
    """What the application has set for the whole process, and finds again after the warm-up."""

    def __enter__(self):
        self.argv, self.arguments = sys.argv, sys.argv[:]
        self.folder = posix.getcwd()
        self.random = [(module, get(), put) for module, get, put in generators()]
        self.warnings = sys.modules["warnings"].catch_warnings() if "warnings" in sys.modules else None
        if self.warnings:
            self.warnings.__enter__()

    def __exit__(self, *exception):
        if self.warnings:
            self.warnings.__exit__(*exception)
        sys.argv = self.argv
        sys.argv[:] = self.arguments
        for _, state, put in self.random:
            put(state)
        if posix.getcwd() != self.folder:
            posix.chdir(self.folder)


def generators():
    for name, get, put in (("random", "getstate", "setstate"), ("numpy.random", "get_state", "set_state")):
        module = sys.modules.get(name)
        if hasattr(module, put):
            yield name, getattr(module, get), getattr(module, put)


# ---- the trial ----


class Trial:
    """What one child found: how many items are proved, which one is bad, and why."""

    def __init__(self, items, application, apart, seconds):
        outcome = trial(seconds)
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
            if tried.proved and not self.run(items[: tried.proved]):
                self.leave_rest_out(items[tried.proved :], "the parent came to no end")
                return
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
        """False: it takes too long, and goes on beside the fork."""
        start, before = time.monotonic(), own_bytes()
        traces = Traces()
        run = Run(items, self.application, self.apart, False)
        why = late = None
        with Kept():
            try:
                apart(run.all, self.seconds)
            except Late:
                late = why = "takes longer than %d s" % self.seconds
            except Bad as error:
                why = error
            except Exception as error:
                why = raised(error)
        self.parent_us += int((time.monotonic() - start) * 1e6)
        self.bytes += max(0, own_bytes() - before)
        self.statuses += run.statuses
        self.left_out += len(items) - len(run.statuses)
        if why:
            word = (run.running or items[-1]).word
            tell("warm-up: %s went well in a child, and in the parent it %s" % (shown(word), why))
        self.cut_connections(traces)
        return not late

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
    items = items_of(words)
    work = WarmUp(None, seconds)
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
    except Exception as error:
        tell("warm-up: it failed and was given up: %s" % raised(error))
        work = WarmUp(None, seconds)
    return len(work.statuses), work.left_out, work.trial_us, work.parent_us, work.bytes, work.counts()
