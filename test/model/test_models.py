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
            subprocess.run(['gcc', '-O1', '-w', '-DSAFETY', '-DCOLLAPSE', '-o', 'pan', 'pan.c'], cwd=place, check=True)
            said = subprocess.run(['./pan', '-m200000'], cwd=place, check=True, capture_output=True, timeout=100).stdout
        self.assertNotIn(b'search depth too small', said)
        return int(said.split(b'errors: ')[1].split()[0])

    def holds(self, model, *mistakes):
        """The model as it stands has no error, and with each of the mistakes it has one."""
        self.assertEqual(self.verify(model), 0)
        for mistake in mistakes:
            with self.subTest(model=model, mistake=mistake):
                self.assertGreater(self.verify(model, mistake), 0)

    def test_a_mailbox_keeps_all_in_order(self):
        self.holds('mailbox.pml', 'LINK_FIRST', 'NO_END', 'NO_STUB', 'STUB_BLINDLY', 'EMPTY_BY_LINK', 'EMPTY_BY_TAIL')

    def test_a_sleeper_is_woken(self):
        self.holds('parking.pml', 'FLAG_AFTER_LOOK', 'WAKE_BEFORE_POST', 'TELL_TOO_EARLY', 'WAKE_BY_STORE',
                   'SILENCE_FIRST', 'NO_READY_LOOK', 'NO_DURABLE_LOOK', 'NO_EPOCH_LOOK', 'NO_TICK')

    def test_a_shard_is_handed_over(self):
        self.holds('shard.pml', 'LOOK_BEFORE')

    def test_order_holds_while_shards_change_hands(self):
        self.holds('handover.pml', 'NO_DRAIN_HELD', 'COUNT_LATE', 'COUNT_AFTER_DRAIN', 'HOLD_HALF', 'PAST_OUTGOING',
                   'PAST_BACKLOG', 'BACK_BEHIND', 'NO_SECOND_LOOK', 'NO_QUEUE')

    def test_batches_are_committed_and_sleepers_told(self):
        self.holds('commit.pml', 'NO_SECOND_LOOK')


if __name__ == '__main__':
    unittest.main()
