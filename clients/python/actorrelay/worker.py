"""What AI workers say to users, through Redis (the dialect ``updates``), and how they answer chats."""
from __future__ import annotations

import json
import socket
import ssl
import time
import uuid
from typing import Any, Callable, Iterable, List, Optional, Union

Answer = Union[bytes, int, None, List[Any]]


class RedisError(Exception):
    """Redis refused a command."""


class Redis:
    """As much of a Redis client as workers need: one command, one answer, in RESP 2. A connection that broke is made anew with the next command."""

    def __init__(self, host: str = "127.0.0.1", port: int = 6379, *, user: Optional[str] = None, password: Optional[str] = None, tls: bool = False,
                 ssl_context: Optional[ssl.SSLContext] = None, timeout: float = 10.0):
        self._host = host
        self._port = port
        self._user = user
        self._password = password
        self._context = (ssl_context or ssl.create_default_context()) if tls or ssl_context else None
        self._timeout = timeout
        self._socket: Optional[socket.socket] = None
        self._answers: Any = None

    def call(self, *words: Union[str, bytes, int, float], patience: float = 0.0) -> Answer:
        """One command. ``patience``: seconds that the answer may take beyond the usual, for commands that wait. Raises OSError, RedisError."""
        if self._socket is None:
            self._connect()
        try:
            self._socket.settimeout(self._timeout + patience)
            return self._exchange(words)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        (connection, self._socket), (answers, self._answers) = (self._socket, None), (self._answers, None)
        for one in (answers, connection):
            if one is not None:
                one.close()

    def _connect(self) -> None:
        plain = socket.create_connection((self._host, self._port), timeout=self._timeout)
        self._socket = self._context.wrap_socket(plain, server_hostname=self._host) if self._context else plain
        self._answers = self._socket.makefile("rb")
        if self._password is not None:
            try:
                self._exchange(["AUTH", *([self._user] if self._user else []), self._password])
            except (OSError, RedisError):
                self.close()
                raise

    def _exchange(self, words: Iterable[Union[str, bytes, int, float]]) -> Answer:
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self._read()

    def _read(self) -> Answer:
        line = self._answers.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode("utf-8", "replace"))
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        if kind == b"$":
            length = int(rest)
            if length < 0:
                return None
            data = self._answers.read(length + 2)
            if len(data) < length + 2:
                raise ConnectionError("Redis closed the connection")
            return data[:-2]
        if kind == b"*":
            return None if int(rest) < 0 else [self._read() for _ in range(int(rest))]
        raise ConnectionError("no answer of Redis: %r" % line[:40])


class Updates:
    """Sends updates to the clients of one user or to all.

    With ``stream`` (its key, which must be one of the node's ``Redis:Updates:Streams``) nothing is lost while no relay runs; without it they go by Pub/Sub, to whoever listens now.
    Redis that does not answer is tried again for ``patience`` seconds; updates by stream bear an id, so that one that was added twice is accepted once.
    """

    def __init__(self, redis: Redis, *, channel: str = "updates", stream: Optional[str] = None, patience: float = 30.0):
        self._redis = redis
        self._channel = channel
        self._stream = stream
        self._patience = patience

    def to_user(self, user_id: str, type: str, payload: Any = None, **more: Any) -> None:
        self.send({"target_user_id": user_id, "type": type, "payload": payload, **more})

    def to_session(self, session_id: str, type: str, payload: Any = None, **more: Any) -> None:
        self.send({"target_session_id": session_id, "type": type, "payload": payload, **more})

    def to_project(self, project_id: str, type: str, payload: Any = None, **more: Any) -> None:
        self.send({"target_project_id": project_id, "type": type, "payload": payload, **more})

    def to_channel(self, channel: str, type: str, payload: Any = None, **more: Any) -> None:
        self.send({"channel": channel, "type": type, "payload": payload, **more})

    def to_all(self, type: str, payload: Any = None, **more: Any) -> None:
        self.send({"type": type, "payload": payload, **more})

    def send(self, envelope: dict) -> None:
        """An envelope as it is; it is forwarded byte for byte. Raises OSError when Redis did not answer in time, RedisError when it refused."""
        message = dict(envelope)
        if self._stream is not None:
            message.setdefault("id", uuid.uuid4().hex)
        text = json.dumps(message, separators=(",", ":"))
        words = ("PUBLISH", self._channel, text) if self._stream is None else ("XADD", self._stream, "*", "json", text)
        end = time.monotonic() + self._patience
        pause = 0.1
        while True:
            try:
                self._redis.call(*words)
                return
            except OSError:
                if time.monotonic() + pause > end:
                    raise
                time.sleep(pause)
                pause = min(2.0, pause * 2)


class AgentWorker:
    """Answers chat messages, where the node's ``Agents:Backend`` is ``redis``.

    ``handle(request, say)`` is called for each request, a dict with ``request_id``, ``session_id``, ``user_id`` if known, ``content`` and ``history``; it may call ``say(text)`` for what
    it has so far, and returns the answer. What it raises is told to the session as an error, and the worker goes on.
    """

    def __init__(self, redis: Redis, updates: Updates, handle: Callable[[dict, Callable[[str], None]], str], *, name: str = "agent", requests: str = "relay:agent-requests"):
        self._redis = redis
        self._updates = updates
        self._handle = handle
        self._name = name
        self._requests = requests
        self._is_stopped = False

    def stop(self) -> None:
        """Ends :meth:`run` within two seconds, from any thread."""
        self._is_stopped = True

    def run(self) -> None:
        """Takes request after request until :meth:`stop`. Redis that is away is tried again."""
        while not self._is_stopped:
            try:
                taken = self._redis.call("BLPOP", self._requests, 2, patience=3)
            except OSError:
                time.sleep(1)
                continue
            if isinstance(taken, list) and len(taken) == 2:
                self._answer(taken[1])

    def _answer(self, text: bytes) -> None:
        try:
            request = json.loads(text)
            session, request_id = str(request["session_id"]), str(request["request_id"])
        except (ValueError, KeyError, TypeError):
            return
        payload = {"request_id": request_id, "agent_name": self._name}
        try:
            content = self._handle(request, lambda part: self._updates.to_session(session, "agent_chunk", {**payload, "content": part}))
            self._updates.to_session(session, "agent_response", {**payload, "content": content, "status": "complete"})
        except Exception as failure:
            self._updates.to_session(session, "agent_error", {**payload, "error": "%s: %s" % (type(failure).__name__, failure)})
