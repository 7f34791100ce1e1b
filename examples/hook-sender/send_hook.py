#!/usr/bin/env python3
"""Sends hook events to the relay's hooks listener, fire and forget. Python 3 standard library only.

    echo '{"hook_event_name":"UserPromptSubmit","session_id":"s1","prompt":"hi"}' | ./send_hook.py
    ./send_hook.py --demo

Reads one JSON object from standard input, as the hooks of Claude Code write it, and sends {"type":"hook.user_prompt_submit","timestamp":...,"data":{...}}.
An object that has a "type" of its own is sent as it is. It never fails its caller: whatever happens, the exit code is 0 and nothing is printed on
standard output (a hook's output can have a meaning); --verbose says on standard error what happened.
"""
import argparse
import base64
import datetime
import json
import os
import re
import socket
import struct
import sys
import time
from urllib.parse import urlsplit

TIMEOUT = 1.0  # seconds for everything: a hook that waits makes its user wait


class WebSocket:
    """As much of RFC 6455 as a sender needs: the handshake, masked text frames, close."""

    def __init__(self, url):
        address = urlsplit(url)
        if address.scheme != "ws":
            raise ValueError("only ws:// addresses, not %r" % url)
        port = address.port or 80
        self._deadline = time.monotonic() + TIMEOUT
        self._socket = socket.create_connection((address.hostname, port), timeout=TIMEOUT)
        self._send((
            "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n"
            % (address.path or "/", address.hostname, port, base64.b64encode(os.urandom(16)).decode())).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            more = self._receive()
            if not more:
                raise ConnectionError("the relay closed the connection")
            head += more
        if not head.startswith(b"HTTP/1.1 101 "):
            raise ConnectionError(head.split(b"\r\n")[0].decode("latin-1"))

    def send(self, text):
        self._frame(0x1, text.encode())

    def close(self):
        """Says goodbye and waits for the answer: then the relay has read everything sent before."""
        self._frame(0x8, struct.pack(">H", 1000))
        while self._receive():
            pass
        self._socket.close()

    def _send(self, data):
        self._limit()
        self._socket.sendall(data)

    def _receive(self):
        self._limit()
        return self._socket.recv(4096)

    def _limit(self):
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the relay took longer than %g s" % TIMEOUT)
        self._socket.settimeout(left)

    def _frame(self, opcode, payload):
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else struct.pack(">BH", 0x80 | 126, size) if size < 65536 else struct.pack(">BQ", 0x80 | 127, size)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload))
        self._send(bytes([0x80 | opcode]) + length + mask + masked)


def event(given):
    """From what a hook writes to what the monitor's clients read."""
    if "type" in given:
        return given
    name = given.get("hook_event_name", "event")
    kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(name)).lower()
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"type": "hook." + kind, "timestamp": now, "data": {key: value for key, value in given.items() if key != "hook_event_name"}}


def demo():
    session = {"session_id": "demo"}
    yield {"hook_event_name": "SessionStart", "source": "startup", **session}
    yield {"hook_event_name": "UserPromptSubmit", "prompt": "Why is the build red?", **session}
    yield {"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": "make test"}, **session}
    yield {"hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_response": {"exit_code": 0}, **session}
    yield {"hook_event_name": "Stop", **session}


def main():
    options = argparse.ArgumentParser(description="Sends hook events to the relay; never fails its caller.")
    options.add_argument("--url", default=os.environ.get("RELAY_HOOKS_URL", "ws://127.0.0.1:8765/"))
    options.add_argument("--demo", action="store_true", help="send five made-up events instead of standard input")
    options.add_argument("--verbose", action="store_true", help="say on standard error what happened")
    # The usual exit code of a wrong option is 2, which Claude Code takes as "block what the hook was asked about".
    options.error = lambda message: options.exit(0, "send_hook: %s\n" % message)
    chosen = options.parse_args()
    try:
        given = list(demo()) if chosen.demo else [json.load(sys.stdin)]
        connection = WebSocket(chosen.url)
        for one in given:
            message = json.dumps(event(one))
            connection.send(message)
            if chosen.verbose:
                print("sent", message, file=sys.stderr)
        connection.close()
    except Exception as problem:  # Any problem at all: the caller's work matters more than this message.
        if chosen.verbose:
            print("not sent: %s" % problem, file=sys.stderr)


if __name__ == "__main__":
    main()
