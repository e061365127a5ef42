# SPDX-License-Identifier: Apache-2.0
"""A second process on a data directory: refused, whoever it is, with the number of the first; which goes on unharmed."""
import os
import unittest

from ruin import BUILT, WHY_NOT, Stage, check, run

TEMPORARY = 75


@unittest.skipUnless(BUILT, WHY_NOT)
class Second(unittest.TestCase):
    def setUp(self):
        self.stage = Stage()
        self.addCleanup(self.stage.close)
        self.client = self.stage.client()
        self.addCleanup(self.client.close)
        self.client.open_sale('spring')
        self.client.credit('ann')

    def test_everybody_is_refused(self):
        first = f'in use by process {self.stage.node.process.pid}'
        for words in (('serve', '--http', '127.0.0.1:0', '--data', self.stage.data), ('check', self.stage.data),
                      ('repair', self.stage.data), ('repair', self.stage.data, '--vault'),
                      ('repair', self.stage.data, '--accept-loss')):
            for _ in range(2):  # To be refused takes nothing away from the first. (In one process: test_data.)
                status, _, complained = run(*words)
                self.assertEqual(status, TEMPORARY, (words, complained))
                self.assertIn(first, complained)
                self.assertIn(self.stage.data, complained)
        self.assertEqual(self.client.order('spring', 'ann', 'k').status, 201)
        self.assertEqual(self.stage.node.stop(), 0)
        check(self, self.stage.data)

    def test_a_lock_of_the_dead_holds_nobody_up(self):
        self.stage.node.stop(9)
        self.assertTrue(os.path.exists(os.path.join(self.stage.data, 'lock')))
        self.stage.node = self.stage.serve()
        client = self.stage.client()
        self.assertEqual(client.order('spring', 'ann', 'k').status, 201)
        client.close()

    def test_another_name_for_it_is_the_same(self):
        other = os.path.join(self.stage.directory, 'other')
        os.symlink(self.stage.data, other)
        status, _, complained = run('serve', '--http', '127.0.0.1:0', '--data', other)
        self.assertEqual(status, TEMPORARY, complained)


if __name__ == '__main__':
    unittest.main()
