import asyncio
import base64
import hashlib
import json
import unittest

from actorrelay import Event, Gap, Place, Refused, RelayClient, Unauthorized
from actorrelay.frames import GUID
from actorrelay.tracking import Backoff

from .node import Node

SOON = 30


async def take(subscription, count):
    return [await asyncio.wait_for(subscription.__anext__(), SOON) for _ in range(count)]


def quick():
    return Backoff(0.05, 0.5)


class Clients(unittest.IsolatedAsyncioTestCase):
    """One relay for all; what kills it starts it again."""

    @classmethod
    def setUpClass(cls):
        cls.node = Node(**{"Namespaces:topics:Durability": "sql", "Drain:Seconds": "1"}).start()

    @classmethod
    def tearDownClass(cls):
        cls.node.stop()

    def client(self, **options):
        return RelayClient(self.node.url, backoff=quick(), **options)

    async def test_what_is_published_arrives_with_its_place(self):
        async with self.client() as relay:
            heard = relay.subscribe("topics/one")
            await relay.presence("topics/one")
            published = await relay.publish("topics/one", "task.created", {"n": 1}, key="k")
            (event,) = await take(heard, 1)
            self.assertEqual((event.channel, event.name, event.data, event.key), ("topics/one", "task.created", {"n": 1}, "k"))
            self.assertEqual(event.place, published.place)
            self.assertEqual((published.duplicate, published.subscribers), (False, 1))

    async def test_a_publish_id_counts_once(self):
        async with self.client() as relay:
            first = await relay.publish("topics/ids", "message.new", 1, id="only-1")
            again = await relay.publish("topics/ids", "message.new", 1, id="only-1")
            self.assertEqual((first.place, False, True), (again.place, first.duplicate, again.duplicate))

    async def test_history_presence_and_versions(self):
        async with self.client() as relay:
            for n in range(5):
                last = await relay.publish("topics/h", "message.new", n, key="k")
            self.assertEqual([one.data for one in await relay.history("topics/h", limit=2)], [3, 4])
            self.assertEqual([one.data for one in await relay.history("topics/h", since=Place(last.place.epoch, 3))], [3, 4])
            heard = relay.subscribe("topics/h", presence=True)
            async with self.client() as other:
                while (await other.presence("topics/h")).count != 1:
                    await asyncio.sleep(0.02)
            with self.assertRaises(Refused) as refused:
                await relay.publish("topics/h", "message.new", 9, key="k", if_version=Place(last.place.epoch, 1))
            self.assertEqual(refused.exception.code, "VERSION_MISMATCH")
            await relay.publish("topics/h", "message.new", 9, key="k", if_version=last.place)
            self.assertEqual((await take(heard, 1))[0].data, 9)

    async def test_earlier_events_come_first_and_filters_hold(self):
        async with self.client() as relay:
            for n in range(6):
                await relay.publish("topics/last", "task.created" if n % 2 else "message.new", n)
            heard = relay.subscribe("topics/last", last=3, events=["task.*"])
            await relay.presence("topics/last")
            await relay.publish("topics/last", "message.new", 6)
            await relay.publish("topics/last", "task.created", 7)
            self.assertTrue([one.data for one in await take(heard, 2)][-1] in (5, 7))

    async def test_a_pattern_brings_channels_that_are_born_later(self):
        async with self.client() as relay:
            heard = relay.subscribe("topics/p/*")
            await relay.presence("topics/x")
            await relay.publish("topics/p/a", "message.new", 1)
            await relay.publish("topics/p/b", "message.new", 2)
            self.assertEqual([(one.channel, one.data) for one in await take(heard, 2)], [("topics/p/a", 1), ("topics/p/b", 2)])

    async def test_what_is_refused_says_why(self):
        async with self.client() as relay:
            with self.assertRaises(Refused) as refused:
                await relay.publish("no/such/namespace", "message.new", 1)
            self.assertIn("no/such/namespace", str(refused.exception))
            heard = relay.subscribe("bad channel")
            with self.assertRaises(Refused):
                await asyncio.wait_for(heard.__anext__(), SOON)

    async def test_nothing_is_lost_or_repeated_over_kills_and_planned_stops_of_the_relay(self):
        async with self.client() as listener, self.client() as publisher:
            heard = listener.subscribe("topics/cut")
            await listener.presence("topics/cut")

            async def publish():
                for n in range(300):
                    await publisher.publish("topics/cut", "message.new", n, timeout=120)

            publishing = asyncio.ensure_future(publish())
            got = [one.data for one in await take(heard, 50)]
            await asyncio.to_thread(self.node.kill)
            await asyncio.to_thread(self.node.start)
            got += [one.data for one in await take(heard, 100)]
            await asyncio.to_thread(self.node.terminate)
            await asyncio.to_thread(self.node.start)
            got += [one.data for one in await take(heard, 150)]
            await publishing
            self.assertEqual(got, list(range(300)))

    async def test_what_is_published_and_asked_while_the_relay_is_away_goes_out_when_it_is_back_up_to_a_bound(self):
        async with self.client(most_pending=3) as relay:
            await relay.presence("topics/off")
            await asyncio.to_thread(self.node.kill)
            waiting = [asyncio.ensure_future(relay.publish("topics/off", "message.new", n, timeout=120)) for n in range(3)]
            await asyncio.sleep(0)
            with self.assertRaises(Refused) as refused:
                await relay.publish("topics/off", "message.new", 3)
            self.assertEqual(refused.exception.code, "QUEUE_FULL")
            await asyncio.to_thread(self.node.start)
            places = [one.place.offset for one in await asyncio.gather(*waiting)]
            self.assertEqual(places, sorted(places))

    async def test_who_reads_slowly_gets_everything_in_the_end(self):
        async with self.client(most_queued=20) as relay:
            heard = relay.subscribe("topics/slow")
            await relay.presence("topics/slow")
            for start in range(0, 400, 100):
                await asyncio.gather(*(relay.publish("topics/slow", "message.new", n) for n in range(start, start + 100)))
            self.assertEqual([one.data for one in await take(heard, 400)], list(range(400)))

    async def test_a_lost_channel_is_told_as_a_gap(self):
        async with self.client() as relay:
            heard = relay.subscribe("projects/00000000-0000-0000-0000-000000000001")
            await relay.presence(heard.channel)
            await relay.publish(heard.channel, "message.new", 1)
            await take(heard, 1)
            await asyncio.to_thread(self.node.kill)
            await asyncio.to_thread(self.node.start)
            await relay.publish(heard.channel, "message.new", 2, timeout=120)
            first, *_ = await take(heard, 1)
            self.assertIsInstance(first, Gap)

    async def test_a_client_that_was_closed_ends_its_iterators_and_questions(self):
        relay = self.client()
        relay.start()
        heard = relay.subscribe("topics/end")
        await relay.presence("topics/end")
        await relay.close()
        self.assertEqual([one async for one in heard], [])
        with self.assertRaises(ConnectionError):
            await relay.publish("topics/end", "message.new", 1)


class Tokens(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.key = "a-key-of-the-tests-0123456789"
        cls.node = Node(**{"Auth:Required": "true", "Auth:ApiKeys:0:Name": "tests", "Auth:ApiKeys:0:Key": cls.key}).start()

    @classmethod
    def tearDownClass(cls):
        cls.node.stop()

    async def test_a_function_brings_the_token_and_a_refused_one_is_asked_for_again(self):
        given = iter(["wrong-but-long-enough-to-be-one", self.key])
        async with RelayClient(self.node.url, token=lambda: next(given), backoff=quick()) as relay:
            self.assertIsNotNone((await relay.publish("topics/t", "message.new", 1)).place)

    async def test_a_fixed_token_that_is_refused_ends_the_client_and_says_so(self):
        async with RelayClient(self.node.url, token="wrong-but-long-enough-to-be-one", backoff=quick()) as relay:
            with self.assertRaises(Unauthorized) as refused:
                await relay.publish("topics/t", "message.new", 1)
            self.assertNotIn("wrong-but-long", str(refused.exception))


class Garbage(unittest.IsolatedAsyncioTestCase):
    async def test_frames_that_are_no_messages_of_the_relay_change_nothing(self):
        garbage = ["{", "null", "[]", "17", '"text"', '{"type":7}', '{"type":"ack"}', '{"type":"gap"}', '{"channel":5,"event":"e"}', '{"__proto__":{"x":1},"constructor":1}', "[" * 5000]

        async def serve(reader, writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
            accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
            writer.write(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept).encode())
            event = {"id": "m", "channel": "topics/g", "event": "message.new", "data": 1, "epoch": "e", "offset": 1, "timestamp": 5}
            for text in ['{"type":"connected","client_id":"c","session":"s"}', *garbage, json.dumps(event)]:
                data = text.encode()
                writer.write(b"\x81" + (bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")) + data)
            await writer.drain()
            await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            async with RelayClient("ws://127.0.0.1:%d/" % server.sockets[0].getsockname()[1]) as relay:
                self.assertEqual((await take(relay.subscribe("topics/g"), 1)), [Event("topics/g", "message.new", 1, "m", None, 5, Place("e", 1))])
