"""One WebSocket on asyncio streams. Nothing is known here of what its messages mean."""
from __future__ import annotations

import asyncio
import ssl
from typing import AsyncIterator, Optional

from .frames import BINARY, CLOSE, PING, PONG, TEXT, Address, FrameReader, Handshake, close_payload, encode

CHUNK = 64 * 1024


class Closed(ConnectionError):
    """The connection is over: by whom and why, as far as the other side said."""

    def __init__(self, code: int = 1006, reason: str = ""):
        super().__init__("the connection ended: %d %s" % (code, reason))
        self.code = code
        self.reason = reason


class Connection:
    """Made by :meth:`open`. ``silence`` is the longest time in seconds for which nothing may come: the relay sends pings."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begun: bytes):
        self._reader = reader
        self._writer = writer
        self._begun = begun
        self.silence: Optional[float] = None

    @staticmethod
    async def open(url: str, token: Optional[str], context: Optional[ssl.SSLContext], timeout: float) -> "Connection":
        """Raises OSError, TimeoutError, HandshakeRefused, ProtocolError, ValueError for an address that is none."""
        return await asyncio.wait_for(Connection._open(Address.of(url), token, context), timeout)

    @staticmethod
    async def _open(address: Address, token: Optional[str], context: Optional[ssl.SSLContext]) -> "Connection":
        secure = (context or ssl.create_default_context()) if address.secure else None
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=secure)
        try:
            handshake = Handshake(address, token)
            writer.write(handshake.request)
            while True:
                data = await reader.read(CHUNK)
                if not data:
                    raise Closed(reason="before it answered the handshake")
                rest = handshake.feed(data)
                if rest is not None:
                    return Connection(reader, writer, rest)
        except BaseException:
            writer.close()
            raise

    def send(self, text: str) -> None:
        """Queues a message; :meth:`drain` waits for room."""
        self._writer.write(encode(TEXT, text.encode()))

    async def drain(self) -> None:
        await self._writer.drain()

    async def messages(self) -> AsyncIterator[str]:
        """Every text message. Pings are answered. Raises Closed at the end, ProtocolError, TimeoutError after too long a silence."""
        frames = FrameReader()
        data = self._begun
        while True:
            for opcode, payload in frames.feed(data):
                if opcode == TEXT:
                    yield payload.decode("utf-8")
                elif opcode == PING:
                    self._writer.write(encode(PONG, payload))
                elif opcode == CLOSE:
                    self._answer_close(payload)
                elif opcode == BINARY:
                    continue
            data = await asyncio.wait_for(self._reader.read(CHUNK), self.silence)
            if not data:
                raise Closed()

    def _answer_close(self, payload: bytes) -> None:
        code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
        if not self._writer.is_closing():
            self._writer.write(encode(CLOSE, payload[:2]))
        raise Closed(code, payload[2:].decode("utf-8", "replace"))

    async def close(self, code: int = 1000) -> None:
        """Says goodbye; does not wait for the answer."""
        try:
            if not self._writer.is_closing():
                self._writer.write(encode(CLOSE, close_payload(code)))
                await asyncio.wait_for(self._writer.drain(), 1)
        except (OSError, asyncio.TimeoutError):
            pass
        finally:
            self._writer.close()
