# SPDX-License-Identifier: Apache-2.0
"""Damage in a part of the journal that no start reads any more: a node serves on, and who first reads it finds it."""
import glob
import http.client
import os
import time
import unittest

from ruin import BUILT, WHY_NOT, Stage, run

IO_ERROR, DATA_ERROR = 74, 65


def turn_a_bit(path, at=None):
    """In the middle of a file, or there; what it was."""
    with open(path, 'r+b') as file:
        kept = file.read()
        at = len(kept) // 2 if at is None else at
        file.seek(at)
        file.write(bytes([kept[at] ^ 4]))
    return kept


class Sold(Stage):
    """A node that has sold something, and whose logs have become tables that it needs no more for a start."""

    def __init__(self):
        super().__init__()
        client = self.client()
        client.open_sale('spring', 100, hold_ms=1000)
        client.credit('ann')
        self.orders = [client.order('spring', 'ann', f'k{number}') for number in range(40)]
        time.sleep(1.5)  # No alarm of a hold is outstanding any more, which a start would look for.
        client.close()
        self.node.stop()
        for _ in range(2):  # The second life begins with tables, and its end checkpoints nothing new.
            self.node = self.serve()
            self.node.stop()

    def table(self, part, holds=b''):
        """The path of the table that has this in it."""
        for path in sorted(glob.glob(os.path.join(self.data, part, '*.ldb'))):
            with open(path, 'rb') as file:
                if holds in file.read():
                    return path
        raise AssertionError(f'no table of {part} has {holds}')


@unittest.skipUnless(BUILT, WHY_NOT)
class History(unittest.TestCase):
    def setUp(self):
        self.stage = Sold()
        self.addCleanup(self.stage.close)
        self.orders = self.stage.orders

    def test_who_reads_it_finds_it(self):
        table = self.stage.table('journal')
        turn_a_bit(table)
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
        self.assertRegex(said, rf'stopping: the journal failed: {table} is damaged at byte \d+')

        for words in (('check', self.stage.data), ('repair', self.stage.data)):
            status, told, complained = run(*words)
            self.assertEqual(status, DATA_ERROR, told + complained)
            self.assertIn(table, told + complained)

    def test_the_table_of_a_backup_mends_it(self):
        """Tables never change, so any copy of the one that is damaged will do."""
        table = self.stage.table('journal')
        kept = turn_a_bit(table)
        self.assertEqual(run('check', self.stage.data)[0], DATA_ERROR)
        with open(table, 'wb') as file:
            file.write(kept)
        status, told, complained = run('check', self.stage.data)
        self.assertEqual(status, 0, told + complained)
        self.stage.node = self.stage.serve()
        client = self.stage.client()
        self.assertEqual(client.order('spring', 'ann', 'k39').body, self.orders[39].body)
        client.close()

    def test_a_snapshot_that_is_damaged_is_nobody_new(self):
        """Whose it is, is set apart, and the file is named; the others are as they were, and the vault is made anew."""
        table = self.stage.table('vault', b'spring')
        with open(table, 'rb') as file:
            at = file.read().index(b'spring')
        turn_a_bit(table, at)
        self.stage.node = self.stage.serve()
        client = self.stage.client()
        dead = 0
        for number, order in enumerate(self.orders):
            answer = client.order('spring', 'ann', f'k{number}')
            if answer.body != order.body:
                self.assertGreaterEqual(answer.status, 500, answer)
                dead += 1
        self.assertGreater(dead, 0)
        self.assertEqual(client.open_sale('autumn', 5).status, 201)
        client.credit('bob')
        self.assertEqual(client.order('autumn', 'bob', 'k').status, 201)
        client.close()
        self.assertRegex(self.stage.node.said(), rf'{table} is damaged at byte \d+')
        self.assertIn('for its snapshot cannot be read', self.stage.node.said())
        self.assertEqual(self.stage.node.stop(), 0)
        status, told, _ = run('repair', self.stage.data)
        self.assertEqual((status, '--vault' in told), (DATA_ERROR, True), told)
        self.assertEqual(run('repair', self.stage.data, '--vault')[0], 0)
        self.stage.node = self.stage.serve()
        client = self.stage.client()
        self.assertEqual(client.sale('spring')['sold'], 40)
        for number, order in enumerate(self.orders):
            self.assertEqual(client.order('spring', 'ann', f'k{number}').body, order.body)
        client.close()


if __name__ == '__main__':
    unittest.main()
