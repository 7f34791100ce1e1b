import random
import unittest

from actorrelay.frames import TEXT, Address, FrameReader, Handshake, HandshakeRefused, ProtocolError, encode
from actorrelay.model import Event, Gap, Place
from actorrelay.tracking import Backoff, Progress
from actorrelay.client import matches


def unmasked(opcode, payload, final=True):
    size = len(payload)
    head = bytes([(0x80 if final else 0) | opcode])
    return head + (bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big") if size < 65536 else b"\x7f" + size.to_bytes(8, "big")) + payload


class Frames(unittest.TestCase):
    def test_a_frame_is_masked_and_its_length_is_written_in_the_shortest_form(self):
        for size, head in ((0, 2), (1, 2), (125, 2), (126, 4), (65535, 4), (65536, 10)):
            payload = bytes(random.Random(size).randrange(256) for _ in range(size))
            frame = encode(TEXT, payload)
            self.assertEqual(len(frame), head + 4 + size)
            mask = frame[head:head + 4]
            self.assertEqual(bytes(one ^ mask[i % 4] for i, one in enumerate(frame[head + 4:])), payload)

    def test_messages_are_read_however_they_are_cut_into_frames_and_packets(self):
        stream = unmasked(TEXT, b"a", final=False) + unmasked(9, b"p") + unmasked(0, b"b" * 70000) + unmasked(TEXT, b"c" * 300)
        for seed in range(20):
            chance, at, got, reader = random.Random(seed), 0, [], FrameReader()
            while at < len(stream):
                size = chance.randint(1, 40000)
                got += reader.feed(stream[at:at + size])
                at += size
            self.assertEqual(got, [(9, b"p"), (TEXT, b"a" + b"b" * 70000), (TEXT, b"c" * 300)])

    def test_what_no_server_sends_is_refused(self):
        for wrong in (b"\xc1\x00", b"\x83\x00", b"\x81\x80", b"\x89\x7e\x00\x7e", b"\x09\x00", b"\x80\x00", b"\x81\x7f" + b"\xff" * 8):
            with self.assertRaises(ProtocolError):
                list(FrameReader().feed(wrong))

    def test_the_answer_to_a_handshake_must_prove_that_it_was_understood(self):
        with self.assertRaises(ProtocolError):
            Handshake(Address.of("ws://h/")).feed(b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: wrong\r\n\r\n")
        with self.assertRaises(HandshakeRefused) as refused:
            Handshake(Address.of("ws://h/")).feed(b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\nfull")
        self.assertEqual((refused.exception.status, refused.exception.retry_after), (503, 7))
        with self.assertRaises(ProtocolError):
            Handshake(Address.of("ws://h/")).feed(b"x" * 70000)

    def test_addresses_and_tokens_cannot_smuggle_header_lines(self):
        for wrong in ("http://h/", "ws:///x", "h:1"):
            with self.assertRaises(ValueError):
                Address.of(wrong)
        with self.assertRaises(ValueError):
            Handshake(Address.of("ws://h/"), "a\r\nX: y")


class Tracking(unittest.TestCase):
    def test_an_event_is_taken_once_and_a_new_life_begins_anew(self):
        progress = Progress()
        takes = lambda epoch, offset: progress.takes(Event("c", "e", None, place=Place(epoch, offset)))
        self.assertEqual([takes("a", 1), takes("a", 2), takes("a", 1), takes("a", 2), takes("a", 3)], [True, True, False, False, True])
        self.assertTrue(takes("b", 1))
        self.assertTrue(progress.takes(Event("c", "transient", None)))
        self.assertEqual(progress.at("c"), Place("b", 1))

    def test_a_gap_is_told_once_and_moves_on(self):
        progress = Progress()
        progress.begin("c", Place("a", 3))
        self.assertTrue(progress.skip(Gap("c", "a", 4, 9)))
        self.assertFalse(progress.skip(Gap("c", "a", 4, 9)))
        self.assertFalse(progress.takes(Event("c", "e", None, place=Place("a", 9))))

    def test_pauses_grow_to_a_bound_and_differ(self):
        backoff = Backoff(1, 8, random.Random(1))
        pauses = [backoff.next() for _ in range(50)]
        self.assertTrue(all(0 <= pause <= min(8, 2 ** i) for i, pause in enumerate(pauses)))
        self.assertGreater(len(set(pauses)), 40)

    def test_patterns_match_as_the_relay_matches(self):
        for pattern, channel, holds in (
            ("agents/*", "agents/a", True), ("agents/*", "agents/a/b", False), ("agents/**", "agents/a/b", True), ("agents/**", "agents", False),
            ("topics/*/x", "topics/a/x", True), ("topics/*/x", "topics/a/y", False),
        ):
            self.assertEqual(matches(pattern, channel), holds, (pattern, channel))
