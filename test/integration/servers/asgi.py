"""The same application for event loops.

  /wait       makes a file named `waiting`, and answers as soon as there is one named `go`
  websocket   an echo
"""

import asyncio
import json
from pathlib import Path

from app import collect, state


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await echo(receive, send)
    else:
        await answer(scope["path"], send)


async def lifespan(receive, send):
    while True:
        stage = (await receive())["type"]
        await send({"type": stage + ".complete"})
        if stage == "lifespan.shutdown":
            return


async def echo(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        await send({"type": "websocket.send", "text": message["text"]})


async def answer(path, send):
    body = state()
    body["loop"] = type(asyncio.get_running_loop()).__module__.split(".")[0]
    if path == "/collect":
        body.update(collect())
    if path == "/wait":
        Path("waiting").touch()
        while not Path("go").exists():
            await asyncio.sleep(0.01)
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
