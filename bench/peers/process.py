"""Starts servers and load generators, each on its core, and ends them by their ids."""
import json, os, select, shlex, shutil, signal, socket, subprocess, sys, time

from peers import OUT


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def accepts(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def pinned(cores, command):
    return ["taskset", "-c", cores, *command] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else command


def end(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Server:
    """A process with an open port."""

    def __init__(self, name, command, port, cores="0"):
        if accepts(port):
            raise RuntimeError(f"{name}: port {port} is taken")
        self.port, self.log = port, OUT / f"{name}.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(pinned(cores, command), stdout=log, stderr=log, start_new_session=True, cwd=OUT, env={**os.environ, "NODE_ENV": "production"})
        for _ in range(400):
            if accepts(port):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"{name} did not start: {shlex.join(command)}\n{self.log.read_text()[-500:]}")

    def stop(self):
        end(self.process)


class Generator:
    """A load generator; its report is the one JSON object it prints, also when it met an error."""

    def __init__(self, server, label, arguments, cores):
        self.command = [str(OUT / "loadgen"), "--announce", "--label", label, "--port", str(server.port), "--server-pid", str(server.process.pid), *arguments]
        self.process = subprocess.Popen(pinned(cores, self.command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait_steady(self, most=60):
        """Until everyone is connected and the warm-up is over."""
        if not select.select([self.process.stderr], [], [], most)[0] or "steady" not in (line := self.process.stderr.readline()):
            self.abort()
            raise RuntimeError("the load beside it did not become steady" + (f": {line.strip()}" if "line" in locals() else ""))

    def wait(self, most, each_second):
        until = time.monotonic() + most
        while True:
            try:
                return self._report(1)
            except subprocess.TimeoutExpired:
                each_second()
                if time.monotonic() > until:
                    self.abort()
                    raise

    def finish(self, most=30):
        """Ends the load early; the report covers what there was."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self._report(most)
        finally:
            self.abort()

    def abort(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def _report(self, most):
        out, errors = self.process.communicate(timeout=most)
        if not out.strip():
            raise RuntimeError(f"loadgen: {errors.strip() or 'no report'}")
        return json.loads(out)


class Progress:
    """One line that tells what runs and how long it will take; where standard error is no terminal, only finished runs are told."""

    def __init__(self, runs, seconds):
        self.runs, self.left, self.done, self.what = runs, seconds, 0, ""
        self.live = sys.stderr.isatty()

    def begin(self, what, seconds):
        self.done += 1
        self.what, self.cost, self.began = what, seconds, time.monotonic()
        self.tick()

    def tick(self):
        if self.live:
            gone = time.monotonic() - self.began
            left = max(0.0, self.left - min(gone, self.cost))
            print(f"\r\x1b[K[{self.done}/{self.runs}] {self.what}: {gone:.0f} s; about {left / 60:.0f} min left", end="", file=sys.stderr, flush=True)

    def end(self, result):
        self.left = max(0.0, self.left - self.cost)
        print(("\r\x1b[K" if self.live else "") + f"[{self.done}/{self.runs}] {self.what}: {result}", file=sys.stderr, flush=True)
