# SPDX-License-Identifier: Apache-2.0
"""`souk dead` against a real node: it has no dead letters, and says so."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = os.environ.get('SOUK_ROOT') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get('SOUK_BIN') or os.path.join(ROOT, 'build', 'release', 'souk')


@unittest.skipUnless(os.access(PROGRAM, os.X_OK), f'{PROGRAM} is not built')
class Dead(unittest.TestCase):
    """One node for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix='souk-dead-')
        cls.data, ready = os.path.join(cls.directory, 'data'), os.path.join(cls.directory, 'ready')
        cls.node = subprocess.Popen([PROGRAM, 'serve', '--data', cls.data, '--http', '127.0.0.1:0',
                                     '--ready-file', ready], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while not os.path.exists(ready):
            if cls.node.poll() is not None or time.monotonic() > end:
                cls.tearDownClass()
                raise AssertionError('the node does not serve')
            time.sleep(0.02)

    @classmethod
    def tearDownClass(cls):
        if cls.node.poll() is None:
            cls.node.send_signal(signal.SIGTERM)
            try:
                cls.node.wait(20)
            except subprocess.TimeoutExpired:
                cls.node.kill()
                cls.node.wait()
        shutil.rmtree(cls.directory)

    def dead(self, *words):
        """Exit status, and what it printed as JSON (None: nothing)."""
        done = subprocess.run([PROGRAM, 'dead', *words], capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout.strip().startswith('{') else None

    def test_none(self):
        status, answer = self.dead('list', '--data', self.data)
        self.assertEqual((status, answer), (0, {'kept': 0, 'gone': 0, 'letters': []}))
        status, answer = self.dead('--data', self.data, 'list', '--from', '7')
        self.assertEqual((status, answer['letters']), (0, []))

    def test_no_such_letter(self):
        for verb in ('replay', 'drop'):
            status, answer = self.dead(verb, '1', '--data', self.data)
            self.assertEqual((status, answer['refusal']), (1, 'dead_letters_none'))

    def test_makes_no_sense(self):
        for words in ((), ('bury', '1'), ('replay',), ('drop', '1', '2'), ('list', '3'), ('replay', 'x')):
            self.assertEqual(self.dead(*words, '--data', self.data)[0], 64, words)

    def test_help(self):
        done = subprocess.run([PROGRAM, 'dead', '--help'], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertIn('replay', done.stdout)


if __name__ == '__main__':
    unittest.main()
