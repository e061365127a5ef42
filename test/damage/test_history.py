# SPDX-License-Identifier: Apache-2.0
"""Damage in a part of the journal that no start reads any more: a node serves on, and who first reads it finds it."""
import glob
import http.client
import json
import os
import time
import unittest

from ruin import BUILT, WHY_NOT, Stage, check, run

IO_ERROR, DATA_ERROR, ORDERS = 74, 65, 40


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
        client.open_sale('spring', 500, hold_ms=1000)
        client.credit('ann')
        self.orders = [client.order('spring', 'ann', f'k{number}') for number in range(ORDERS)]
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


@unittest.skipUnless(BUILT, WHY_NOT)
class Snapshots(unittest.TestCase):
    """A vault of some MiB, in which there are blocks with nothing but snapshots."""

    def setUp(self):
        self.stage = Stage('--checkpoint-mib', '1')
        self.addCleanup(self.stage.close)
        self.acks = os.path.join(self.stage.directory, 'acks')
        status, told, complained = run('load', '--http', self.stage.node.http, '--buyers', '3000', '--units', '9000',
                                       '--payment', 'credit', '--acks', self.acks, '--seed', '5')
        self.assertEqual(status, 0, told + complained)
        with open(self.acks, encoding='utf-8') as acks:
            self.orders = [json.loads(line)['order'] for line in acks]
        for _ in range(2):
            self.assertEqual(self.stage.node.stop(), 0)
            self.stage.node = self.stage.serve()
        self.assertEqual(self.stage.node.stop(), 0)
        self.table = max(glob.glob(os.path.join(self.stage.data, 'vault', '*.ldb')), key=os.path.getsize)

    def serve_damaged(self):
        """A node on a vault with a damaged block, one that a start doesn't read; where a start does it is refused."""
        with open(self.table, 'rb') as file:
            kept = file.read()
        for share in range(1, 40):
            turn_a_bit(self.table, len(kept) * share // 40)
            try:
                return self.stage.serve()
            except AssertionError as refused:
                self.assertIn(f'{self.table} is damaged at byte', str(refused))
            with open(self.table, 'wb') as file:
                file.write(kept)
        return self.fail('a start reads it all')

    def test_one_that_is_damaged_is_nobody_new(self):
        """Whose it is, is set apart, and the file is named; the others are as they were, and the vault is made anew."""
        self.stage.node = self.serve_damaged()
        client = self.stage.client()
        self.addCleanup(client.close)
        states = [client.get(f'/v1/orders/{order}') for order in self.orders]
        dead = [state for state in states if state.status != 200 or state.json['state'] != 'paid']
        self.assertTrue(all(state.status >= 500 for state in dead), dead)
        self.assertLess(len(dead), len(self.orders) // 4)
        said = self.stage.node.said()
        self.assertEqual(bool(dead), 'for its snapshot cannot be read' in said)
        self.assertEqual(self.stage.node.stop(), 0)
        status, told, _ = run('repair', self.stage.data)
        self.assertEqual((status, '--vault' in told), (DATA_ERROR, True), told)
        self.assertEqual(run('repair', self.stage.data, '--vault')[0], 0)
        self.stage.node = self.stage.serve()
        client = self.stage.client()
        self.addCleanup(client.close)
        for state, order in zip(states, self.orders):
            self.assertTrue(state in dead or client.get(f'/v1/orders/{order}').body == state.body)
        self.assertEqual(self.stage.node.stop(), 0)
        check(self, self.stage.data, '--acks', self.acks)


if __name__ == '__main__':
    unittest.main()
