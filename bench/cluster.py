#!/usr/bin/env python3
"""Measures a cluster of three nodes on this machine, with a Redis of its own, and prints one Markdown table.

    bench/cluster.py                      all cases: some minutes
    bench/cluster.py latency moves        some of them: even, latency, load, moves, kills
    bench/cluster.py --moves 500 --kills 50
    bench/cluster.py --no-build ...       measures what is in bench/out

even     shards of 1, 2 and 3 nodes
latency  1,000 publishes/s over native WebSockets to one node, delivered at another, beside the same rate through a bare PUBLISH and SUBSCRIBE of the same Redis
load     publishes to each node that are delivered at the next one, at two rates and as fast as they go, and what a message costs the nodes and Redis
moves    how long publishes to a shard wait while it is moved: nodes stop and start as planned
kills    how long publishes to the channels of a node wait that is killed with SIGKILL

Needs redis-server and the .NET SDK. Everything runs on loopback; processes are ended by id and temporary folders removed.
"""
import argparse
import asyncio
import base64
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SHARDS = 256


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def shard_of(name):
    """As ShardHash.ShardOf: FNV-1a over UTF-8, halves folded together."""
    value = 14695981039346656037
    for byte in name.encode():
        value = ((value ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return ((value ^ (value >> 32)) & 0xFFFFFFFF) % SHARDS


def channel_of_each_shard():
    names, number = {}, 0
    while len(names) < SHARDS:
        name = f"topics/m{number}"
        names.setdefault(shard_of(name), name)
        number += 1
    return [names[shard] for shard in range(SHARDS)]


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def say(text):
    print(text, file=sys.stderr, flush=True)


class WebSocket:
    """As much of RFC 6455 as is needed here: whole text frames."""

    @classmethod
    async def connect(cls, port, path="/relay", protocol="relay.v1"):
        self = cls()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        self.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n").encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode())
        return self

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        head = bytes([0x81, 0x80 | len(data)]) if len(data) < 126 else bytes([0x81, 0xFE]) + struct.pack(">H", len(data))
        self.writer.write(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))

    async def receive(self):
        while True:
            first, length = await self.reader.readexactly(2)
            if length == 126:
                length = struct.unpack(">H", await self.reader.readexactly(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", await self.reader.readexactly(8))[0]
            data = await self.reader.readexactly(length)
            if first & 15 == 1:
                return json.loads(data)
            if first & 15 == 8:
                raise ConnectionError("closed")

    def close(self):
        self.writer.close()


class Node:
    def __init__(self, number, cluster):
        self.number, self.cluster, self.port, self.process = number, cluster, free_port(), None

    def start(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.cluster.folder))
        settings = {
            "Listeners:main:Url": f"http://127.0.0.1:{self.port}", "Listeners:hooks:Url": "", "Listeners:context:Url": "",
            "Redis:Endpoints": f"127.0.0.1:{self.cluster.redis_port}", "Cluster:Enabled": "true", "Cluster:NodeId": f"n{self.number}",
            **self.cluster.settings,
        }
        with open(folder / "log", "w") as log:
            self.process = subprocess.Popen(
                ["dotnet", str(HERE / "out" / "relay-ahead" / "Relay.Node.dll"), *(f"--Relay:{key}={value}" for key, value in settings.items())],
                cwd=folder, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait(60)

    async def is_ready(self):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            line = await reader.readline()
            writer.close()
            return b" 200 " in line
        except OSError:
            return False

    async def ready(self):
        until = time.monotonic() + 60
        while not await self.is_ready():
            if time.monotonic() > until or self.process.poll() is not None:
                raise RuntimeError(f"node n{self.number} does not get ready")
            await asyncio.sleep(0.05)


class Cluster:
    def __init__(self, nodes, **settings):
        self.settings = settings
        self.folder = tempfile.mkdtemp(prefix="relay-cluster-bench-")
        self.redis_port = free_port()
        self.redis = subprocess.Popen(
            ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder], stdout=subprocess.DEVNULL)
        self.nodes = [Node(number + 1, self) for number in range(nodes)]

    async def __aenter__(self):
        try:
            await asyncio.sleep(0.3)
            for node in self.nodes:
                node.start()
            for node in self.nodes:
                await node.ready()
            await self.settled()
            return self
        except BaseException:
            self.end()
            raise

    async def __aexit__(self, *_):
        self.end()

    def end(self):
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.process.kill()
                node.process.wait()
        self.redis.kill()
        self.redis.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def owners(self):
        out = subprocess.run(["redis-cli", "-p", str(self.redis_port), "hgetall", "{relay}:state"], capture_output=True, text=True, check=True).stdout.split("\n")
        table = dict(zip(out[::2], out[1::2]))
        return {int(key[2:]): value.split(" ")[1].split("#")[0] for key, value in table.items() if key.startswith("s:")}

    async def settled(self):
        """All shards have owners, and nothing has moved for a second and a half."""
        last, since = None, time.monotonic()
        while time.monotonic() - since < 1.5:
            now = self.owners()
            if now != last or len(now) < SHARDS or "-" in now.values():
                last, since = now, time.monotonic()
            await asyncio.sleep(0.1)


async def even(_):
    rows = []
    async with Cluster(3) as cluster:
        three = cluster.owners()
        cluster.nodes[2].end(signal.SIGTERM)
        await cluster.settled()
        two = cluster.owners()
    for owners, count in ((two, 2), (three, 3)):
        shares = [list(owners.values()).count(f"n{n + 1}") for n in range(count)]
        worst = max(abs(share * count / SHARDS - 1) for share in shares)
        rows.append((f"shards of {count} nodes", " / ".join(map(str, shares)), f"{worst:.0%} from even"))
    return rows


RATE, SECONDS, CHANNELS = 1000, 20, 32


async def paced(send, count):
    began = time.perf_counter()
    for number in range(count):
        intended = began + number / RATE
        while (wait := intended - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        send(number, intended)


async def relay_latency(cluster):
    subscriber, publisher = await WebSocket.connect(cluster.nodes[1].port), await WebSocket.connect(cluster.nodes[0].port)
    channels = [f"topics/l{number}" for number in range(CHANNELS)]
    for channel in channels:
        subscriber.send(json.dumps({"type": "subscribe", "channel": channel, "id": channel}))
    acked, began = 0, time.monotonic_ns()
    while acked < CHANNELS:
        acked += (await subscriber.receive()).get("type") == "ack"
    latencies, count = [], RATE * SECONDS

    async def listen():
        while len(latencies) < count:
            frame = await subscriber.receive()
            if "data" in frame and str(frame.get("channel", "")).startswith("topics/l"):
                latencies.append(time.perf_counter() - frame["data"]["t"])

    async def drain():
        while True:
            await publisher.receive()

    listening, draining = asyncio.create_task(listen()), asyncio.create_task(drain())
    text = "x" * 80
    await paced(lambda number, at: publisher.send(json.dumps(
        {"type": "publish", "channel": channels[number % CHANNELS], "event": "e", "id": f"{began}-{number}", "data": {"t": at, "p": text}})), count)
    await asyncio.wait_for(listening, 20)
    draining.cancel()
    subscriber.close()
    publisher.close()
    return latencies[RATE:]


async def bare_latency(cluster):
    async def open_redis():
        reader, writer = await asyncio.open_connection("127.0.0.1", cluster.redis_port, limit=1 << 20)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return reader, writer

    reader, writer = await open_redis()
    writer.write(b"*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nbare\r\n")
    for _ in range(6):
        await reader.readline()
    publish_reader, publish_writer = await open_redis()
    latencies, count = [], RATE * SECONDS

    async def listen():
        while len(latencies) < count:
            for _ in range(6):
                await reader.readline()
            latencies.append(time.perf_counter() - json.loads((await reader.readline()))["t"])

    async def drain():
        while True:
            await publish_reader.readline()

    def send(_, at):
        body = json.dumps({"t": at, "p": "x" * 80}).encode()
        publish_writer.write(b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nbare\r\n$%d\r\n%b\r\n" % (len(body), body))

    listening, draining = asyncio.create_task(listen()), asyncio.create_task(drain())
    await paced(send, count)
    await asyncio.wait_for(listening, 20)
    draining.cancel()
    writer.close()
    publish_writer.close()
    return latencies[RATE:]


async def latency(_):
    rows = []
    async with Cluster(3) as cluster:
        for turn in range(3):
            bare, relay = await bare_latency(cluster), await relay_latency(cluster)
            say(f"latency {turn + 1}/3: bare p99 {percentile(bare, .99) * 1000:.2f} ms, relay p99 {percentile(relay, .99) * 1000:.2f} ms")
            rows.append((f"publish to delivery across nodes, {RATE}/s, p50 / p99, turn {turn + 1}",
                         f"{percentile(relay, .5) * 1000:.2f} / {percentile(relay, .99) * 1000:.2f} ms; bare {percentile(bare, .5) * 1000:.2f} / {percentile(bare, .99) * 1000:.2f} ms",
                         f"{percentile(relay, .5) / percentile(bare, .5):.2f} / {percentile(relay, .99) / percentile(bare, .99):.2f} x"))
    return rows


class Prober:
    """Publishes to a channel of every shard, one publish after the other to each, and keeps how long each took."""

    def __init__(self, pause):
        self.pause, self.channels, self.log, self.tasks = pause, channel_of_each_shard(), [], []
        self.waiting, self.socket, self.number, self.stopped = {}, None, 0, False

    async def to(self, node):
        """From now on through this node; what has no answer is sent again under its id."""
        old, self.socket = self.socket, await WebSocket.connect(node.port)
        for key, (channel, _, _) in self.waiting.items():
            self.publish(key, channel)
        for task in self.tasks:
            task.cancel()
        self.tasks = [asyncio.create_task(self.listen(self.socket))]
        if old:
            old.close()
        else:
            for shard in range(SHARDS):
                self.next(shard)

    def publish(self, key, channel):
        self.socket.send(json.dumps({"type": "publish", "channel": channel, "event": "e", "id": key, "data": 1}))

    def next(self, shard):
        if self.stopped:
            return
        self.number += 1
        key = f"k{self.number}"
        self.waiting[key] = (self.channels[shard], shard, time.monotonic())
        self.publish(key, self.channels[shard])

    async def listen(self, over):
        while True:
            frame = await over.receive()
            if frame.get("type") != "ack" or frame.get("id") not in self.waiting:
                continue
            channel, shard, began = self.waiting[frame["id"]]
            if frame["success"]:
                del self.waiting[frame["id"]]
                self.log.append((shard, began, time.monotonic() - began))
                asyncio.get_running_loop().call_later(self.pause * (0.5 + random.random()), self.next, shard)
            else:
                asyncio.get_running_loop().call_later(0.05, self.publish, frame["id"], channel)

    def longest(self, shards, since):
        return [max((took for one, began, took in self.log if one == shard and began + took >= since), default=float("nan")) for shard in shards]

    def stop(self):
        self.stopped = True
        for task in self.tasks:
            task.cancel()


async def moves(options):
    waits, events = [], 0
    async with Cluster(3, **{"Namespaces:topics:HistoryLength": str(options.history)}) as cluster:
        # 2,500/s: twice as many is what this program can do at all.
        prober = Prober(0.1)
        await prober.to(cluster.nodes[0])
        await asyncio.sleep(5)
        usual = [took for _, began, took in prober.log if began > time.monotonic() - 3]
        while len(waits) < options.moves:
            node = cluster.nodes[1 + events % 2]
            for begin in (lambda: asyncio.to_thread(node.end, signal.SIGTERM), lambda: asyncio.to_thread(node.start)):
                before, since = cluster.owners(), time.monotonic()
                await begin()
                if node.process.poll() is None:
                    await node.ready()
                await cluster.settled()
                after = cluster.owners()
                waits += prober.longest([shard for shard in after if after[shard] != before[shard]], since)
                say(f"moves: {len(waits)} of {options.moves}, p99 {percentile(waits, .99) * 1000:.0f} ms")
            events += 1
        prober.stop()
    return [(f"publishes to a shard that is moved as planned, longest wait, p50 / p99 / most of {len(waits)}",
             f"{percentile(waits, .5) * 1000:.0f} / {percentile(waits, .99) * 1000:.0f} / {max(waits) * 1000:.0f} ms",
             f"{percentile(usual, .5) * 1000:.1f} / {percentile(usual, .99) * 1000:.1f} ms without moves")]


async def kills(options):
    waits = []
    async with Cluster(3) as cluster:
        prober = Prober(0.2)
        await prober.to(cluster.nodes[0])
        await asyncio.sleep(2)
        for turn in range(options.kills):
            node = cluster.nodes[1 + turn % 2]
            lost, since = [shard for shard, owner in cluster.owners().items() if owner == f"n{node.number}"], time.monotonic()
            node.end(signal.SIGKILL)
            await asyncio.sleep(7)
            waits.append(max(prober.longest(lost, since)))
            node.start()
            await node.ready()
            await cluster.settled()
            say(f"kills: {turn + 1} of {options.kills}, last {waits[-1]:.2f} s")
        prober.stop()
    return [(f"publishes to the channels of a killed node, longest wait, p50 / p99 / most of {len(waits)} kills",
             f"{percentile(waits, .5):.2f} / {percentile(waits, .99):.2f} / {max(waits):.2f} s", "")]


class Meter:
    """What Redis and the nodes have used so far."""

    def __init__(self, cluster):
        self.cluster, self.before = cluster, self.read(cluster)

    @staticmethod
    def read(cluster):
        info = subprocess.run(["redis-cli", "-p", str(cluster.redis_port), "info", "everything"], capture_output=True, text=True, check=True).stdout
        values = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
        publish = dict(pair.split("=") for pair in values.get("cmdstat_publish", "calls=0").split(","))
        ticks = os.sysconf("SC_CLK_TCK")

        def cpu(pid):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / ticks

        return {
            "frames": int(publish["calls"]), "bytes": int(values["total_net_input_bytes"]),
            "redis": float(values["used_cpu_user"]) + float(values["used_cpu_sys"]), "nodes": sum(cpu(node.process.pid) for node in cluster.nodes),
        }

    def used(self):
        after = self.read(self.cluster)
        return {key: after[key] - self.before[key] for key in after}


async def load(_):
    rows, tool = [], ["dotnet", str(HERE / "out" / "load" / "Relay.Bench.dll")]
    async with Cluster(3) as cluster:
        for name, pace in (("1,000/s", ["--rate", "333.4"]), ("10,000/s", ["--rate", "3333.4"]), ("as fast as it goes", ["--window", "1024"])):
            for warm in (True, False):
                meter, began, seconds = Meter(cluster), time.monotonic(), 4 if warm else 15
                reports = await asyncio.gather(*(
                    asyncio.to_thread(subprocess.run, [
                        *tool, "--url", f"http://127.0.0.1:{node.port}", "--publish-to", f"http://127.0.0.1:{cluster.nodes[(number + 1) % 3].port}", "--subscribers", "100",
                        "--channels", "100", "--publishers", "2", "--seconds", str(seconds), "--warm-up", "0", *pace, "--json"], capture_output=True, text=True)
                    for number, node in enumerate(cluster.nodes)))
                used, took = meter.used(), time.monotonic() - began
            if any(report.returncode for report in reports):
                raise RuntimeError("".join(report.stdout + report.stderr for report in reports))
            reports = [json.loads(report.stdout) for report in reports]
            messages = sum(report["checks"]["received"] for report in reports)
            rows.append((
                f"100 + 100 + 100 channels, each published to at one node and listened to at the next, {name}",
                f"{sum(report['load']['deliveries_per_second'] for report in reports):,.0f} messages/s, p50 / p99 "
                f"{max(report['load']['latency_us']['p50'] for report in reports) / 1000:.1f} / {max(report['load']['latency_us']['p99'] for report in reports) / 1000:.1f} ms",
                f"a message: {used['frames'] / messages:.3f} PUBLISH, {used['bytes'] / messages:.0f} bytes into Redis, {used['redis'] / messages * 1e6:.1f} us of Redis, "
                f"{used['nodes'] / messages * 1e6:.1f} us of the nodes; a PUBLISH {used['redis'] / max(1, used['frames']) * 1e6:.1f} us"))
            say(f"load {name}: {took:.0f} s, {messages} messages, {used}")
    return rows


CASES = {"even": even, "latency": latency, "load": load, "moves": moves, "kills": kills}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="case", help="even, latency, load, moves, kills; none = all")
    parser.add_argument("--moves", type=int, default=500, help="planned moves to measure")
    parser.add_argument("--history", type=int, default=1000, help="events that a channel keeps while its shard is moved")
    parser.add_argument("--kills", type=int, default=10, help="kills to measure; each takes 20 s")
    parser.add_argument("--no-build", action="store_true", help="measure what is in bench/out")
    options = parser.parse_args()
    if unknown := [case for case in options.cases if case not in CASES]:
        parser.error(f"unknown case {unknown[0]}; known are {', '.join(CASES)}")
    if not options.no_build:
        # As in the image: compiled ahead, so that a node that has just started is measured and not the compiler.
        ahead = ["--use-current-runtime", "--self-contained", "false", "-p:PublishReadyToRun=true"]
        for project, folder, how in ((HERE.parent / "src" / "Relay.Node", "relay-ahead", ahead), (HERE / "Relay.Bench", "load", [])):
            subprocess.run(["dotnet", "publish", str(project), "-c", "Release", "-o", str(HERE / "out" / folder), "-v", "quiet", "-nodeReuse:false", *how], check=True, stdout=sys.stderr)
    # So that what was started is ended then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rows = []
    for case in options.cases or CASES:
        say(case)
        rows += asyncio.run(CASES[case](options))
    print("| what | measured | |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
