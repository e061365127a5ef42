# SPDX-License-Identifier: Apache-2.0
"""kill -9 in the middle of a rush, twenty times: nothing that anybody was told is lost."""
import json
import os
import subprocess
import tempfile
import unittest

SOUK = os.environ.get('SOUK_BIN', 'souk')


class Crash(unittest.TestCase):
    """Kills by the seed, so that a failure can be looked at again."""

    def crash(self, *options):
        """Runs it to a clean end; its JSON."""
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([SOUK, 'crash', '--json', *options], capture_output=True, text=True, timeout=110,
                                  check=False, env=dict(os.environ, TMPDIR=folder))
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return json.loads(done.stdout.splitlines()[-1])

    def test_twenty_kills(self):
        said = self.crash('--times', '20')
        self.assertEqual((said['times'], said['violations'], said['errors']), (20, 0, 0))
        self.assertGreater(said['orders'], 0)
        self.assertGreater(said['broken'], 0)
        self.assertGreater(said['restart_ms_max'], 0)

    def test_two_workers_that_take_shards_from_each_other(self):
        said = self.crash('--times', '8', '--workers', '2', '--check-every', '2')
        self.assertEqual((said['times'], said['violations'], said['errors']), (8, 0, 0))

    def test_a_scarce_item_by_credit(self):
        said = self.crash('--times', '5', '--payment', 'credit', '--units', '2000', '--skus', '2')
        self.assertEqual((said['times'], said['violations'], said['errors']), (5, 0, 0))


if __name__ == '__main__':
    unittest.main()
