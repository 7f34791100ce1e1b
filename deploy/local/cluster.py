#!/usr/bin/env python3
"""Nodes of one cluster as processes of this machine, behind a balancer. Started by cluster.sh, which builds the node."""

import argparse
import asyncio
import ctypes
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile

from balancer import Balancer, Target

HELP = """While it runs, type:
  add          one node more
  kill N       kill -9 of node N: what a crash does
  drain N      SIGTERM: it hands over, sends its clients elsewhere, and ends
  freeze N     SIGSTOP: it holds its connections and does nothing; thaw N goes on
  list         the nodes, their addresses, process ids and connections
Ctrl-C ends all; twice: at once."""

START_SECONDS = 60


def say(text):
    print(text, flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end_with_parent():
    """Runs in the child: where Linux allows it, a kill -9 of this program leaves nothing behind."""
    if sys.platform == "linux":
        parent_death_signal = 1
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


class Node:
    def __init__(self, number):
        self.number = number
        self.name = f"n{number}"
        self.process = None
        self.target = None
        self.up_or_ended = asyncio.Event()


class Cluster:
    def __init__(self, arguments, node_arguments):
        self.arguments = arguments
        self.node_arguments = node_arguments
        self.folder = tempfile.mkdtemp(prefix="actorrelay-cluster-")
        self.balancer = Balancer(say)
        self.nodes = {}
        self.redis = None
        # One for all: a token of one node has to open the others.
        self.key = secrets.token_hex(32)
        self.last_number = 0
        self.ending = asyncio.Event()
        self.asked_to_end = False
        self.failed = False
        self.typed = ""
        self.tasks = set()

    # Starting

    async def start(self):
        await self.balancer.listen("127.0.0.1", self.arguments.port)
        self.endpoints = os.environ.get("REDIS") or await self.start_redis()
        say(f"redis      {self.endpoints}")
        nodes = await asyncio.gather(*(self.add() for _ in range(self.arguments.nodes)))
        await asyncio.gather(*(node.up_or_ended.wait() for node in nodes))

    async def start_redis(self):
        if not shutil.which("redis-server"):
            raise SystemExit("redis-server is needed and not here; install it, or give a running one: REDIS=host:port ./cluster.sh")
        port = free_port()
        self.redis = await self.spawn(
            "redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", self.folder, "--save", "", "--maxmemory-policy", "noeviction",
            stdout=asyncio.subprocess.DEVNULL)
        for _ in range(START_SECONDS * 20):
            if self.redis.returncode is not None:
                break
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return f"127.0.0.1:{port}"
            except OSError:
                await asyncio.sleep(0.05)
        raise SystemExit("redis-server did not start")

    async def add(self):
        self.last_number += 1
        node = Node(self.last_number)
        folder = os.path.join(self.folder, node.name)
        os.mkdir(folder)
        node.process = await self.spawn(
            "dotnet", self.arguments.node, *self.node_arguments,
            cwd=folder, env=self.environment(node, folder), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        self.nodes[node.number] = node
        self.keep(self.watch(node))
        return node

    def environment(self, node, folder):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("Relay__") and name not in ("WS_PORT", "HOST")}
        return inherited | {
            # The runtime's diagnostics sockets, which a kill -9 leaves behind.
            "TMPDIR": folder,
            "Relay__Listeners__main__Url": "http://127.0.0.1:0",
            "Relay__Listeners__hooks__Url": "",
            "Relay__Listeners__context__Url": "",
            "Relay__Redis__Endpoints": self.endpoints,
            "Relay__Cluster__Enabled": "true",
            "Relay__Cluster__NodeId": node.name,
            "Relay__Auth__Jwt__Keys__0__Secret": self.key,
            # So that killing a node forgets nothing: what topics keep is in Redis.
            "Relay__Namespaces__topics__Durability": "redis",
            "Relay__Drain__Seconds": "10",
        }

    @staticmethod
    async def spawn(*command, **options):
        # A session of its own: Ctrl-C in the terminal reaches this program only, which then ends the others in order.
        return await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True, preexec_fn=end_with_parent, **options)

    # Running

    async def watch(self, node):
        """Shows what a node says, finds out where it listens, and tells its end."""
        while line := await node.process.stdout.readline():
            text = line.decode(errors="replace").rstrip()
            if text.startswith("listening main "):
                self.at(node, text.split(" ")[2])
            elif text == "ready":
                node.up_or_ended.set()
            else:
                say(f"[{node.name}] {text}")
        code = await node.process.wait()
        if node.target:
            self.balancer.remove(node.target)
        del self.nodes[node.number]
        say(f"{node.name} ended with {code}")
        node.up_or_ended.set()
        if not self.nodes and not self.asked_to_end:
            say("no node is left")
            self.failed = code != 0
            self.ending.set()

    def at(self, node, url):
        host, _, port = url.removeprefix("http://").partition(":")
        node.target = Target(node.name, host, int(port))
        self.balancer.add(node.target)
        pid = node.process.pid
        say(f"node {node.name}    {url}  pid {pid}   kill: kill -9 {pid}   drain: kill -TERM {pid}   pause: kill -STOP {pid}, kill -CONT {pid}")

    def tell_how(self):
        say(f"open       http://127.0.0.1:{self.arguments.port}   (the balancer; WebSockets: ws://127.0.0.1:{self.arguments.port}/relay)")
        say(f"add        kill -USR1 {os.getpid()}")
        say(HELP)

    def list(self):
        for node in self.nodes.values():
            target = node.target
            state = "starting" if target is None else f"http://{target.host}:{target.port}  {'ready' if target.ready else 'not ready'}  {target.connections} connections"
            say(f"{node.name}  pid {node.process.pid}  {state}")

    def do(self, line):
        words = line.split()
        signals = {"kill": signal.SIGKILL, "drain": signal.SIGTERM, "freeze": signal.SIGSTOP, "thaw": signal.SIGCONT}
        if words == ["add"]:
            self.keep(self.add())
        elif words == ["list"]:
            self.list()
        elif len(words) == 2 and words[0] in signals and words[1].removeprefix("n").isdigit():
            node = self.nodes.get(int(words[1].removeprefix("n")))
            if node is None:
                say(f"there is no node {words[1]}")
            else:
                node.process.send_signal(signals[words[0]])
        elif words:
            say(HELP)

    def keep(self, work):
        # A task that nobody holds may be collected before it has run.
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def read_commands(self):
        # Not readline: a line behind the first would wait in its buffer, of which the event loop knows nothing.
        piece = os.read(sys.stdin.fileno(), 4096)
        if not piece:
            asyncio.get_running_loop().remove_reader(sys.stdin)
        *lines, self.typed = (self.typed + piece.decode(errors="replace")).split("\n")
        for line in lines:
            self.do(line)

    # Ending

    async def end(self):
        self.asked_to_end = True
        if not self.nodes:
            return
        for node in self.nodes.values():
            # A frozen process takes its SIGTERM only when it goes on.
            for number in (signal.SIGTERM, signal.SIGCONT):
                node.process.send_signal(number)
        ended = asyncio.ensure_future(asyncio.gather(*(node.process.wait() for node in self.nodes.values())))
        self.ending.clear()
        again = asyncio.ensure_future(self.ending.wait())
        await asyncio.wait([ended, again], return_when=asyncio.FIRST_COMPLETED)
        again.cancel()

    async def clean(self):
        for process in [node.process for node in self.nodes.values()] + ([self.redis] if self.redis else []):
            if process.returncode is None:
                process.kill()
                await process.wait()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.balancer.close()
        shutil.rmtree(self.folder, ignore_errors=True)


async def run(cluster):
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, cluster.ending.set)
    loop.add_signal_handler(signal.SIGUSR1, cluster.do, "add")
    try:
        await cluster.start()
        if not cluster.ending.is_set():
            cluster.tell_how()
        try:
            loop.add_reader(sys.stdin, cluster.read_commands)
        except PermissionError:
            # Standard input is a file or /dev/null, which cannot be waited for: signals only.
            pass
        await cluster.ending.wait()
        say("ending …")
        await cluster.end()
    finally:
        await cluster.clean()


def main():
    parser = argparse.ArgumentParser(
        prog="cluster.sh", description="Several nodes of one cluster on this machine, behind a balancer.", epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nodes", nargs="?", type=int, default=3, help="how many (3)")
    parser.add_argument("--port", type=int, default=8080, help="port of the balancer on 127.0.0.1 (8080)")
    parser.add_argument("--node", default="Relay.Node.dll", help=argparse.SUPPRESS)
    arguments, others = parser.parse_known_args()
    wrong = [text for text in others if not text.startswith("--Relay:")]
    if wrong or not 1 <= arguments.nodes <= 32:
        parser.error(f"unknown: {' '.join(wrong)}" if wrong else "from 1 to 32 nodes")
    try:
        cluster = Cluster(arguments, others)
        asyncio.run(run(cluster))
        sys.exit(1 if cluster.failed else 0)
    except OSError as error:
        raise SystemExit(f"cannot start: {error}")


if __name__ == "__main__":
    main()
