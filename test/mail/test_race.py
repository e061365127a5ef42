# SPDX-License-Identifier: Apache-2.0
"""A race planted on purpose is reported by ThreadSanitizer: its silence elsewhere means something."""
import os
import subprocess
import unittest

ROOT = os.environ.get('SOUK_ROOT', os.path.join(os.path.dirname(__file__), '..', '..'))
PROGRAM = os.path.join(ROOT, 'build', 'tsan', 'test', 'mail', 'test_mailbox')


class Race(unittest.TestCase):
    def run_it(self, **extra):
        return subprocess.run([PROGRAM], env={**os.environ, **extra}, capture_output=True, timeout=100, check=False)

    def test_a_planted_race_is_found(self):
        if not os.path.exists(PROGRAM):
            self.skipTest('there is no build for ThreadSanitizer')
        planted = self.run_it(SOUK_PLANT_RACE='1')
        self.assertIn(b'WARNING: ThreadSanitizer: data race', planted.stderr)
        self.assertNotEqual(planted.returncode, 0)

    def test_the_mailbox_is_silent(self):
        if not os.path.exists(PROGRAM):
            self.skipTest('there is no build for ThreadSanitizer')
        silent = self.run_it()
        self.assertNotIn(b'ThreadSanitizer', silent.stderr)
        self.assertEqual(silent.returncode, 0)


if __name__ == '__main__':
    unittest.main()
