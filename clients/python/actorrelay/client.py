"""The asyncio client: subscriptions that survive reconnects, publishes that are accepted once."""
from __future__ import annotations

import asyncio
import inspect
import json
import ssl
import uuid
from collections import OrderedDict
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, List, Optional, Union

from .connection import Closed, Connection
from .frames import HandshakeRefused, ProtocolError
from .model import Event, Gap, Member, Place, Presence, Published
from .tracking import Backoff, Progress

Token = Union[str, Callable[[], Union[str, Awaitable[str]]], None]

# The relay pings every 25 s by default; twice without one and some time for the way is a dead connection.
SILENCE = 60.0
_UNSET = object()


class Refused(Exception):
    """The relay refused something: ``code`` as in its protocol, such as NOT_AUTHORIZED, VERSION_MISMATCH, UNAVAILABLE."""

    def __init__(self, code: str, message: str, frame: Optional[dict] = None):
        super().__init__("%s: %s" % (code, message))
        self.code = code
        self.frame = frame or {}


class Unauthorized(Refused):
    """The token is refused and there is no other: the client has ended."""


class _Request:
    def __init__(self, frame: dict, done: Callable[[dict], None], future: asyncio.Future):
        self.frame = frame
        self.done = done
        self.future = future


class Subscription:
    """An iterator over :class:`Event` and :class:`Gap`, from :meth:`RelayClient.subscribe`. Ends with :meth:`close`, or raises what ended it."""

    def __init__(self, client: "RelayClient", channel: str, wish: dict, options: dict, most: int):
        self.channel = channel
        self.progress = Progress()
        self._client = client
        self._wish = wish
        self._options = options
        self._most = most
        self._items: "asyncio.Queue[Any]" = asyncio.Queue()
        self._is_behind = False
        self._is_known = False
        self._from: Optional[Place] = None
        self._end: Optional[BaseException] = None

    @property
    def is_pattern(self) -> bool:
        return "*" in self.channel

    def __aiter__(self) -> AsyncIterator[Union[Event, Gap]]:
        return self

    async def __anext__(self) -> Union[Event, Gap]:
        if self._end is not None and self._items.empty():
            raise self._end
        item = await self._items.get()
        if isinstance(item, BaseException):
            raise item
        if self._is_behind and self._items.qsize() <= self._most // 2:
            self._client._catch_up(self)
        return item

    async def close(self) -> None:
        """Ends the subscription. What was read before is still brought."""
        self._client._unsubscribe(self)
        self._stop(StopAsyncIteration())

    # What follows is the client's.

    def _frame(self) -> dict:
        frame = {"type": "subscribe", "channel": self.channel, **self._options}
        since = None if self.is_pattern else self.progress.at(self.channel) or self._from
        if since is not None:
            frame["since"] = since.to_json()
        elif not self._is_known or not self.is_pattern:
            frame.update(self._wish)
        return frame

    def _began(self, ack: dict) -> None:
        asked = self.progress.at(self.channel) or self._from
        was_known, self._is_known, self._is_behind = self._is_known, True, False
        if self.is_pattern:
            if was_known:
                self._put(Gap(self.channel))
            return
        place = Place(str(ack.get("epoch")), int(ack.get("offset") or 0))
        if asked is None:
            if not self._wish or place.offset == 0:
                self.progress.begin(self.channel, place)
            elif "last" in self._wish:
                self._from = Place(place.epoch, max(0, place.offset - self._wish["last"]))
        elif ack.get("recovered") is False:
            self._missed(asked, place)

    def _missed(self, asked: Place, place: Place) -> None:
        gap = Gap(self.channel, place.epoch, asked.offset + 1 if asked.epoch == place.epoch else 1, place.offset)
        if self.progress.skip(gap):
            self._put(gap)

    def _event(self, event: Event) -> None:
        if self._is_behind:
            return
        if self._items.qsize() >= self._most:
            # What comes now is asked for again when there is room: reading on keeps answers and pings coming.
            self._is_behind = True
        elif self.progress.takes(event):
            self._put(event)

    def _gap(self, gap: Gap) -> None:
        if not self._is_behind and self.progress.skip(gap):
            self._put(gap)

    def _put(self, item: Any) -> None:
        if self._end is None:
            self._items.put_nowait(item)

    def _stop(self, end: BaseException) -> None:
        if self._end is None:
            self._items.put_nowait(end)
            self._end = end


class RelayClient:
    """One connection to the relay that is kept.

    ``url`` is the address of its native dialect, ``ws://host:port/relay``. ``token`` is a token or key, or a function (plain or async) that brings one: it is asked at each
    connection and when the token is about to expire. ``most_pending`` bounds publishes and questions without an answer, ``most_queued`` the events each subscription keeps for who
    reads it. ``ssl_context`` is for ``wss`` with an authority of one's own. ``on_state`` is told True and False as the connection comes and goes.
    """

    def __init__(
        self, url: str, *, token: Token = None, most_pending: int = 1000, most_queued: int = 10_000, ssl_context: Optional[ssl.SSLContext] = None,
        connect_timeout: float = 10.0, backoff: Optional[Backoff] = None, on_state: Optional[Callable[[bool], None]] = None,
    ):
        self._url = url
        self._token = token
        self._most_pending = most_pending
        self._most_queued = most_queued
        self._ssl_context = ssl_context
        self._connect_timeout = connect_timeout
        self._backoff = backoff or Backoff()
        self._on_state = on_state
        self._connection: Optional[Connection] = None
        self._subscriptions: Dict[str, Subscription] = {}
        self._requests: "OrderedDict[str, _Request]" = OrderedDict()
        self._session: Optional[str] = None
        self._resuming: Optional[str] = None
        self._come_back_at = 0.0
        self._task: Optional[asyncio.Task] = None
        self._timers: set = set()
        self._end: Optional[BaseException] = None

    async def __aenter__(self) -> "RelayClient":
        self.start()
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    def start(self) -> None:
        """Connects, again and again, in the background."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def is_connected(self) -> bool:
        return self._connection is not None and self._resuming is None

    async def close(self) -> None:
        """Ends the connection and everything that waits for it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._finish(StopAsyncIteration(), ConnectionError("the client was closed"))

    def subscribe(
        self, channel: str, *, last: Optional[int] = None, since: Optional[Place] = None, since_time: Optional[int] = None, last_per_key: bool = False,
        events: Optional[List[str]] = None, presence: bool = False,
    ) -> Subscription:
        """Everything that comes to a channel or pattern, from now on; before that the newest ``last``, or what follows ``since``, or ``since_time`` (ms since 1970), or the newest of
        each key. ``events`` brings only these, such as ``task.*``. One subscription for each channel."""
        if channel in self._subscriptions:
            raise ValueError("there is a subscription of %s: iterate that one" % channel)
        self._check()
        wish: Dict[str, Any] = {}
        if last is not None:
            wish["last"] = last
        if since_time is not None:
            wish["since_time"] = since_time
        if last_per_key:
            wish["last_per_key"] = True
        options: Dict[str, Any] = {"presence": True} if presence else {}
        if events:
            options["filter"] = {"events": list(events)}
        subscription = Subscription(self, channel, wish, options, self._most_queued)
        if since is not None:
            subscription.progress.begin(channel, since)
        self._subscriptions[channel] = subscription
        self._subscribe(subscription)
        return subscription

    async def publish(
        self, channel: str, event: str, data: Any = _UNSET, *, id: Optional[str] = None, key: Optional[str] = None, ttl: Optional[int] = None,
        if_version: Any = _UNSET, traceparent: Optional[str] = None, timeout: float = 30.0,
    ) -> Published:
        """Publishes once, whatever happens to the connection meanwhile: a repeat bears the same id. ``ttl`` in milliseconds. ``if_version`` beside ``key``: a :class:`Place`, or None
        for "has no value". Raises Refused, TimeoutError (the fate is not known then), ConnectionError after the client's end."""
        frame: Dict[str, Any] = {"type": "publish", "channel": channel, "event": event}
        if data is not _UNSET:
            frame["data"] = data
        for name, value in (("key", key), ("ttl", ttl), ("traceparent", traceparent)):
            if value is not None:
                frame[name] = value
        if if_version is not _UNSET:
            frame["if_version"] = if_version.to_json() if isinstance(if_version, Place) else if_version
        ack = await self._ask(frame, timeout, id)
        return Published(ack["id"], Place.of(ack), bool(ack.get("duplicate")), int(ack.get("subscribers") or 0))

    async def history(
        self, channel: str, *, limit: Optional[int] = None, since: Optional[Place] = None, until: Optional[int] = None, since_time: Optional[int] = None,
        key: Optional[str] = None, last_per_key: bool = False, timeout: float = 30.0,
    ) -> List[Event]:
        """Stored events, oldest first, at most about 1 MiB: who wants more asks again with ``since`` = the last one."""
        frame: Dict[str, Any] = {"type": "history", "channel": channel}
        given = {"limit": limit, "since": since.to_json() if since else None, "until": until, "since_time": since_time, "key": key, "last_per_key": last_per_key or None}
        frame.update((name, value) for name, value in given.items() if value is not None)
        answer = await self._ask(frame, timeout)
        return [_event_of(one) for one in answer.get("events") or [] if isinstance(one, dict)]

    async def presence(self, channel: str, *, timeout: float = 30.0) -> Presence:
        answer = await self._ask({"type": "presence", "channel": channel}, timeout)
        members = tuple(Member(str(one.get("client_id")), one.get("user_id")) for one in answer.get("members") or [])
        return Presence(members, int(answer.get("count") or 0), int(answer.get("users") or 0))

    # Questions. Each has an id that its answer bears; those without an answer are repeated on the next connection, in their order.

    async def _ask(self, frame: dict, timeout: float, id: Optional[str] = None) -> dict:
        self._check()
        if len(self._requests) >= self._most_pending:
            raise Refused("QUEUE_FULL", "%d publishes and questions wait for an answer (most_pending)" % len(self._requests))
        id = id or uuid.uuid4().hex
        if id in self._requests:
            raise ValueError("a publish with the id %r is on its way" % id)
        future = asyncio.get_running_loop().create_future()
        frame["id"] = id
        self._requests[id] = _Request(frame, lambda answer: self._settle(id, answer), future)
        self._send(frame)
        try:
            return await asyncio.wait_for(future, timeout)
        finally:
            self._requests.pop(id, None)

    def _settle(self, id: str, answer: dict) -> None:
        request = self._requests.get(id)
        if request is None or request.future.done():
            return
        if answer.get("success") is not False:
            request.future.set_result(answer)
            return
        pause = answer.get("retry_after_ms")
        if isinstance(pause, (int, float)):
            self._later(pause / 1000, lambda: self._send(request.frame) if id in self._requests else None)
        else:
            request.future.set_exception(_refusal(answer))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            act()

        timer = asyncio.get_running_loop().call_later(seconds, fire)
        self._timers.add(timer)

    def _send(self, frame: dict) -> None:
        if self.is_connected:
            self._connection.send(json.dumps(frame, separators=(",", ":")))

    # Subscriptions

    def _subscribe(self, subscription: Subscription) -> None:
        self._send({**subscription._frame(), "id": "s:" + subscription.channel})

    def _catch_up(self, subscription: Subscription) -> None:
        if subscription.is_pattern:
            subscription._is_behind = False
            subscription._put(Gap(subscription.channel))
        else:
            self._subscribe(subscription)

    def _unsubscribe(self, subscription: Subscription) -> None:
        if self._subscriptions.get(subscription.channel) is subscription:
            del self._subscriptions[subscription.channel]
            self._send({"type": "unsubscribe", "channel": subscription.channel})

    def _subscribed(self, channel: str, ack: dict) -> None:
        subscription = self._subscriptions.get(channel)
        if subscription is None:
            return
        if ack.get("success") is not False:
            subscription._began(ack)
            return
        pause = ack.get("retry_after_ms")
        if isinstance(pause, (int, float)):
            self._later(pause / 1000, lambda: self._subscribe(subscription) if self._subscriptions.get(channel) is subscription else None)
        else:
            del self._subscriptions[channel]
            subscription._stop(_refusal(ack))

    # The connection

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._live()
            except (OSError, asyncio.TimeoutError, ProtocolError, UnicodeDecodeError) as problem:
                self._gone()
                if isinstance(problem, HandshakeRefused) and problem.status in (401, 403) and not callable(self._token):
                    self._finish(*[Unauthorized("UNAUTHORIZED", str(problem))] * 2)
                    return
                if isinstance(problem, Closed) and problem.code == 4401 and not callable(self._token):
                    self._finish(*[Unauthorized("UNAUTHORIZED", problem.reason or "the token has expired or was revoked")] * 2)
                    return
                wait = getattr(problem, "retry_after", None) or 0.0
            except asyncio.CancelledError:
                await self._leave()
                raise
            except Exception as failure:  # A fault of this program, or of the function that brings tokens: nobody else would say so.
                self._gone()
                self._finish(failure, failure)
                raise
            planned = self._come_back_at - loop.time()
            self._come_back_at = 0.0
            await asyncio.sleep(max(wait, planned) if max(wait, planned) > 0 else self._backoff.next())

    async def _live(self) -> None:
        connection = await Connection.open(self._url, await self._bring_token(), self._ssl_context, self._connect_timeout)
        self._connection = connection
        connection.silence = SILENCE
        self._resuming = ""
        async for text in connection.messages():
            try:
                frame = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(frame, dict):
                await self._take(frame)

    def _gone(self) -> None:
        connection, self._connection, self._resuming = self._connection, None, None
        if connection is not None:
            connection._writer.close()
            self._tell(False)

    async def _leave(self) -> None:
        connection, self._connection, self._resuming = self._connection, None, None
        if connection is not None:
            await connection.close()

    def _tell(self, state: bool) -> None:
        if self._on_state is not None:
            self._on_state(state)

    async def _bring_token(self) -> Optional[str]:
        token = self._token() if callable(self._token) else self._token
        return await token if inspect.isawaitable(token) else token

    async def _take(self, frame: dict) -> None:
        kind = frame.get("type")
        if kind is None and isinstance(frame.get("channel"), str):
            self._event(frame)
        elif kind == "connected":
            self._connected(frame)
        elif kind in ("ack", "history", "presence"):
            self._answered(frame)
        elif kind == "gap":
            self._missing(Gap(str(frame.get("channel")), str(frame.get("epoch")), int(frame.get("from") or 0), int(frame.get("to") or 0)))
        elif kind == "reconnect":
            self._come_back_at = asyncio.get_running_loop().time() + (frame.get("after_ms") or 0) / 1000
        elif kind == "token_expiring" and callable(self._token):
            self._send({"type": "refresh", "token": await self._bring_token(), "id": "refresh"})
        if self._connection is not None:
            await self._connection.drain()

    def _connected(self, frame: dict) -> None:
        interval = frame.get("ping_interval_ms")
        if isinstance(interval, (int, float)) and interval > 0:
            self._connection.silence = max(5.0, interval * 2.4 / 1000)
        fresh = frame.get("session")
        if self._session is None or not any(one._is_known for one in self._subscriptions.values()):
            self._ready(fresh, None)
            return
        self._resuming = fresh or ""
        self._resume()

    def _resume(self) -> None:
        if self._connection is None or self._resuming is None:
            return
        places = {name: one.progress.at(name) for name, one in self._subscriptions.items() if one._is_known and not one.is_pattern}
        positions = {name: place.to_json() for name, place in places.items() if place is not None}
        frame = {"type": "resume", "id": "resume", "session": self._session, "positions": positions}
        self._connection.send(json.dumps(frame, separators=(",", ":")))

    def _resumed(self, ack: dict) -> None:
        if ack.get("success") is not False:
            self._ready(ack.get("session") or self._session, {one.get("channel"): one for one in ack.get("channels") or [] if isinstance(one, dict)})
        elif isinstance(ack.get("retry_after_ms"), (int, float)):
            self._later(ack["retry_after_ms"] / 1000, self._resume)
        else:
            self._ready(self._resuming or None, None)

    # Behind this the connection is as the one before it was.
    def _ready(self, session: Optional[str], resumed: Optional[dict]) -> None:
        self._session = session
        self._resuming = None
        self._backoff.succeeded()
        for name, subscription in list(self._subscriptions.items()):
            result = (resumed or {}).get(name)
            if result is None or (subscription.progress.at(name) is None and not subscription.is_pattern) or subscription._is_behind:
                self._subscribe(subscription)
            else:
                self._subscribed(name, {**result, "success": "code" not in result})
        for name in resumed or {}:
            if name not in self._subscriptions and name != "global":
                self._send({"type": "unsubscribe", "channel": name})
        for request in list(self._requests.values()):
            self._send(request.frame)
        self._tell(True)

    def _answered(self, frame: dict) -> None:
        id = frame.get("id")
        if id == "resume" and self._resuming is not None:
            self._resumed(frame)
        elif isinstance(id, str) and id.startswith("s:") and id[2:] in self._subscriptions and frame.get("type") == "ack":
            self._subscribed(id[2:], frame)
        elif isinstance(id, str) and id in self._requests:
            self._requests[id].done(frame)

    # What comes before a resume is answered is brought again behind it.
    def _event(self, frame: dict) -> None:
        if self._resuming is not None:
            return
        event = _event_of(frame)
        for subscription in self._hearing(event.channel):
            subscription._event(event)

    def _missing(self, gap: Gap) -> None:
        for subscription in self._hearing(gap.channel) if self._resuming is None else []:
            subscription._gap(gap)

    def _hearing(self, channel: str) -> List[Subscription]:
        exact = self._subscriptions.get(channel)
        heard = [exact] if exact is not None else []
        heard += [one for name, one in self._subscriptions.items() if one.is_pattern and matches(name, channel)]
        return heard

    def _check(self) -> None:
        if self._end is not None:
            raise self._end if not isinstance(self._end, StopAsyncIteration) else ConnectionError("the client was closed")

    def _finish(self, of_iterators: BaseException, of_questions: BaseException) -> None:
        self._end = self._end or of_questions
        for timer in self._timers:
            timer.cancel()
        for subscription in self._subscriptions.values():
            subscription._stop(of_iterators)
        for request in self._requests.values():
            if not request.future.done():
                request.future.set_exception(of_questions)


def matches(pattern: str, channel: str) -> bool:
    """As the relay matches: ``*`` is one segment, ``**`` at the end any number of them."""
    wanted, given = pattern.split("/"), channel.split("/")
    if wanted[-1] == "**":
        wanted = wanted[:-1]
        return len(given) > len(wanted) and all(one in ("*", other) for one, other in zip(wanted, given))
    return len(wanted) == len(given) and all(one in ("*", other) for one, other in zip(wanted, given))


def _event_of(frame: dict) -> Event:
    return Event(
        str(frame.get("channel")), str(frame.get("event")), frame.get("data"), frame.get("id"), frame.get("key"), int(frame.get("timestamp") or 0), Place.of(frame))


def _refusal(frame: dict) -> Refused:
    return Refused(str(frame.get("code") or "REFUSED"), str(frame.get("error") or "refused"), frame)
