# SPDX-License-Identifier: Apache-2.0
"""souk's program of `bench actors`: each benchmark, in both shapes, does what it shall and says so in one line."""
import json
import os
import subprocess
import unittest

ROOT = os.environ.get('SOUK_ROOT') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.dirname(os.environ.get('SOUK_BIN') or os.path.join(ROOT, 'build', 'release', 'souk'))
PROGRAM = os.path.join(BUILD, 'bench', 'actors_souk')

# N, and how many operations that is where it is another number.
SMALL = {'ping-pong': 1001, 'counting-1': 20003, 'counting-8': 20000, 'ring': 2057, 'spawn': 3001, 'spawn-idle': 3003,
         'big': 30000, 'bank': 3333, 'chameneos': 2007, 'fib': 15, 'ask-latency': 1007}
OPS = {'big': 3 * 120 * 119, 'fib': 1973}
EXTRAS = {'spawn-idle': {'bytes_each'}, 'ask-latency': {'p50_us', 'p99_us', 'p999_us'}}


def run(*words):
    """Runs the program: its exit status, what it printed, and what it complained of."""
    done = subprocess.run([PROGRAM, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


class ActorsSouk(unittest.TestCase):
    """The contract of bench/actors.py."""

    def check(self, bench, n, ops, schedulers, shape):
        with self.subTest(bench=bench, n=n, schedulers=schedulers, shape=shape):
            status, out, complaint = run(bench, schedulers, shape, n)
            self.assertEqual((status, complaint), (0, ''))
            self.assertEqual(out.count('\n'), 1)
            said = json.loads(out)
            self.assertEqual(said.pop('ops'), ops)
            self.assertGreater(said.pop('seconds'), 0)
            self.assertEqual(set(said), EXTRAS.get(bench, set()))
            self.assertTrue(all(value > 0 for value in said.values()))

    def check_all(self, shape):
        for bench, n in SMALL.items():
            for schedulers in (1, 2, 4):
                self.check(bench, n, OPS.get(bench, n), schedulers, shape)

    def test_local(self):
        self.check_all('local')

    def test_spread(self):
        self.check_all('spread')

    def test_least_work(self):
        for bench in SMALL:
            n = {'counting-8': 8, 'spawn-idle': 1000}.get(bench, 1)  # One actor's memory is not to be seen.
            ops = {'big': 120 * 119}.get(bench, n)
            for shape in ('local', 'spread'):
                self.check(bench, n, ops, 2, shape)

    def test_misuse(self):
        for words in ([], ['ring'], ['rings', 1, 'local', 9], ['ring', 0, 'local', 9], ['ring', 65, 'local', 9],
                      ['ring', 1, 'round', 9], ['ring', 1, 'local', 0], ['ring', 1, 'local', -9],
                      ['ring', 1, 'local', '9x'], ['ring', 1, 'local', 9, 9]):
            with self.subTest(words=words):
                status, out, complaint = run(*words)
                self.assertEqual((status, out), (1, ''))
                self.assertTrue(complaint.startswith('usage: '))


if __name__ == '__main__':
    unittest.main()
