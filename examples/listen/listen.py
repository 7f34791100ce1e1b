#!/usr/bin/env python3
"""Connects to a WebSocket and prints every text message on a line of its own. Python 3 standard library only.

    ./listen.py 'ws://127.0.0.1:8080/ws?userId=alice'
    ./listen.py ws://127.0.0.1:8080/relay --send '{"type":"subscribe","channel":"topics/deploy","id":"s1"}'

Ends with Ctrl-C, after --count messages, or when the server closes (exit code 1, with the close code on standard error).
"""
import argparse
import base64
import hashlib
import os
import socket
import struct
import sys
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


class WebSocket:
    """RFC 6455 without extensions."""

    def __init__(self, url, token=None):
        address = urlsplit(url)
        if address.scheme != "ws":
            raise ValueError("only ws:// addresses, not %r" % url)
        port = address.port or 80
        key = base64.b64encode(os.urandom(16)).decode()
        target = (address.path or "/") + ("?" + address.query if address.query else "")
        self._socket = socket.create_connection((address.hostname, port), timeout=10)
        self._stream = self._socket.makefile("rb")
        self._socket.sendall((
            "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s\r\n"
            % (target, address.hostname, port, key, "Authorization: Bearer %s\r\n" % token if token else "")).encode())
        status = self._stream.readline().decode("latin-1").strip()
        headers = {}
        while (line := self._stream.readline().strip()):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if " 101 " not in status + " ":
            reason = self._stream.read(int(headers.get("content-length", 0))).decode("utf-8", "replace")
            raise ConnectionError("%s: %s" % (status, reason))
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        if headers.get("sec-websocket-accept") != accept:
            raise ConnectionError("the answer's Sec-WebSocket-Accept is wrong: no WebSocket server, or a proxy in between")
        self._socket.settimeout(None)

    def send(self, text):
        self._frame(TEXT, text.encode())

    def close(self):
        self._frame(CLOSE, struct.pack(">H", 1000))
        self._socket.close()

    def messages(self):
        """Every text message; pings are answered. Raises ConnectionError when the server closes."""
        parts = []
        while True:
            first, second = self._exactly(2)
            length = second & 0x7F
            if length >= 126:
                length = int.from_bytes(self._exactly(2 if length == 126 else 8), "big")
            payload = self._exactly(length)
            opcode = first & 0x0F
            if opcode == PING:
                self._frame(PONG, payload)
            elif opcode == CLOSE:
                code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
                raise ConnectionError("closed by the server: %d %s" % (code, payload[2:].decode("utf-8", "replace")))
            elif opcode != PONG:
                parts.append(payload)
                if first & 0x80:
                    yield b"".join(parts).decode()
                    parts = []

    def _exactly(self, count):
        data = self._stream.read(count)
        if len(data) < count:
            raise ConnectionError("the connection ended without a close")
        return data

    def _frame(self, opcode, payload):
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else struct.pack(">BH", 0x80 | 126, size) if size < 65536 else struct.pack(">BQ", 0x80 | 127, size)
        mask = os.urandom(4)
        self._socket.sendall(bytes([0x80 | opcode]) + length + mask + bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload)))


def main():
    options = argparse.ArgumentParser(description="Prints every message of a WebSocket.")
    options.add_argument("url")
    options.add_argument("--send", action="append", default=[], metavar="TEXT", help="message to send after connecting; repeatable")
    options.add_argument("--count", type=int, default=0, metavar="N", help="end after N messages")
    options.add_argument("--token", help="JWT or API key, as Authorization: Bearer")
    chosen = options.parse_args()
    connection = WebSocket(chosen.url, chosen.token)
    print("connected", file=sys.stderr, flush=True)
    for text in chosen.send:
        connection.send(text)
    for number, message in enumerate(connection.messages(), start=1):
        print(message, flush=True)
        if number == chosen.count:
            connection.close()
            return


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit("listen: %s" % error)
    except KeyboardInterrupt:
        sys.exit(130)
