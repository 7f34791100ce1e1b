"""RFC 6455 from a client's side, without input and output: the handshake and the frames as bytes."""
from __future__ import annotations

import base64
import hashlib
import os
import struct
from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3

# A relay's answer that is larger is none.
MOST_HEAD = 64 * 1024


class ProtocolError(ConnectionError):
    """The other side does not speak WebSocket, or wrongly."""


class HandshakeRefused(ConnectionError):
    """The relay answered something else than 101."""

    def __init__(self, status: int, reason: str, retry_after: Optional[float] = None):
        super().__init__("the relay refused the connection: %d %s" % (status, reason))
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True)
class Address:
    """Where a relay is."""

    host: str
    port: int
    secure: bool
    target: str

    @staticmethod
    def of(url: str) -> "Address":
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError("not the address of a WebSocket, such as ws://127.0.0.1:8080/relay: %r" % url)
        secure = parts.scheme == "wss"
        target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        return Address(parts.hostname, parts.port or (443 if secure else 80), secure, target)

    @property
    def authority(self) -> str:
        host = "[%s]" % self.host if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else "%s:%d" % (host, self.port)


class Handshake:
    """One opening handshake: the request, and whether the answer is one."""

    def __init__(self, address: Address, token: Optional[str] = None):
        key = base64.b64encode(os.urandom(16)).decode()
        self._accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        lines = [
            "GET %s HTTP/1.1" % address.target, "Host: %s" % address.authority, "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Key: %s" % key, "Sec-WebSocket-Version: 13",
        ]
        if token:
            if not token.isascii() or any(character.isspace() for character in token):
                raise ValueError("a token has no spaces, line ends or characters beyond ASCII")
            lines.append("Authorization: Bearer %s" % token)
        self.request = ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
        self._head = b""

    def feed(self, data: bytes) -> Optional[bytes]:
        """What follows the answer once it is complete; None before. Raises HandshakeRefused, ProtocolError."""
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > MOST_HEAD:
                raise ProtocolError("the answer's head has no end")
            return None
        status, headers = _read_head(self._head[:end])
        if status != 101:
            reason = self._head[end + 4:end + 204].decode("utf-8", "replace").strip()
            raise HandshakeRefused(status, reason, _seconds(headers.get("retry-after")))
        if headers.get("sec-websocket-accept") != self._accept:
            raise ProtocolError("the answer's Sec-WebSocket-Accept is wrong: no WebSocket server, or a proxy in between")
        return self._head[end + 4:]


def _read_head(head: bytes) -> Tuple[int, dict]:
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise ProtocolError("no HTTP answer: %r" % lines[0][:80])
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(words[1]), headers


def _seconds(text: Optional[str]) -> Optional[float]:
    return float(text) if text and text.isdigit() else None


def encode(opcode: int, payload: bytes) -> bytes:
    """One masked frame."""
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size)
    mask = os.urandom(4)
    if not payload:
        return head + mask
    # As one number: a loop over bytes would be slower by a hundred times.
    pattern = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ pattern).to_bytes(size, "big")


def close_payload(code: int) -> bytes:
    return struct.pack(">H", code)


class FrameReader:
    """Bytes in, whole messages and control frames out."""

    def __init__(self, most: int = 64 * 1024 * 1024):
        self._most = most
        self._bytes = bytearray()
        self._parts: List[bytes] = []
        self._opcode = 0
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Tuple[int, bytes]]:
        """(opcode, payload) of each message and control frame that is complete. Raises ProtocolError."""
        self._bytes += data
        while True:
            frame = self._take()
            if frame is None:
                return
            final, opcode, payload = frame
            if opcode >= 0x8:
                yield opcode, payload
                continue
            if (opcode == 0) != (self._opcode != 0):
                raise ProtocolError("a message begins within another, or goes on before it began")
            self._opcode = self._opcode or opcode
            self._parts.append(payload)
            self._size += len(payload)
            if self._size > self._most:
                raise ProtocolError("a message is larger than %d bytes" % self._most)
            if final:
                message = (self._opcode, b"".join(self._parts))
                self._parts, self._opcode, self._size = [], 0, 0
                yield message

    def _take(self) -> Optional[Tuple[bool, int, bytes]]:
        held = self._bytes
        if len(held) < 2:
            return None
        first, second = held[0], held[1]
        opcode, size, at = first & 0x0F, second & 0x7F, 2
        if first & 0x70 or opcode not in (0, TEXT, BINARY, CLOSE, PING, PONG) or second & 0x80:
            raise ProtocolError("a frame that no server sends: %02x %02x" % (first, second))
        if opcode >= 0x8 and (size > 125 or not first & 0x80):
            raise ProtocolError("a control frame that is too long or in parts")
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(held) < 2 + width:
                return None
            size, at = int.from_bytes(held[2:2 + width], "big"), 2 + width
        if size > self._most:
            raise ProtocolError("a frame of %d bytes" % size)
        if len(held) < at + size:
            return None
        payload = bytes(held[at:at + size])
        del held[:at + size]
        return bool(first & 0x80), opcode, payload
