"""The same for an event loop: an ASGI application with a lifespan, and three more that have another one or none."""

import asyncio
import json
import threading

import warm

LIFE = []
HELD = []


async def hold_lock():
    """A lock belongs to the loop in which somebody had to wait for it."""
    lock = asyncio.Lock()
    HELD.append(lock)

    async def take():
        async with lock:
            await asyncio.sleep(0)

    await asyncio.gather(take(), take())


async def hold_loop():
    HELD.append(asyncio.get_running_loop())


async def leave_task():
    asyncio.ensure_future(asyncio.sleep(1000))


async def use_executor():
    await asyncio.get_running_loop().run_in_executor(None, warm.load)


async def fail():
    raise ValueError("asynchronous")


PAGES = {
    "/lock": hold_lock,
    "/loop": hold_loop,
    "/task": leave_task,
    "/executor": use_executor,
    "/raise": fail,
}


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
    else:
        assert scope["type"] == "http", scope
        await answer(scope, receive, send)


async def lifespan(scope, receive, send):
    while True:
        stage = (await receive())["type"].split(".")[1]
        LIFE.append([stage, warm.os.getpid()])
        scope.get("state", {})["from_lifespan"] = len(LIFE)
        await send({"type": "lifespan.%s.complete" % stage})
        if stage == "shutdown":
            return


async def answer(scope, receive, send):
    path = scope["path"]
    body = b""
    if path == "/seen":
        body = json.dumps({**warm.state(), "life": LIFE, "held": len(HELD)}).encode()
    else:
        warm.ran(path)
        warm.ASKED.append({
            "path": path,
            "raw_path": scope.get("raw_path", b"").decode(),
            "query": scope["query_string"].decode(),
            "scheme": scope["scheme"],
            "host": dict(scope["headers"]).get(b"host", b"").decode(),
            "server": list(scope.get("server") or ()),
            "state": scope.get("state"),
        })  # fmt: skip
        message = await receive()
        assert message == {"type": "http.request", "body": b"", "more_body": False}, message
        if path in PAGES:
            await PAGES[path]()
        elif path in warm.PAGES:
            warm.PAGES[path]()
    headers = [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    status = int(warm.STATUSES.get(path, "200").split()[0])
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def without_lifespan(scope, receive, send):
    """Most of those that are written by hand."""
    assert scope["type"] == "http"
    await answer(scope, receive, send)


async def failing_lifespan(scope, receive, send):
    """Says at its start that it cannot."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        return
    await answer(scope, receive, send)


async def raising_lifespan(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        raise RuntimeError("no such thing")
    await answer(scope, receive, send)


async def threaded_lifespan(scope, receive, send):
    """Starts a thread, and ends it: what a lifespan is for."""
    if scope["type"] == "lifespan":
        over = threading.Event()
        thread = threading.Thread(target=over.wait)
        await receive()
        thread.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        over.set()
        thread.join()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await answer(scope, receive, send)
