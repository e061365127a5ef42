# SPDX-License-Identifier: Apache-2.0
"""Damage in a part of the journal that no start reads any more: a node serves on, and who first reads it finds it."""
import glob
import http.client
import os
import time
import unittest

from ruin import BUILT, WHY_NOT, Stage, run

IO_ERROR, DATA_ERROR = 74, 65


@unittest.skipUnless(BUILT, WHY_NOT)
class History(unittest.TestCase):
    def setUp(self):
        self.stage = Stage()
        self.addCleanup(self.stage.close)
        client = self.stage.client()
        client.open_sale('spring', 100, hold_ms=1000)
        client.credit('ann')
        self.orders = [client.order('spring', 'ann', f'k{number}') for number in range(40)]
        time.sleep(1.5)  # No alarm of a hold is outstanding any more, which a start would look for.
        client.close()
        for _ in range(2):  # The checkpoint covers it; the log has become a table.
            self.assertEqual(self.stage.node.stop(), 0)
            self.stage.node = self.stage.serve()
        self.assertEqual(self.stage.node.stop(), 0)
        self.table, = glob.glob(os.path.join(self.stage.data, 'journal', '*.ldb'))
        self.kept = self.turn_a_bit()

    def turn_a_bit(self):
        """In the middle of the table; what it was."""
        with open(self.table, 'r+b') as file:
            kept = file.read()
            file.seek(len(kept) // 2)
            file.write(bytes([kept[len(kept) // 2] ^ 4]))
        return kept

    def test_who_reads_it_finds_it(self):
        self.stage.node = self.stage.serve()
        client = self.stage.client()
        self.assertEqual(client.order('spring', 'ann', 'k0').body, self.orders[0].body)
        self.assertEqual(client.order('spring', 'ann', 'new').status, 201)
        try:  # The feed from its beginning needs it; and damage that is known of ends the node.
            client.connection.request('GET', '/v1/sales/spring/feed', headers={'Last-Event-ID': '0.0'})
            client.connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            pass
        client.close()
        self.assertEqual(self.stage.node.process.wait(30), IO_ERROR)
        said = self.stage.node.said()
        self.assertIn('stopping: the journal failed: stored data is damaged', said)
        self.assertRegex(said, rf'{self.table} is damaged at byte \d+')

        for words in (('check', self.stage.data), ('repair', self.stage.data)):
            status, told, complained = run(*words)
            self.assertEqual(status, DATA_ERROR, told + complained)
            self.assertIn(self.table, told + complained)

    def test_the_table_of_a_backup_mends_it(self):
        """Tables never change, so any copy of the one that is damaged will do."""
        with open(self.table, 'wb') as file:
            file.write(self.kept)
        status, told, complained = run('check', self.stage.data)
        self.assertEqual(status, 0, told + complained)
        self.stage.node = self.stage.serve()
        client = self.stage.client()
        self.assertEqual(client.order('spring', 'ann', 'k39').body, self.orders[39].body)
        client.close()


if __name__ == '__main__':
    unittest.main()
