import asyncio
import json
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

from actorrelay import AgentWorker, EventSender, Updates
from actorrelay.connection import Connection
from actorrelay.worker import Redis, RedisError

from .node import Node, RedisServer, eventually, free_port


class Listening:
    """A client of a dialect in a thread of its own: connected when made."""

    def __init__(self, url, is_last):
        self._result = None
        connected = threading.Event()

        async def run():
            connection = await Connection.open(url, None, None, 10)
            connected.set()
            got = []
            async for text in connection.messages():
                frame = json.loads(text)
                if not str(frame.get("type", "")).startswith("system"):
                    got.append(frame)
                if got and is_last(got[-1]):
                    await connection.close()
                    return got

        self._thread = threading.Thread(target=lambda: setattr(self, "_result", asyncio.run(asyncio.wait_for(run(), 60))), daemon=True)
        self._thread.start()
        assert connected.wait(30)
        time.sleep(0.2)

    def result(self):
        self._thread.join(60)
        return self._result


class Senders(unittest.TestCase):
    def test_a_sender_without_a_relay_never_waits_and_drops_the_oldest(self):
        sender = EventSender("ws://127.0.0.1:%d/" % free_port(), most=10, linger=0.1)
        began = time.monotonic()
        for n in range(1000):
            self.assertTrue(sender.send("hook.test", {"n": n}))
        self.assertGreaterEqual(sender.dropped, 980)
        self.assertFalse(sender.is_running())
        sender.close()
        self.assertFalse(sender.send("hook.test"))
        self.assertLess(time.monotonic() - began, 10)

    def test_what_is_no_json_is_refused_and_nothing_raises(self):
        with EventSender("ws://127.0.0.1:%d/" % free_port(), linger=0) as sender:
            self.assertFalse(sender.send("hook.test", {"x": object()}))

    def test_events_arrive_in_order_also_those_sent_before_the_relay_was_there_and_a_program_may_end_at_once(self):
        node = Node()
        node._settings["Listeners:hooks:Url"] = "http://127.0.0.1:%d" % free_port()
        url = node._settings["Listeners:hooks:Url"].replace("http", "ws") + "/"
        self.addCleanup(node.stop)
        with EventSender(url, session_id="s1", linger=30) as sender:
            sender.send("hook.test", {"n": 0})
            node.start()
            eventually(sender.is_running)
            self.assertTrue(sender.flush(30))
            listener = Listening(url, lambda one: one["data"]["n"] == 400)
            for n in range(1, 301):
                sender.send("hook.test", {"n": n})
            self.assertTrue(sender.flush(30))
            program = "from actorrelay import EventSender\ns=EventSender(%r)\nfor n in range(301,401): s.send('hook.test',{'n':n})" % url
            subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent.parent, check=True, timeout=60)
            got = listener.result()
        # The first may come before or after the listener.
        self.assertEqual([one["data"]["n"] for one in got if one["data"]["n"] > 0], list(range(1, 401)))
        self.assertEqual(got[0]["data"]["session_id"], "s1")


class Workers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = RedisServer()
        cls.node = Node(**{
            "Redis:Endpoints": "127.0.0.1:%d" % cls.redis.port, "Redis:Updates:Streams": "updates:stream", "Agents:Backend": "redis"}).start()

    @classmethod
    def tearDownClass(cls):
        cls.node.stop()
        cls.redis.stop()

    def test_updates_reach_their_user_by_channel_and_by_stream(self):
        for stream in (None, "updates:stream"):
            listener = Listening("ws://127.0.0.1:%d/ws?userId=u1" % self.node.port, lambda one: one["payload"]["n"] == 2)
            redis = Redis(port=self.redis.port)
            self.addCleanup(redis.close)
            updates = Updates(redis, stream=stream)
            for n in range(3):
                updates.to_user("u1", "agent_update", {"n": n})
            self.assertEqual([one["payload"]["n"] for one in listener.result()], [0, 1, 2])

    def test_a_connection_to_Redis_that_broke_is_made_anew(self):
        redis, other = Redis(port=self.redis.port), Redis(port=self.redis.port)
        self.addCleanup(redis.close)
        self.addCleanup(other.close)
        other.call("CLIENT", "KILL", "ID", redis.call("CLIENT", "ID"))
        Updates(redis).to_all("agent_update", {})
        with self.assertRaises(RedisError):
            redis.call("NOSUCH")

    def test_a_worker_answers_chats_and_survives_its_own_faults(self):
        def handle(request, say):
            say("thinking")
            if request["content"] == "fail":
                raise RuntimeError("broken")
            return "you said " + request["content"]

        requests, answers = Redis(port=self.redis.port), Redis(port=self.redis.port)
        self.addCleanup(requests.close)
        self.addCleanup(answers.close)
        worker = AgentWorker(requests, Updates(answers), handle)
        running = threading.Thread(target=worker.run, daemon=True)
        running.start()

        async def chat():
            connection = await Connection.open("ws://127.0.0.1:%d/ws" % self.node.port, None, None, 10)
            kinds = []
            connection.send(json.dumps({"type": "session_create", "message_id": "1", "timestamp": "2026-01-01T00:00:00Z"}))
            async for text in connection.messages():
                frame = json.loads(text)
                kinds.append(frame)
                if frame["type"] == "session_status":
                    for content in ("fail", "hello"):
                        connection.send(json.dumps({"type": "chat_message", "message_id": content, "timestamp": "2026-01-01T00:00:00Z", "data": {"content": content}}))
                if frame["type"] == "agent_response":
                    await connection.close()
                    return kinds

        try:
            frames = asyncio.run(asyncio.wait_for(chat(), 60))
        finally:
            worker.stop()
        self.assertEqual(frames[-1]["data"]["content"], "you said hello")
        self.assertIn("agent_error", [one["type"] for one in frames])
        running.join(10)
        self.assertFalse(running.is_alive())
