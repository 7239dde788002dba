"""What an item leaves behind that workers must not share."""


def instances(module, kind):
    """By their types: isinstance asks each object for its class, which loads a lazy one and fails for a dead proxy."""
    kind = getattr(sys.modules.get(module), kind, None)
    return [one for one in gc.get_objects() if issubclass(type(one), kind)] if isinstance(kind, type) else []


def is_in_memory(engine):
    """A database that ends with its connection."""
    name, query = engine.url.database or ":memory:", engine.url.query
    return engine.dialect.name == "sqlite" and (":memory:" in name or query.get("mode") == "memory")


def close_django():
    connections = sys.modules["django.db"].connections
    connections.close_all()
    for connection in connections.all():
        if hasattr(connection, "close_pool"):  # 5.1; it has threads of its own
            connection.close_pool()


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
    """As os.fork counts them, which warns of more than one. /proc/self/task forgets one that ends a moment earlier."""
    with io.open("/proc/self/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[17])


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
        end = time.monotonic() + GRACE
        while threads() > self.threads and time.monotonic() < end:
            time.sleep(0.001)  # they are ending, with files open perhaps (libgcc_s.so), or stay
        new = open_files() - self.files
        for number, target in sorted(new):
            try:
                why = self.of_file(number, target)
            except OSError:
                continue  # a thread of the program has closed it meanwhile
            if why:
                return why, number
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
