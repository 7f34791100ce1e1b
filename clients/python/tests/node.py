"""A relay and a Redis of the tests' own: real processes on free ports, ended by their ids."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

NODE = os.environ.get("RELAY_NODE_DLL")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Node:
    """Started again with :meth:`start` it has the same port and journal."""

    def __init__(self, **settings):
        if not NODE:
            raise unittest.SkipTest("RELAY_NODE_DLL names no Relay.Node.dll")
        self.port = free_port()
        self._folder = tempfile.mkdtemp(prefix="relay-python-")
        self._settings = {
            "Listeners:main:Url": "http://127.0.0.1:%d" % self.port, "Listeners:hooks:Url": "", "Listeners:context:Url": "", "Storage:Path": os.path.join(self._folder, "data"), **settings,
        }
        self._process = None
        self.output = ""

    @property
    def url(self):
        return "ws://127.0.0.1:%d/relay" % self.port

    def start(self):
        arguments = ["--Relay:%s=%s" % one for one in self._settings.items()]
        self._process = subprocess.Popen(
            ["dotnet", NODE, *arguments], cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "DOTNET_EnableDiagnostics": "0"})
        ready = threading.Event()
        threading.Thread(target=self._read, args=(self._process, ready), daemon=True).start()
        if not ready.wait(60) or self._process.poll() is not None:
            raise AssertionError("the node did not start:\n" + self.output)
        return self

    def _read(self, process, ready):
        for line in process.stdout:
            self.output += line
            if line.strip() == "ready":
                ready.set()
        process.stdout.close()
        ready.set()

    def kill(self):
        self._end(signal.SIGKILL)

    def terminate(self):
        self._end(signal.SIGTERM)

    def _end(self, how):
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(60)

    def stop(self):
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


class RedisServer:
    def __init__(self):
        self.port = free_port()
        self._folder = tempfile.mkdtemp(prefix="relay-python-redis-")
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self._folder], stdout=subprocess.DEVNULL)
        eventually(self._answers)

    def _answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def stop(self):
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def eventually(condition, bound=30):
    """For what announces itself to nobody."""
    end = time.monotonic() + bound
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never came true")
        time.sleep(0.02)
