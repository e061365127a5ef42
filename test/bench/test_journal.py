# SPDX-License-Identifier: Apache-2.0
"""`bench journal`: every part of it runs, small, and what it reports follows from what it measured."""
import glob
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = os.environ.get('SOUK_ROOT') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.dirname(os.environ.get('SOUK_BIN') or os.path.join(ROOT, 'build', 'release', 'souk'))
PROGRAM = os.path.join(BUILD, 'bench', 'journal')
SMALL = ['--rounds', '1', '--mib', '1', '--times', '1', '--orders', '300', '--seconds', '0.2']


def run(*words):
    """Runs the program: its exit status, what it printed, and what it complained of."""
    done = subprocess.run([PROGRAM, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                          check=False)
    return done.returncode, done.stdout, done.stderr


class Journal(unittest.TestCase):
    """The program as it is built."""

    def figure(self, out, pattern):
        found = re.search(pattern, out)
        self.assertIsNotNone(found, out)
        return [float(group) for group in found.groups()]

    def test_all_parts(self):
        with tempfile.TemporaryDirectory() as base:
            status, out, complaint = run('--json', '--checkpoint-mib', '1', '--base', base, *SMALL)
            self.assertEqual(status, 0, complaint)
            self.assertEqual(os.listdir(base), [])
        said = json.loads(out.splitlines()[-1])
        self.assertEqual(list(said), ['bandwidth_ratio', 'latency_ratio', 'checkout_over_sync_p50',
                                      'replay_events_per_s', 'checkpoint_cost'])
        souk, bare = self.figure(out, r'souk ([0-9.]+) MB/s .* bare ([0-9.]+) MB/s')
        self.assertAlmostEqual(said['bandwidth_ratio'], souk / bare, delta=0.02)
        for words, name in (('latency, 600 bytes', 'latency_ratio'),
                            ('a checkout over HTTP, a sync', 'checkout_over_sync_p50')):
            souk, bare = self.figure(out, words + r' +souk +([0-9.]+) us, .* bare +([0-9.]+) us')
            self.assertAlmostEqual(said[name], souk / bare, delta=0.02)
        events, = self.figure(out, r'replay +([0-9.]+) M events in a second')
        self.assertAlmostEqual(said['replay_events_per_s'] / 1e6, events, delta=0.02)
        with_, = self.figure(out, r'with, full load +([0-9]+) orders/s')
        without, = self.figure(out, r'without +([0-9]+) orders/s')
        self.assertAlmostEqual(said['checkpoint_cost'], 1 - with_ / without, delta=0.001)
        self.assertGreaterEqual(self.figure(out, r' ([0-9]+) in all')[0], 1)
        size, syncs = self.figure(out, r"a checkout's journal +([0-9]+) bytes, ([0-9.]+) syncs")
        self.assertTrue(300 < size < 1200 and 1 <= syncs < 4, (size, syncs))

    def test_a_node_that_does_not_start(self):
        with tempfile.TemporaryDirectory() as base:
            status, _, complaint = run('--base', base, '--program', '/bin/false', *SMALL)
            self.assertEqual(os.listdir(base), [])
        self.assertEqual(status, 1)
        self.assertIn('the node did not become ready', complaint)

    def test_interrupted(self):
        with tempfile.TemporaryDirectory() as base:
            bench = subprocess.Popen([PROGRAM, '--base', base], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            while bench.poll() is None and not glob.glob(os.path.join(base, '*', 'bare')):
                time.sleep(0.01)
            bench.send_signal(signal.SIGTERM)
            self.assertEqual(bench.wait(60), 130)
            self.assertEqual(os.listdir(base), [])

    def test_misuse(self):
        for words in (['--rounds', '0'], ['--rounds', '100'], ['--mib', 'x'], ['--seconds', '0'], ['--nonsense'],
                      ['word'], ['--checkpoint-mib', '0'], ['--times', '1.5x'], ['--orders', '']):
            with self.subTest(words=words):
                status, out, complaint = run(*words)
                self.assertEqual((status, out), (64, ''))
                self.assertIn('usage: ', complaint)


if __name__ == '__main__':
    unittest.main()
