"""A websocket client that is just good enough for an echo: one short text, one frame."""

import os
import socket

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TEXT = 0x81  # the last frame of a text
MASKED = 0x80


def echo(path, text):
    """Sends the text to the unix socket and returns what comes back."""
    payload = text.encode()
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(path)
        client.sendall(HANDSHAKE)
        with client.makefile("rb") as stream:
            status = stream.readline()
            assert b" 101 " in status, status
            while stream.readline().strip():
                pass
            client.sendall(bytes([TEXT, MASKED | len(payload)]) + mask + masked)
            kind, length = stream.read(2)
            assert kind == TEXT
            return stream.read(length).decode()
