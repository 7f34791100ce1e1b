#!/usr/bin/env python3
"""An AI worker that streams its progress to one user through Redis. Python 3 standard library only.

    ./worker.py --user alice                      PUBLISH updates {"target_user_id":"alice", ...}
    ./worker.py --user alice --stream             XADD updates:stream * json {...}: nothing is lost while the relay is down

The relay forwards each message as it is to the WebSocket clients of that user (/ws?userId=alice).
"""
import argparse
import json
import socket
import sys
import time
import uuid

REPORT = ("The nightly build is green again. ", "Two tests had waited for a clock instead of an event; ", "both now wait for the event. ", "No other test changed its result.")


class Redis:
    """As much of a Redis client as a publisher needs: one command, one answer (RESP 2)."""

    def __init__(self, host, port):
        self._socket = socket.create_connection((host, port), timeout=10)
        self._answers = self._socket.makefile("rb")

    def call(self, *words):
        parts = [word.encode() if isinstance(word, str) else word for word in words]
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self._read()

    def _read(self):
        line = self._answers.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self._answers.read(length + 2)[:-2].decode()
        return rest.decode()


def events(agent):
    """The life of one task: what the user's page shows growing."""
    yield "agent_update", {"agent_id": agent, "status": "running", "progress": 0}
    for done, text in enumerate(REPORT, start=1):
        yield "report_chunk", {"agent_id": agent, "index": done - 1, "text": text}
        yield "agent_update", {"agent_id": agent, "status": "running", "progress": round(100 * done / len(REPORT))}
    yield "done", {"agent_id": agent, "status": "completed", "chunks": len(REPORT)}


def main():
    options = argparse.ArgumentParser(description="Streams an agent's progress to one user through Redis.")
    options.add_argument("--redis", default="127.0.0.1:6379", metavar="HOST:PORT")
    options.add_argument("--user", default="alice", help="target_user_id (default alice)")
    options.add_argument("--agent", default="agent-1", help="agent_id in the payloads (default agent-1)")
    options.add_argument("--channel", default="updates", help="Pub/Sub channel (default updates)")
    options.add_argument("--stream", nargs="?", const="updates:stream", metavar="NAME", help="XADD to this stream (default updates:stream) instead of PUBLISH")
    options.add_argument("--pause", type=float, default=0.4, help="seconds between events (default 0.4)")
    chosen = options.parse_args()

    host, _, port = chosen.redis.rpartition(":")
    redis = Redis(host, int(port))
    for number, (kind, payload) in enumerate(events(chosen.agent)):
        message = {"target_user_id": chosen.user, "type": kind, "payload": payload}
        if chosen.stream:
            # The id makes a repeat harmless: a worker that does not know whether its XADD arrived may simply send it again.
            text = json.dumps({**message, "id": str(uuid.uuid4())})
            answer = redis.call("XADD", chosen.stream, "*", "json", text)
        else:
            text = json.dumps(message)
            answer = "%d receivers" % redis.call("PUBLISH", chosen.channel, text)
        print("%s  (%s)" % (text, answer), flush=True)
        if number < 2 * len(REPORT) + 1:
            time.sleep(chosen.pause)


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError) as error:
        sys.exit("worker: %s" % error)
    except KeyboardInterrupt:
        sys.exit(130)
