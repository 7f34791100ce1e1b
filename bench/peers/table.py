"""From reports to medians, ratios, the Markdown table and the JSON document."""
import statistics

FAULTS = ("missing", "duplicates", "out_of_order")


def value(run, key):
    """A figure of one report; latencies in milliseconds, those of the load beside it with `beside_` in front."""
    if key.startswith("beside_"):
        return value(run.get("beside") or {}, key.removeprefix("beside_"))
    latency = run.get("lat_us") or {}
    return latency[key] / 1000 if key in latency else run.get(key)


def faults(run):
    """How many deliveries were lost, repeated and reordered. Slow readers may lose what their server's policy drops, and no more than that."""
    beside = run.get("beside") or {}
    allowed = ("missing",) if run.get("beside_may_lose") else ()
    return [abs(run.get(k) or 0) + (0 if k in allowed else abs(beside.get(k) or 0)) for k in FAULTS]


def unwell(run):
    """Connections lost or never made, and loads that delivered nothing."""
    beside = run.get("beside") or {}
    lost = sum(run.get(k) or 0 for k in ("closed", "failed")) + (0 if run.get("beside_may_lose") else sum(beside.get(k) or 0 for k in ("closed", "failed")))
    return lost + (1 if run.get("mode") != "idle" and not run.get("received") else 0)


def lossy(results):
    """Tests in which our node did something wrong."""
    return [test for (test, server), rounds in results.items() if server == "ours" and any(sum(faults(run)) + unwell(run) for cases in rounds for run in cases.values())]


def values(figure, rounds):
    """One value for each round that has it."""
    found = []
    for cases in rounds:
        v = value(cases.get(figure.case, {}), figure.key)
        if figure.of and v is not None:
            other = value(cases.get(figure.of, {}), figure.key)
            v = v / other if other else None
        if v is not None:
            found.append(v)
    return found


def shown(number):
    return "–" if number is None else f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def common(case, other):
    """The words with which both names begin."""
    words = []
    for a, b in zip(case.split(), other.split()):
        if a != b:
            break
        words.append(a)
    return " ".join(words)


class Row:
    """One figure of one test: the servers' medians, our ratios, our goals."""

    def __init__(self, name, test, figure, results):
        self.test, self.figure = f"{name} {common(figure.case, figure.of) if figure.of else figure.case}".rstrip(), figure
        self.runs = {server: values(figure, rounds) for (t, server), rounds in results.items() if t == name}
        self.medians = {server: statistics.median(found) for server, found in self.runs.items() if found}
        self.limit = test.limit

    def ratio(self, other):
        ours, theirs = self.medians.get("ours"), self.medians.get(other)
        return ours / theirs if ours is not None and theirs else None

    def goals(self):
        """(text, met or None when it cannot be told)."""
        for goal in self.figure.goals:
            held = self.ratio(goal.than) if goal.than else self.medians.get("ours")
            met = None if held is None else {">=": held >= goal.bound, "<=": held <= goal.bound, "<": held < goal.bound}[goal.op]
            yield f"{goal.op} {goal.bound:,g}" + (f" x {goal.than}" if goal.than else ""), met

    def line(self, servers):
        note = "" if self.limit == "limit-coalesce" else f" ({self.limit})"
        limit, bun = self.ratio(self.limit), self.ratio("bun")
        goals = "; ".join(f"{text}: {'?' if met is None else 'yes' if met else '**no**'}" for text, met in self.goals())
        cells = [shown(self.medians.get(s)) for s in servers]
        return f"| {self.test} | {self.figure.name} | " + " | ".join(cells) + f" | {'–' if limit is None else f'{limit:.2f}{note}'} | {'–' if bun is None else f'{bun:.2f}'} | {goals} |"

    def document(self):
        return {"test": self.test, "figure": self.figure.name, "key": self.figure.key, "medians": self.medians, "runs": self.runs,
                "ours_per_limit": self.ratio(self.limit), "limit": self.limit, "ours_per_bun": self.ratio("bun"), "goals": [{"goal": text, "met": met} for text, met in self.goals()]}


def rows(tests, results):
    return {name: [Row(name, test, figure, results) for figure in test.figures] for name, test in tests.items()}


def counted(count, results, name, servers):
    cells = []
    for server in servers:
        runs = [run for cases in results.get((name, server), []) for run in cases.values()]
        cells.append(count(runs) if runs else "–")
    return cells


def markdown(tests, servers, results):
    lines = ["| test | figure | " + " | ".join(servers) + " | ours / limit | ours / Bun | goal |", "|---|---|" + "---:|" * (len(servers) + 2) + "---|"]
    for name, figures in rows(tests, results).items():
        lines += [row.line(servers) for row in figures]
        totals = counted(lambda runs: " / ".join(str(sum(c)) for c in zip(*map(faults, runs))), results, name, servers)
        lines.append(f"| {name} | missing / duplicate / out of order | " + " | ".join(totals) + " | | | 0 / 0 / 0 |")
        lost = counted(lambda runs: str(sum(map(unwell, runs))), results, name, servers)
        if any(cell not in ("0", "–") for cell in lost):
            lines.append(f"| {name} | **connections lost or refused, loads that delivered nothing** | " + " | ".join(lost) + " | | | 0 |")
    return "\n".join(lines)


def document(tests, servers, results, how):
    return {
        "how": how, "servers": servers,
        "figures": [row.document() for figures in rows(tests, results).values() for row in figures],
        "faults": [{"test": t, "server": s, **dict(zip(FAULTS, map(sum, zip(*[faults(run) for cases in rounds for run in cases.values()])))),
                    "connections": sum(unwell(run) for cases in rounds for run in cases.values())} for (t, s), rounds in results.items()],
        "runs": [{"test": t, "server": s, "round": n, "case": case, **run} for (t, s), rounds in results.items() for n, cases in enumerate(rounds) for case, run in cases.items()],
    }
