# SPDX-License-Identifier: Apache-2.0
"""A worker that touches shards which it doesn't hold is reported by ThreadSanitizer: the soak's silence means something."""
import os
import platform
import subprocess
import unittest

ROOT = os.environ.get('SOUK_ROOT', os.path.join(os.path.dirname(__file__), '..', '..'))
PROGRAM = os.path.join(ROOT, 'build', 'tsan', 'test', 'soak', 'test_soak')


class Race(unittest.TestCase):
    def test_a_planted_race_is_found(self):
        if not os.path.exists(PROGRAM):
            self.skipTest('there is no build for ThreadSanitizer')
        command = ['setarch', platform.machine(), '-R']  # Its shadow does not fit kernels that randomise more bits.
        if subprocess.run([*command, 'true'], check=False, capture_output=True).returncode:
            command = []
        planted = subprocess.run([*command, PROGRAM, '--minutes', '0.2'], check=False, capture_output=True, timeout=100,
                                 env={**os.environ, 'SOUK_PLANT_RACE': '1', 'TSAN_OPTIONS': 'halt_on_error=1'})
        self.assertIn(b'WARNING: ThreadSanitizer: data race', planted.stderr)
        self.assertIn(b'plant', planted.stderr)
        self.assertNotEqual(planted.returncode, 0)


if __name__ == '__main__':
    unittest.main()
