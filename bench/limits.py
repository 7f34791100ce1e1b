#!/usr/bin/env python3
"""What limits are for, measured: overload five times beyond capacity, and one noisy user beside quiet ones.

    dotnet build -c Release src/Relay.Node -o bench/out/node && dotnet build -c Release bench/Relay.Bench -o bench/out/load
    bench/limits.py overload [--rounds 3] [--delay 20ms]
    bench/limits.py fair     [--rounds 3]

The node has core 0, the load core 1 (taskset, where there is one). Rounds take turns between the cases, and a ratio is taken within a round: a machine that
drifts drifts for both. Figures are medians over the rounds. Exit code 1: a goal was missed.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOISY_KEY = "noisy-user-key-0123456789abcdef0123"


class Quota:
    """A part of a core for one process (cgroup v1 or v2, as root), so that a load generator on the same machine can outdo it five times. Without it: the whole core."""

    def __init__(self, share):
        v1, v2 = pathlib.Path("/sys/fs/cgroup/cpu"), pathlib.Path("/sys/fs/cgroup")
        self.group = None
        try:
            if (v1 / "cgroup.procs").exists():
                self.group = v1 / f"relay-bench-{os.getpid()}"
                self.group.mkdir()
                (self.group / "cpu.cfs_period_us").write_text("10000")
                (self.group / "cpu.cfs_quota_us").write_text(str(int(share * 10000)))
            elif (v2 / "cgroup.controllers").exists():
                self.group = v2 / f"relay-bench-{os.getpid()}"
                self.group.mkdir()
                (self.group / "cpu.max").write_text(f"{int(share * 10000)} 10000")
        except OSError as error:
            print(f"no CPU quota ({error}): the node has a whole core, and the generator may be the bottleneck", file=sys.stderr)
            self.close()

    def add(self, pid):
        if self.group is not None:
            (self.group / "cgroup.procs").write_text(str(pid))

    def close(self):
        if self.group is not None:
            with contextlib.suppress(OSError):
                self.group.rmdir()
            self.group = None


def pinned(core):
    return ["taskset", "-c", str(core)] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else []


class Node:
    """One node with no configuration but what the measurement needs; ends with the block."""

    def __init__(self, dll, *settings, quota=None):
        command = pinned(0) + ["dotnet", str(dll), "--Relay:Listeners:main:Url=http://127.0.0.1:0", "--Relay:Listeners:hooks:Url=", "--Relay:Listeners:context:Url=",
                               "--Relay:Auth:ApiKeys:0:Name=noisy", "--Relay:Auth:ApiKeys:0:Key=" + NOISY_KEY] + [f"--Relay:{one}" for one in settings]
        self.directory = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.directory.name)
        if quota is not None:
            quota.add(self.process.pid)
        self.url = None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("listening main "):
                self.url = line.split()[2]
            if line.strip() == "ready":
                break
        if self.url is None:
            sys.exit("the node did not start:\n" + "".join(lines))
        self.log = open(os.path.join(self.directory.name, "log"), "w", encoding="utf-8")
        # What it says later must not fill the pipe.
        self.reader = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.reader.wait(10)
        self.log.close()
        self.directory.cleanup()

    def metric(self, name):
        text = urllib.request.urlopen(self.url + "/metrics", timeout=10).read().decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def load(bench, node, *arguments, token=None):
    command = pinned(1) + ["dotnet", str(bench), "--url", node.url, "--json"] + [str(one) for one in arguments] + (["--token", token] if token else [])
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def figures(process):
    out, _ = process.communicate(timeout=180)
    report = json.loads(out)
    if "load" not in report:
        sys.exit(f"the load did not come to its measurement: {out}")
    return report


def run(bench, node, *arguments, token=None):
    return figures(load(bench, node, *arguments, token=token))


def median(values):
    return statistics.median(values)


def p99(report):
    return report["load"]["latency_us"]["p99"] / 1000


def overload(options):
    """
    A crowd of 50 users, each with a connection, a channel and a subscriber, at 0.8 x, 5 x and again 0.8 x of what the node can do; beside it 20 quiet users with 50
    publishes/s each, far below their share. The quiet ones ought to notice nothing; the crowd is to be told what is refused, and to get what it is granted in time.
    """
    crowd = ["--publishers", 50, "--channels", 50, "--subscribers", 50, "--drain", 10]
    quiet = ["--publishers", 20, "--channels", 20, "--subscribers", 20, "--rate", 1000, "--seconds", 5, "--warm-up", 1, "--drain", 10]

    def both(node, rate, seconds, warm_up):
        other = load(options.bench, node, *crowd, "--rate", rate, "--seconds", seconds, "--warm-up", warm_up)
        time.sleep(warm_up + 1)
        mine = run(options.bench, node, *quiet)
        return mine, figures(other)

    rows = []
    quota = Quota(options.share)
    try:
        with Node(options.node, f"Limits:QueueDelay={options.delay}", *options.setting, quota=quota) as node:
            run(options.bench, node, *crowd, "--window", 1000, "--seconds", 5)
            for number in range(options.rounds):
                most = run(options.bench, node, *crowd, "--window", 1000, "--seconds", 5)
                capacity = most["load"]["publishes_per_second"]
                usual, usual_crowd = both(node, int(capacity * 0.8), 10, 2)
                over, over_crowd = both(node, int(capacity * 5), 10, 2)
                # Five seconds to recover, then nothing may be refused any more.
                after, after_crowd = both(node, int(capacity * 0.8), 10, 5)
                checks = over_crowd["checks"]
                rows.append({
                    "capacity/s": capacity,
                    "quiet p99 ms at 0.8 x": p99(usual),
                    "at 5 x": p99(over),
                    "after": p99(after),
                    "quiet refused": over["checks"]["refused"] / over["checks"]["published"],
                    "crowd p99 ms at 0.8 x": p99(usual_crowd),
                    "crowd at 5 x": p99(over_crowd),
                    "crowd accepted/s at 5 x": over_crowd["load"]["deliveries_per_second"],
                    "crowd refused": checks["refused"] / max(1, checks["published"]),
                    "unanswered": checks["unanswered"] + checks["unsent"],
                    "refused after, recovery included": after["checks"]["refused"] + after_crowd["checks"]["refused"],
                })
                print(f"round {number + 1}: " + ", ".join(f"{name} {value:,.2f}" for name, value in rows[-1].items()), flush=True)
    finally:
        quota.close()
    ratio = median(row["at 5 x"] / row["quiet p99 ms at 0.8 x"] for row in rows)
    share = median(row["crowd accepted/s at 5 x"] / row["capacity/s"] for row in rows)
    print(f"p99 of the quiet users at 5 x, beside that at 0.8 x: {ratio:.2f} (goal: at most 2); crowd accepted, of capacity: {share:.2f}")
    return ratio <= 2


def fair(options):
    """20 users with a connection, a channel and 50 publishes/s each; beside them one user at ten times that, and one that sends as fast as it can."""
    quiet = ["--publishers", 20, "--channels", 20, "--subscribers", 20, "--rate", 1000, "--seconds", options.seconds, "--warm-up", 2]
    noisy = {
        "alone": None,
        "one user at 10 x, own channels, 10 connections": ["--publishers", 10, "--channels", 10, "--subscribers", 10, "--rate", 500],
        "one user at 10 x, into a channel that the others hear": ["--publishers", 10, "--channels", 1, "--subscribers", 1, "--rate", 500, "--channel-prefix", "topics/shared"],
        "one user as fast as it can, 10 connections": ["--publishers", 10, "--channels", 10, "--subscribers", 10, "--window", 640],
    }
    rows = {name: [] for name in noisy}
    with Node(options.node, *options.setting) as node:
        run(options.bench, node, *quiet)
        for number in range(options.rounds):
            for name, arguments in noisy.items():
                other = None
                if arguments is not None:
                    other = load(options.bench, node, *arguments, "--seconds", options.seconds + 6, "--warm-up", 0, token=NOISY_KEY)
                    time.sleep(2)
                rows[name].append(p99(run(options.bench, node, *quiet)))
                if other is not None:
                    figures(other)
            print(f"round {number + 1}: " + ", ".join(f"{name}: p99 {values[-1]:.2f} ms" for name, values in rows.items()), flush=True)
    alone = rows["alone"]
    good = True
    for name, values in list(rows.items())[1:]:
        ratio = median(value / before for value, before in zip(values, alone))
        print(f"{name}: p99 of the others {median(values):.2f} ms, {ratio:.2f} x alone ({median(alone):.2f} ms)")
        good &= ratio < 1.1 or "as fast" in name
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["overload", "fair"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8, help="length of a measurement of 'fair'")
    parser.add_argument("--delay", default="20ms", help="Limits:QueueDelay of 'overload'; 0 = no shedding, to compare with")
    parser.add_argument("--share", type=float, default=0.3, help="part of a core that the node has in 'overload'")
    parser.add_argument("--setting", action="append", default=[], help="a further setting of the node, e.g. Limits:PublishesPerSecondPerUser=500")
    parser.add_argument("--node", type=pathlib.Path, default=ROOT / "bench/out/node/Relay.Node.dll")
    parser.add_argument("--bench", type=pathlib.Path, default=ROOT / "bench/out/load/Relay.Bench.dll")
    options = parser.parse_args()
    return 0 if {"overload": overload, "fair": fair}[options.what](options) else 1


if __name__ == "__main__":
    sys.exit(main())
