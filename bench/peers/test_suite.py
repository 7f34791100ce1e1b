"""Tests of what turns reports into a verdict; run by tests/Relay.Bench.Tests, or by hand: python3 -B -m unittest test_suite (here)."""
import contextlib, io, json, pathlib, re, unittest

import run
from suite import TESTS, Case, Figure, Goal, Test, seconds
from table import document, faults, lossy, markdown, unwell

GOOD = {"mode": "paced", "received": 10, "missing": 0, "duplicates": 0, "out_of_order": 0, "closed": 0, "failed": 0}


def report(**figures):
    return {**GOOD, **figures}


def test_of(*figures, **more):
    return Test("about", (Case("a", ()), Case("b", ())), figures, {"ours": None, "bun": None}, ("bun", "ours"), **more)


class Tables(unittest.TestCase):
    def rows(self, test, results):
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown({"t": test}, ["bun", "ours"], results).splitlines()[2:]]

    def test_figures_are_medians_of_the_rounds(self):
        results = {("t", "ours"): [{"a": report(x=v)} for v in (9, 1, 2)], ("t", "bun"): [{"a": report(x=4)}]}
        self.assertEqual(self.rows(test_of(Figure("x", "x", "a")), results)[0], ["t a", "x", "4", "2", "–", "0.50", ""])

    def test_a_ratio_is_taken_within_a_round_before_the_median(self):
        results = {("t", "ours"): [{"a": report(x=a), "b": report(x=b)} for a, b in ((1, 2), (10, 30), (100, 900))]}
        self.assertEqual(self.rows(test_of(Figure("b / a", "x", "b", "a")), results)[0][3], "3")

    def test_latencies_are_milliseconds_also_those_of_the_load_beside(self):
        results = {("t", "ours"): [{"a": report(lat_us={"p99": 1500}, beside=report(lat_us={"p99": 2500}))}]}
        found = self.rows(test_of(Figure("p99", "p99", "a"), Figure("p99", "beside_p99", "a")), results)
        self.assertEqual([found[0][3], found[1][3]], ["1.5", "2.5"])

    def test_a_goal_is_met_missed_or_cannot_be_told(self):
        goals = (Goal("<=", 7), Goal("<", 5), Goal(">=", 1.5, "bun"), Goal(">=", 1.8, "limit-coalesce"))
        results = {("t", "ours"): [{"a": report(x=6)}], ("t", "bun"): [{"a": report(x=4)}]}
        self.assertEqual(self.rows(test_of(Figure("x", "x", "a", goals=goals)), results)[0][-1],
                         "<= 7: yes; < 5: **no**; >= 1.5 x bun: yes; >= 1.8 x limit-coalesce: ?")

    def test_counts_of_faults_are_always_shown_and_summed_over_all_runs(self):
        results = {("t", "ours"): [{"a": report(missing=1), "b": report(duplicates=2)}, {"a": report(out_of_order=3)}], ("t", "bun"): [{"a": report()}]}
        self.assertEqual(self.rows(test_of(Figure("x", "x", "a")), results)[1][:4], ["t", "missing / duplicate / out of order", "0 / 0 / 0", "1 / 2 / 3"])

    def test_the_document_is_json_and_holds_figures_faults_and_every_run(self):
        results = {("t", "ours"): [{"a": report(x=1)}, {"a": report(x=3, missing=4)}]}
        made = json.loads(json.dumps(document({"t": test_of(Figure("x", "x", "a"))}, ["ours"], results, {"command": "c"})))
        self.assertEqual([made["figures"][0]["medians"], made["figures"][0]["runs"], made["faults"][0]["missing"], len(made["runs"])], [{"ours": 2}, {"ours": [1, 3]}, 4, 2])


class Faults(unittest.TestCase):
    def test_anything_lost_repeated_or_reordered_by_our_node_counts_a_peers_does_not(self):
        for fault in ("missing", "duplicates", "out_of_order", "closed", "failed"):
            bad = [{"a": report(), "b": report(**{fault: 1})}]
            self.assertEqual(lossy({("t", "ours"): bad}), ["t"], fault)
            self.assertEqual(lossy({("t", "bun"): bad, ("t", "ours"): [{"a": report()}]}), [], fault)

    def test_a_load_beside_counts_too(self):
        self.assertEqual(faults(report(beside=report(missing=2))), [2, 0, 0])

    def test_slow_readers_may_lose_and_be_cut_off_but_get_nothing_twice_or_reordered(self):
        slow = report(beside_may_lose=True, beside=report(missing=5, closed=50, duplicates=1, out_of_order=2))
        self.assertEqual((faults(slow), unwell(slow)), ([0, 1, 2], 0))

    def test_a_load_that_delivered_nothing_is_no_success(self):
        self.assertEqual(unwell(report(received=0)), 1)
        self.assertEqual(unwell(report(received=0, mode="idle")), 0)


class Suites(unittest.TestCase):
    def test_every_figure_names_a_case_of_its_test_and_every_usual_server_is_known(self):
        for name, test in TESTS.items():
            cases = {c.name for c in test.cases}
            for figure in test.figures:
                self.assertLessEqual({figure.case, figure.of or figure.case}, cases, name)
            self.assertLessEqual(set(test.usual), set(test.peers), name)

    def test_every_option_and_every_figure_is_one_of_the_load_generators(self):
        source = (pathlib.Path(__file__).parent / "loadgen.cpp").read_text()
        known = set(re.findall(r'\{"([a-z-]+)", [01], 0, [A-Z]+\}', source))
        for name, test in TESTS.items():
            used = {a[2:] for c in test.cases for part in (c.load, c.quick, c.beside, c.beside_quick) for a in part if a.startswith("--")}
            self.assertLessEqual(used, known, name)
            for figure in test.figures:
                self.assertIn(f'\\"{figure.key.removeprefix("beside_")}\\":', source, name)

    def test_quick_runs_are_shorter(self):
        for name, test in TESTS.items():
            for case in test.cases:
                self.assertLess(seconds(case, True), seconds(case, False), name)

    def test_only_cases_on_the_same_cores_share_a_server(self):
        self.assertEqual([n for n, t in TESTS.items() if t.one_server], ["slow", "fair", "size", "deflate", "deflate-each"])

    def test_help_tells_every_test_with_a_sentence(self):
        with contextlib.redirect_stdout(io.StringIO()) as out, self.assertRaises(SystemExit) as ended:
            run.parse(["--help"])
        self.assertEqual(ended.exception.code, 0)
        said = " ".join(out.getvalue().split())
        for name, test in TESTS.items():
            self.assertIn(f"{name if test.default else f'[{name}]'} {test.about}.", said)

    def test_redis_means_both_tests_and_an_unknown_name_is_refused(self):
        self.assertEqual(list(run.parse(["redis", "slow"]).tests), ["redis-1k", "redis-sat", "slow"])
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as ended:
            run.parse(["fats"])
        self.assertEqual(ended.exception.code, 2)

    def test_the_redis_tests_keep_the_server_their_goals_name(self):
        suite = run.Suite(TESTS, ["ours"], 1, False, [])
        self.assertEqual(suite.taking_part(TESTS["redis-1k"]), ["go", "ours"])
        self.assertEqual(suite.taking_part(TESTS["main"]), ["ours"])


if __name__ == "__main__":
    unittest.main()
