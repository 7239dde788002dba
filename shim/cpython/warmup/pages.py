"""Where the application is, and asking it for pages: by WSGI, or by ASGI in an event loop of its own."""


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


def owner(one):
    """Of a dict, the object whose attributes it has."""
    others = gc.get_referrers(one) if type(one) is dict else []
    return next((other for other in others if getattr(other, "__dict__", None) is one), one)


def assert_unused(loop):
    """What remembers an event loop that is over will fail in a worker's own."""
    if is_used(loop):
        kinds = {type(owner(one)).__name__ for one in gc.get_referrers(loop()) if one is not sys._getframe()}
        raise Bad(
            "keeps its event loop in use (%s), and a worker has another one: create what belongs to a loop when the "
            "worker starts" % shown(", ".join(sorted(kinds)))
        )
