# SPDX-License-Identifier: Apache-2.0
"""Spin checks the protocols that interleave, and finds the mistake that each model can be asked to make."""
import os
import shutil
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


@unittest.skipUnless(shutil.which('spin'), 'spin is not installed')
class Models(unittest.TestCase):
    def verify(self, model, *defines):
        """What the exhaustive search says: the number of errors."""
        with tempfile.TemporaryDirectory() as place:
            flags = ['-D' + define for define in defines]
            subprocess.run(['spin', '-a', *flags, os.path.join(HERE, model)], cwd=place, check=True, capture_output=True)
            subprocess.run(['gcc', '-O1', '-w', '-DSAFETY', '-o', 'pan', 'pan.c'], cwd=place, check=True)
            said = subprocess.run(['./pan', '-m200000'], cwd=place, check=True, capture_output=True, timeout=100).stdout
        self.assertNotIn(b'search depth too small', said)
        return int(said.split(b'errors: ')[1].split()[0])

    def test_a_shard_is_handed_over(self):
        self.assertEqual(self.verify('shard.pml'), 0)
        self.assertGreater(self.verify('shard.pml', 'LOOK_BEFORE'), 0)

    def test_batches_are_committed_and_sleepers_told(self):
        self.assertEqual(self.verify('commit.pml'), 0)
        self.assertGreater(self.verify('commit.pml', 'NO_SECOND_LOOK'), 0)


if __name__ == '__main__':
    unittest.main()
