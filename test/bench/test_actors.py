# SPDX-License-Identifier: Apache-2.0
"""`bench actors`: each installed peer keeps the contract of bench/actors.py, and what is made of figures is right."""
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

ROOT = os.environ.get('SOUK_ROOT') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, 'bench', 'actors.py')


def load():
    """bench/actors.py as a module; a plain import would find the folder of the same name."""
    spec = importlib.util.spec_from_file_location('bench_actors', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


actors = load()
report = actors.report
Case, Sample = report.Case, report.Sample

# Small, but no multiple of anything; ops where they differ from N.
SMALL = {'ping-pong': 101, 'counting-1': 1003, 'counting-8': 1000, 'ring': 257, 'spawn': 301, 'spawn-idle': 303,
         'big': 15000, 'bank': 333, 'chameneos': 207, 'fib': 10, 'ask-latency': 307}
OPS = {'big': 2 * 120 * 119, 'fib': 177}
EXTRAS = {'spawn-idle': {'bytes_each'}, 'ask-latency': {'p50_us', 'p99_us', 'p999_us'}}

FAKE = '''#!/bin/sh
[ "$1" = {bad} ] && {{ echo the total is off >&2; exit 1; }}
echo "{{\\"ops\\":$4,\\"seconds\\":0.5,\\"p50_us\\":1.0,\\"p99_us\\":2.0,\\"p999_us\\":3.0,\\"bytes_each\\":150}}"
'''


def canned(*rates):
    """Results with the given (bench, schedulers, shape, system, rates, extras)."""
    samples = {Case(*one[:4]): [Sample(10, rate, 1.0, one[5] if len(one) > 5 else {}) for rate in one[4]]
               for one in rates}
    return report.Results(samples, {})


class Peers(unittest.TestCase):
    """The programs themselves."""

    def keeps_contract(self, system):
        try:
            command = actors.BUILDERS[system]()
        except actors.Absent as why:
            self.skipTest(str(why))
        for bench, n in SMALL.items():
            for schedulers in (1, 2) if bench in ('counting-8', 'ask-latency') else (2,):
                with self.subTest(bench=bench, schedulers=schedulers):
                    sample = actors.run_once(command, Case(bench, schedulers, '', system), n, 30)
                    self.assertEqual(sample.ops, OPS.get(bench, n))
                    self.assertGreater(sample.seconds, 0)
                    self.assertEqual(set(sample.extras), EXTRAS.get(bench, set()))
        with self.assertRaisesRegex(actors.Broken, 'exit status 1'):
            actors.run_once(command, Case('no-such-bench', 1, '', system), 10, 30)

    def test_erlang(self):
        self.keeps_contract('erlang')

    def test_caf(self):
        self.keeps_contract('caf')

    def test_go(self):
        self.keeps_contract('go')

    def test_line(self):
        if len(os.sched_getaffinity(0)) < 2 or not shutil.which('gcc'):
            self.skipTest('needs two CPUs and gcc')
        sample = actors.run_once(actors.build_line(), Case('line', 2, '', 'line'), 1000, 30)
        self.assertEqual(sample.ops, 1000)


class Figures(unittest.TestCase):
    """From samples to ratios, aims, JSON and the chart."""

    def test_medians_and_ratios(self):
        results = canned(('ring', 1, 'local', 'souk', [100, 300, 200]), ('ring', 1, '', 'erlang', [10, 30, 20]),
                         ('ring', 1, '', 'caf', [40, 40, 40]), ('ring', 1, '', 'go', [50, 50, 100]))
        self.assertEqual(results.rate('ring', 1, 'souk', 'local'), 200)
        self.assertEqual(report.ratios(results, 'ring', 1), (5, 4, None))
        self.assertEqual(report.ratios(results, 'bank', 1), (None, None, None))
        self.assertEqual([reached for reached, _ in report.aims(results)], [True, True])

    def test_a_missing_peer_leaves_no_ratio_to_it(self):
        results = canned(('big', 2, 'spread', 'souk', [30]), ('big', 2, '', 'erlang', [20]))
        self.assertEqual(report.ratios(results, 'big', 2), (None, None, 1.5))

    def test_gains(self):
        results = canned(('fib', 1, 'spread', 'souk', [100]), ('fib', 2, 'spread', 'souk', [180]),
                         ('fib', 1, 'two', 'souk', [200]))
        self.assertEqual(results.gains('fib'), (1.8, 2.0))
        self.assertEqual(report.aims(results)[-1][0], False)
        self.assertIsNone(results.gains('chameneos'))

    def test_latency_and_bytes_aims(self):
        results = canned(('ask-latency', 1, 'local', 'souk', [1], {'p99_us': 3.0}),
                         ('ask-latency', 1, '', 'go', [1], {'p99_us': 4.0}),
                         ('ask-latency', 1, '', 'caf', [1], {'p99_us': 2.0}),
                         ('spawn-idle', 1, 'local', 'souk', [1], {'bytes_each': 199.0}))
        self.assertEqual(sorted(reached for reached, _ in report.aims(results)), [False, True, True])

    def test_rows_are_those_of_the_ten_benchmarks(self):
        results = canned(('ring', 2, 'spread', 'souk', [4.0]), ('ring', 1, '', 'go', [2.0]),
                         ('line', 2, '', 'line', [1]), ('spawn-idle', 1, '', 'go', [1]),
                         ('fib', 1, 'two', 'souk', [1]), ('fib', 1, 'spread', 'souk', [1]))
        self.assertEqual(results.rows(), [
            {'bench': 'ring', 'schedulers': 1, 'shape': '', 'system': 'go', 'ops_per_s': 2.0, 'n': 10},
            {'bench': 'ring', 'schedulers': 2, 'shape': 'spread', 'system': 'souk', 'ops_per_s': 4.0, 'n': 10}])

    def test_next_n(self):
        self.assertEqual(actors.next_n('ring', 10000, 0.1, 0.5), 50000)
        self.assertEqual(actors.next_n('fib', 20, 0.1, 0.1 * 1.618 ** 3), 23)
        self.assertEqual(actors.next_n('ask-latency', 5000, 10, 0.5), actors.ASKS_LEAST)

    def test_output_must_be_one_line_of_figures(self):
        self.assertEqual(actors.parse('{"ops":3,"seconds":0.5,"p50_us":1}\n', 3), Sample(3, 3, 0.5, {'p50_us': 1}))
        for bad in ('', 'hello', '{"ops":3}', '{"ops":0,"seconds":1}', '{"ops":1,"seconds":0}', '[]',
                    '{"ops":1,"seconds":1,"p50_us":"x"}', '{"ops":1,"seconds":1}\n{"ops":1,"seconds":1}'):
            with self.subTest(bad), self.assertRaises(actors.Broken):
                actors.parse(bad, 1)

    def test_a_program_that_hangs_is_ended(self):
        with self.assertRaisesRegex(actors.Broken, 'took more than'):
            actors.run_once(['sh', '-c', 'sleep 60; :'], Case('ring', 1, '', 'go'), 1, 0.2)


class Whole(unittest.TestCase):
    """The command, with a program in souk's place."""

    def bench(self, *words, bad='none'):
        with tempfile.TemporaryDirectory() as folder:
            fake, svg = os.path.join(folder, 'fake'), os.path.join(folder, 'chart', 'it.svg')
            with open(fake, 'w', encoding='ascii') as file:
                file.write(FAKE.format(bad=bad))
            os.chmod(fake, 0o755)
            done = subprocess.run([sys.executable, SCRIPT, '--rounds', '2', '--seconds', '0.01', '--systems', 'souk',
                                   '--svg', svg, '--souk', fake, *words],
                                  capture_output=True, text=True, timeout=60, check=False)
            chart = None
            if os.path.exists(svg):
                chart = xml.dom.minidom.parse(svg).documentElement.tagName
            return done, chart

    def test_json_tables_and_chart(self):
        done, chart = self.bench('--json', '--quick')
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual({row['bench'] for row in rows}, set(report.BENCHES) - {'spawn-idle'})
        self.assertEqual({(row['schedulers'], row['shape']) for row in rows},
                         {(1, 'local'), (2, 'local'), (2, 'spread')})
        for row in rows:
            self.assertEqual(list(row), ['bench', 'schedulers', 'shape', 'system', 'ops_per_s', 'n'])
            self.assertEqual(row['ops_per_s'], 2 * row['n'])
        for title in ('Million operations', 'Latency of an ask', 'Resident bytes', 'two processes', 'Aims'):
            self.assertIn(title, done.stdout)
        self.assertEqual(chart, 'svg' if shutil.which('gnuplot') else None)

    def test_a_wrong_result_is_told_and_fails(self):
        done, _ = self.bench('--json', '--only', 'ring,bank', bad='bank')
        self.assertEqual(done.returncode, 1)
        self.assertIn('FAILED: bank, souk local, 1 scheduler: exit status 1', done.stderr)
        self.assertIn('the total is off', done.stdout)
        self.assertEqual({row['bench'] for row in json.loads(done.stdout.splitlines()[-1])}, {'ring'})

    def test_souk_not_built_fails(self):
        done, _ = self.bench('--only', 'ring', '--souk', '/nonexistent')
        self.assertEqual(done.returncode, 1)
        self.assertIn('/nonexistent is not built', done.stderr)

    def test_misuse(self):
        for words in (['--only', 'nothing'], ['--rounds', '0'], ['--systems', 'souk,akka'], ['--wat']):
            with self.subTest(words):
                self.assertEqual(self.bench(*words)[0].returncode, 64)


if __name__ == '__main__':
    unittest.main()
