"""What is measured: the tests, the load of each, the figures its table shows and the goals they are held against."""
from dataclasses import dataclass

from peers import DEFLATE_PEERS, PEERS, REDIS_PEERS


@dataclass(frozen=True)
class Goal:
    """What our median is held against: `op` bound times that of `than`, or the bound itself."""
    op: str
    bound: float
    than: str = ""


@dataclass(frozen=True)
class Case:
    """One run of the load generator. What stands in `quick` is added with --quick; a later option overrides an earlier one."""
    name: str
    load: tuple
    quick: tuple = ()
    beside: tuple = ()          # a second load that is steady before the first begins and goes on until that is done
    beside_quick: tuple = ()
    beside_may_lose: bool = False
    server_cores: str = "0"
    generator_cores: str = "1"


@dataclass(frozen=True)
class Figure:
    """A row: `key` of the report of `case`, divided by that of `of` if there is one (then each pair of runs gives one ratio)."""
    name: str
    key: str
    case: str = ""
    of: str = ""
    goals: tuple = ()


@dataclass(frozen=True)
class Test:
    about: str
    cases: tuple
    figures: tuple
    peers: dict
    usual: tuple
    limit: str = "limit-coalesce"   # against what the ratio in the limit's column stands
    turns: int = 1                  # times the cases follow one another on one server
    redis: bool = False
    default: bool = True            # measured when no test is named

    @property
    def one_server(self):
        """Several cases share a server, warmed up before, unless it must start anew on other cores."""
        return len(self.cases) > 1 and len({c.server_cores for c in self.cases}) == 1


USUAL = ("limit-coalesce", "limit-permsg", "bun", "ours")
UPDATES = ("--publish-via", "redis", "--redis-channel", "updates", "--subs", "1000", "--channels", "1000", "--pub-frame", '{"target_user_id":"u{CH4}","type":"agent_update","payload":{DATA}}')
SHORT = ("--warmup", "0.5", "--seconds", "2")
BRIEF = ("--warmup", "0.3", "--seconds", "1", "--settle", "0.2")
WARM = ("--subs", "200", "--warmup", "0", "--seconds", "2", "--settle", "0.1")


def rate(case="", goals=()):
    return Figure("deliveries/s", "deliveries_per_s", case, goals=goals)


def cpu(case="", goals=()):
    return Figure("CPU us per delivery", "server_cpu_us_per_delivery", case, goals=goals)


def p50(case=""):
    return Figure("p50 ms", "p50", case)


def p99(case="", goals=()):
    return Figure("p99 ms", "p99", case, goals=goals)


def load(*arguments, quick=SHORT):
    return (Case("", arguments, quick),)


# 50 publishes/s of 4 KB: 210 KB/s for each reader, ten times what a slow one takes, so that after seven seconds more than a megabyte waits for each and
# within the twelve our node has cut them off and sees them come back; 50,000 sends per second are a third of what one core can do. (200/s of 1 KB would be
# 200,000 sends per second: saturation, where p99 says nothing about slow readers.)
SLOW_LOAD = ("--subs", "1000", "--rate", "50", "--payload-bytes", "4096", "--seconds", "12")
SLOW_READERS = ("--idle", "50", "--idle-wait", "3600", "--read-rate", "20000", "--rcvbuf", "8192", "--mss", "1460", "--reconnect", "1")
SLOW = Test(
    "1,000 readers measured alone and beside 50 that take 20 KB/s each, at 50 publishes/s of 4 KB; those cut off come back after a second",
    (Case("alone", SLOW_LOAD, SHORT), Case("beside", SLOW_LOAD, SHORT, SLOW_READERS, beside_may_lose=True)),
    (p50("alone"), p99("alone"), p50("beside"), p99("beside"),
     Figure("p50 beside / alone", "p50", "beside", "alone"), Figure("p99 beside / alone", "p99", "beside", "alone", (Goal("<", 1.10),)),
     Figure("server MiB alone", "rss_end_mib", "alone"), Figure("server MiB beside", "rss_end_mib", "beside"),
     Figure("CPU us per delivery beside", "server_cpu_us_per_delivery", "beside"), Figure("slow readers cut off", "beside_closed", "beside")),
    PEERS, ("bun", "go", "ours"), turns=2)

PROBE = ("--subs", "1", "--rate", "50", "--channel-base", "9000", "--seconds", "8")
FAIR = Test(
    "one subscriber of a quiet channel at 50 publishes/s, alone and while another publisher saturates a channel of 10,000",
    (Case("alone", PROBE, SHORT),
     Case("beside", PROBE, SHORT, ("--subs", "10000", "--seconds", "3600"), ("--subs", "3000"))),
    (p50("alone"), p99("alone"), p50("beside"), p99("beside"), Figure("deliveries/s of the large channel", "beside_deliveries_per_s", "beside")),
    PEERS, ("limit-coalesce", "bun", "go", "ours"))

# The window shrinks with the payload so that what is in flight to one subscriber stays below 64 KiB, far from every server's bound of unsent bytes.
SIZES = ((20, "20 B", 64), (128, "128 B", 64), (1024, "1 KB", 32), (16384, "16 KB", 4))
SIZE = Test(
    "payloads of 20 bytes to 16 KB to 1,000 subscribers, at 20 publishes/s and saturated (window 64, 64, 32, 4)",
    tuple(c for size, label, window in SIZES for c in (
        Case(f"{label} 20/s", ("--subs", "1000", "--payload-bytes", str(size), "--rate", "20", "--seconds", "4"), BRIEF),
        Case(f"{label} sat", ("--subs", "1000", "--payload-bytes", str(size), "--window", str(window), "--seconds", "4"), BRIEF))),
    tuple(f for _, label, _ in SIZES for f in (p50(f"{label} 20/s"), p99(f"{label} 20/s"), cpu(f"{label} 20/s"), rate(f"{label} sat"), cpu(f"{label} sat"), p50(f"{label} sat"), p99(f"{label} sat"))),
    PEERS, ("limit-coalesce", "bun", "ours"))

# Saturated, paced and many channels: the first hides cost in larger batches, the second has none, the third is the one that really runs on both cores.
TWO_LOADS = (("main", ("--subs", "1000")), ("100/s", ("--subs", "1000", "--rate", "100")), ("chan", ("--subs", "1000", "--channels", "1000", "--rate", "20000")))
TWO = Test(
    "CPU per delivery of a server on one core and on two, which it then shares with the generator: saturated, at 100 publishes/s, 1,000 channels at 20,000/s",
    tuple(Case(f"{name} {cores} core", (*arguments, "--seconds", "6"), SHORT, server_cores=on, generator_cores=off)
          for name, arguments in TWO_LOADS for cores, on, off in ((1, "0", "1"), (2, "0,1", "0,1"))),
    tuple(f for name, _ in TWO_LOADS for f in (
        cpu(f"{name} 1 core"), cpu(f"{name} 2 core"), Figure("CPU 2 cores / 1 core", "server_cpu_us_per_delivery", f"{name} 2 core", f"{name} 1 core", (Goal("<", 1.15),)))),
    PEERS, ("bun", "ours"))


def deflate(about, sizes, subscribers, default):
    text = ("--payload-text", "progress", "--seconds", "4")
    return Test(
        about,
        tuple(Case(f"{label} {kind}", (*subscribers, "--payload-bytes", str(size), *text, *option), BRIEF)
              for size, label in sizes for kind, option in (("plain", ()), ("deflate", ("--deflate",)))),
        tuple(f for _, label in sizes for f in (
            Figure("wire bytes per delivery", "wire_bytes_per_delivery", f"{label} plain"), Figure("wire bytes per delivery", "wire_bytes_per_delivery", f"{label} deflate"),
            Figure("wire bytes, deflate / plain", "wire_bytes_per_delivery", f"{label} deflate", f"{label} plain"),
            cpu(f"{label} plain"), cpu(f"{label} deflate"), Figure("CPU, deflate / plain", "server_cpu_us_per_delivery", f"{label} deflate", f"{label} plain"),
            Figure("frames compressed, share", "deflated_share", f"{label} deflate"))),
        DEFLATE_PEERS, ("bun", "ours"), default=default)


TEXTS = ((128, "128 B"), (1024, "1 KB"), (4096, "4 KB"), (16384, "16 KB"))

TESTS = {
    "main": Test("1 -> 1,000 subscribers, 128 bytes, 64 publishes in flight", load("--subs", "1000", "--seconds", "8"),
                 (rate(goals=(Goal(">=", 0.9, "limit-coalesce"), Goal(">=", 1.8, "bun"))), cpu(), p50(), p99()), PEERS, USUAL),
    "big": Test("1 -> 10,000 subscribers (file limit 10,500)", load("--subs", "10000", "--seconds", "8", quick=(*SHORT, "--subs", "3000")),
                (rate(goals=(Goal(">=", 0.8, "limit-coalesce"),)), cpu(), p50(), p99()), PEERS, USUAL),
    "w1": Test("1 -> 1,000, 1 publish in flight: nothing to batch", load("--subs", "1000", "--seconds", "5", "--window", "1"),
               (rate(goals=(Goal(">=", 0.9, "bun"),)), cpu(), p50(), p99()), PEERS, USUAL),
    "pace": Test("1 -> 1,000, 10 publishes per second", load("--subs", "1000", "--seconds", "8", "--rate", "10", quick=("--warmup", "0.5", "--seconds", "3")),
                 (cpu(goals=(Goal("<=", 1.3, "bun"),)), p50(), p99(goals=(Goal("<=", 1.2, "limit-permsg"),))), PEERS, USUAL, limit="limit-permsg"),
    "chan": Test("1,000 channels with one subscriber each, round robin", load("--subs", "1000", "--channels", "1000", "--seconds", "8"),
                 (rate(goals=(Goal(">=", 1.0, "bun"),)), cpu(), p50(), p99()), PEERS, USUAL),
    "redis-1k": Test("Redis Pub/Sub `updates` -> 1,000 users, 1,000 messages per second", load(*UPDATES, "--rate", "1000", "--seconds", "8"),
                     (cpu(), p50(), p99(goals=(Goal("<=", 1.0, "bun"),))), REDIS_PEERS, ("go", "bun", "ours"), limit="go", redis=True),
    "redis-sat": Test("the same, as fast as it goes", load(*UPDATES, "--seconds", "6"),
                      (rate(goals=(Goal(">=", 2.0, "go"), Goal(">=", 1.4, "bun"))), cpu(), p50(), p99()), REDIS_PEERS, ("go", "bun", "ours"), limit="go", redis=True),
    "slow": SLOW,
    "fair": FAIR,
    "size": SIZE,
    "two": TWO,
    "deflate": deflate("agents' progress reports of 128 B to 16 KB to 1,000 subscribers, 20/s, with permessage-deflate and without; ours compresses every size", TEXTS, ("--subs", "1000", "--rate", "20"), True),
    "deflate-each": deflate("the same with 1,000 channels of one subscriber and 2,000 publishes/s: every delivery pays for its own compression", TEXTS, ("--subs", "1000", "--channels", "1000", "--rate", "2000"), False),
}


def idle(count, default):
    bytes_each = Figure("bytes per connection", "rss_settled_bytes_per_conn", goals=(Goal("<=", 7 * 1024),))
    # Our node pings every 25 seconds, so that 30 contain all that keeping a connection alive costs. (Bun and Go ping later than that, the limit never.)
    return Test(
        f"{count:,} connections that only answer pings: memory once settled, connects/s, CPU over 30 s" + ("" if default else f" (file limit {count + 500:,})"),
        load("--idle", str(count), "--idle-cpu", "30", quick=("--idle", "2000", "--idle-wait", "1", "--idle-cpu", "3")),
        (bytes_each, Figure("connects/s", "connects_per_s", goals=(Goal(">=", 12000),)), Figure("CPU, % of a core", "idle_cpu_pct", goals=(Goal("<=", 0.5),)), Figure("pings answered", "idle_pings")),
        PEERS, USUAL, default=default)


TESTS["idle"] = idle(10_000, True)
TESTS["idle-19k"] = idle(19_000, False)
GROUPS = {"redis": ["redis-1k", "redis-sat"]}


def option(arguments, name, otherwise):
    """The last value of a load generator's option."""
    found = [float(arguments[i + 1]) for i, a in enumerate(arguments) if a == name]
    return found[-1] if found else otherwise


def seconds(case, quick):
    """About how long a case takes, its server's start left out."""
    arguments = case.load + (case.quick if quick else ())
    if "--idle" in arguments:
        return option(arguments, "--idle-wait", 5) + option(arguments, "--idle-cpu", 0) + 2
    return option(arguments, "--warmup", 1) + option(arguments, "--seconds", 8) + option(arguments, "--settle", 0.5) + (4 if case.beside else 1)
