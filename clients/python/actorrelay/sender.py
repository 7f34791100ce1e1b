"""Fire and forget: events of hooks and scripts, from any thread."""
from __future__ import annotations

import atexit
import collections
import datetime
import json
import os
import select
import socket
import ssl
import threading
import time
import urllib.request
from typing import Any, Callable, Deque, Optional
from urllib.parse import urlsplit

from .frames import CLOSE, PING, PONG, TEXT, Address, FrameReader, Handshake, close_payload, encode
from .tracking import Backoff

DEFAULT_URL = "ws://127.0.0.1:8765/"


class EventSender:
    """Sends events to the relay's ``hooks`` listener over one connection that is kept.

    Nothing here waits for the network and nothing raises: :meth:`send` puts the event into a queue of at most ``most`` and returns. Where no relay answers, the oldest events are
    dropped beyond that (``dropped`` counts them). A thread of its own connects, sends and comes back; it does not keep the program alive, but at the end of the program it has
    ``linger`` seconds for what is still queued. ``on_error`` is told what went wrong, in that thread.
    """

    def __init__(
        self, url: Optional[str] = None, *, session_id: Optional[str] = None, token: Optional[str] = None, most: int = 1000, linger: float = 1.0,
        timeout: float = 5.0, on_error: Optional[Callable[[Exception], None]] = None, ssl_context: Optional[ssl.SSLContext] = None,
    ):
        self.url = url or os.environ.get("RELAY_HOOKS_URL") or DEFAULT_URL
        self.dropped = 0
        self._address = Address.of(self.url)
        self._session_id = session_id
        self._token = token
        self._most = most
        self._linger = linger
        self._timeout = timeout
        self._on_error = on_error
        self._ssl_context = ssl_context
        self._queue: Deque[bytes] = collections.deque()
        self._changed = threading.Condition()
        self._thread: Optional[threading.Thread] = None
        self._is_closed = False
        self._in_flight = False
        self._is_connected = False
        # Wakes the thread where it waits for the socket.
        self._waked, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        atexit.register(self.close)

    def __enter__(self) -> "EventSender":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    def is_running(self, timeout: float = 0.5) -> bool:
        """Whether a relay answers at the address, within ``timeout`` seconds: the one call that waits."""
        parts = urlsplit(self.url)
        request = urllib.request.Request("%s://%s/live" % ("https" if self._address.secure else "http", parts.netloc))
        try:
            context = self._ssl_context if self._address.secure else None
            with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
                return answer.status == 200
        except Exception:
            return False

    def send(self, type: str, data: Any = None, *, session_id: Optional[str] = None) -> bool:
        """Queues ``{"type", "timestamp", "data"}``. False when it cannot be written as JSON, or the sender was closed."""
        content = dict(data) if isinstance(data, dict) else {} if data is None else {"value": data}
        session = session_id or self._session_id
        if session is not None:
            content.setdefault("session_id", session)
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return self.send_raw({"type": type, "timestamp": now, "data": content})

    def send_raw(self, event: dict) -> bool:
        """Queues an event as it is."""
        try:
            text = json.dumps(event, separators=(",", ":")).encode()
        except (TypeError, ValueError, RecursionError) as problem:
            self._tell(problem)
            return False
        with self._changed:
            if self._is_closed:
                return False
            self._queue.append(text)
            if len(self._queue) > self._most:
                self._queue.popleft()
                self.dropped += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="actorrelay-sender", daemon=True)
                self._thread.start()
        self._wake()
        return True

    def flush(self, timeout: float = 5.0) -> bool:
        """Waits until everything queued was handed to the network. True when it was."""
        end = time.monotonic() + timeout
        with self._changed:
            while self._queue or self._in_flight:
                left = end - time.monotonic()
                if left <= 0 or self._thread is None:
                    return False
                self._changed.wait(left)
        return True

    def close(self, timeout: Optional[float] = None) -> None:
        """Gives what is queued ``timeout`` (default ``linger``) seconds, then ends. May be called again."""
        with self._changed:
            if self._is_closed:
                return
        self.flush(self._linger if timeout is None else timeout)
        with self._changed:
            self._is_closed = True
            thread = self._thread
        self._wake()
        if thread is None:
            self._waked.close()
            self._waker.close()
        elif thread is not threading.current_thread():
            thread.join(1.0)
        atexit.unregister(self.close)

    def _wake(self) -> None:
        try:
            self._waker.send(b"w")
        except OSError:
            pass

    def _tell(self, problem: Exception) -> None:
        if self._on_error is not None:
            try:
                self._on_error(problem)
            except Exception:
                pass

    def _run(self) -> None:
        backoff = Backoff(0.2, 10.0)
        while True:
            with self._changed:
                if self._is_closed:
                    break
            try:
                self._serve(backoff)
            except Exception as problem:  # A sender never fails its program.
                self._tell(problem)
            self._is_connected = False
            with self._changed:
                self._in_flight = False
                self._changed.notify_all()
                if not self._is_closed:
                    self._changed.wait(0.1 + backoff.next())
        self._waked.close()
        self._waker.close()

    def _serve(self, backoff: Backoff) -> None:
        plain = socket.create_connection((self._address.host, self._address.port), timeout=self._timeout)
        with plain:
            connection = plain
            if self._address.secure:
                connection = (self._ssl_context or ssl.create_default_context()).wrap_socket(plain, server_hostname=self._address.host)
            with connection:
                handshake = Handshake(self._address, self._token)
                connection.sendall(handshake.request)
                rest = None
                while rest is None:
                    data = connection.recv(65536)
                    if not data:
                        raise ConnectionError("the relay closed the connection")
                    rest = handshake.feed(data)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                backoff.succeeded()
                self._is_connected = True
                self._pump(connection, rest)

    def _pump(self, connection: socket.socket, begun: bytes) -> None:
        frames = FrameReader()
        self._read(connection, frames, begun)
        while True:
            with self._changed:
                text = self._queue[0] if self._queue else None
                self._in_flight = text is not None
                if text is None:
                    self._changed.notify_all()
                    if self._is_closed:
                        connection.sendall(encode(CLOSE, close_payload(1000)))
                        return
            if text is not None:
                connection.sendall(encode(TEXT, text))
                with self._changed:
                    # Unless it was dropped meanwhile to make room.
                    if self._queue and self._queue[0] is text:
                        self._queue.popleft()
            pending = connection.pending() if isinstance(connection, ssl.SSLSocket) else 0
            ready, _, _ = select.select([connection, self._waked], [], [], 0 if text is not None or pending else 60.0)
            if self._waked in ready:
                self._waked.recv(4096)
            if connection in ready or pending:
                data = connection.recv(65536)
                if not data:
                    raise ConnectionError("the relay closed the connection")
                self._read(connection, frames, data)

    @staticmethod
    def _read(connection: socket.socket, frames: FrameReader, data: bytes) -> None:
        for opcode, payload in frames.feed(data):
            if opcode == PING:
                connection.sendall(encode(PONG, payload))
            elif opcode == CLOSE:
                raise ConnectionError("the relay closed the connection: %s" % payload[2:].decode("utf-8", "replace"))
