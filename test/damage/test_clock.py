# SPDX-License-Identifier: Apache-2.0
"""The wall clock is an hour off, jumps, or stands still (DURABILITY R9): a node's own time goes on, never backwards, and
nothing that was held is given up because of it before the work that was outstanding has had its turn.

By libfaketime, which lies about the wall clock and leaves the monotonic one alone."""
import glob
import os
import time
import unittest

from ruin import BUILT, WHY_NOT, Stage, check, until

LIBRARY = (glob.glob('/usr/lib/*/faketime/libfaketimeMT.so.1') + [None])[0]
HOUR_MS = 3600000


class Shop(Stage):
    """A node whose clock is another's than the provider's."""

    clock = {}

    def __init__(self, **more):
        self.clients = []
        super().__init__(hooks=False, **more)

    def client(self):
        self.clients.append(super().client())
        return self.clients[-1]

    def close(self):
        for client in self.clients:
            client.close()
        super().close()

    def serve(self):
        faked = {'LD_PRELOAD': LIBRARY, 'FAKETIME_DONT_FAKE_MONOTONIC': '1', 'DONT_FAKE_MONOTONIC': '1',
                 'FAKETIME_NO_CACHE': '1', **self.clock} if self.clock else {}
        return self.start('node', 'serve', '--data', self.data, '--http', '127.0.0.1:0', *self.words,
                          environment=faked)

    def again(self, **clock):
        """Another life, with that clock."""
        assert self.node.stop(9) == -9
        self.clock = clock
        self.node = self.serve()
        return self.client()


@unittest.skipUnless(BUILT, WHY_NOT)
@unittest.skipUnless(LIBRARY, 'libfaketime is not installed')
class Clock(unittest.TestCase):
    def shop(self, **more):
        stage = Shop(**more)
        self.addCleanup(stage.close)
        return stage

    def now_ms(self, client):
        return client.get('/admin/workers').json['now_ms']

    def assert_moved(self, before, after, least, most):
        """What a node did not write down before it was killed, as the time without work, may be counted again."""
        self.assertGreaterEqual(after - before, least - 10000)
        self.assertLess(after - before, most)

    def a_held_order(self, client, **more):
        """One whose payment is under way; where it is."""
        client.open_sale('spring', **more)
        held = client.order('spring', 'ann', 'k', token='tok_visa', prefer='wait=0')
        self.assertEqual(held.status, 202, held)
        where = held.headers['location']
        self.assertTrue(until(lambda: client.get(where).json['state'] == 'reserved'))
        return where

    def test_back_an_hour_at_a_restart(self):
        stage = self.shop(faults='slow=1500')
        client = stage.client()
        where = self.a_held_order(client)
        before = self.now_ms(client)
        client = stage.again(FAKETIME='-3600s')
        self.assert_moved(before, self.now_ms(client), 0, 60000)
        self.assertEqual(client.get(where).json['state'], 'reserved')  # Neither expired nor forgotten.
        self.assertTrue(until(lambda: client.get(where).json['state'] == 'paid'))
        self.assertEqual(client.order('spring', 'ann', 'k', token='tok_visa').status, 201)
        client = stage.again()  # And the hour is there again.
        self.assert_moved(before, self.now_ms(client), 0, 60000)
        self.assertEqual(client.get(where).json['state'], 'paid')
        self.assertEqual(stage.node.stop(), 0)
        check(self, stage.data)

    def test_ahead_an_hour_at_a_restart(self):
        """The hold is long over when the node starts; what was outstanding is delivered first, then it ends once."""
        stage = self.shop(faults='slow=1500')
        client = stage.client()
        client.credit('bob')
        where = self.a_held_order(client)
        paid = client.order('spring', 'bob', 'k')
        self.assertEqual(paid.status, 201)
        before = self.now_ms(client)
        client = stage.again(FAKETIME='+3600s')
        self.assert_moved(before, self.now_ms(client), HOUR_MS, HOUR_MS + 60000)
        self.assertEqual(client.order('spring', 'bob', 'k').body, paid.body)
        self.assertTrue(until(lambda: client.get(where).json['state'] in ('paid', 'cancelled')), client.get(where))
        sale = client.sale('spring')
        sold = 2 if client.get(where).json['state'] == 'paid' else 1
        self.assertEqual((sale['sold'], sale['held'], sale['free']), (sold, 0, 10 - sold))
        ahead = self.now_ms(client)
        client = stage.again()  # The clock is right again, and an hour behind what was said.
        self.assert_moved(ahead, self.now_ms(client), 0, 60000)
        self.assertEqual(client.order('spring', 'eve', 'k', token='tok_visa', prefer='wait=20').status, 201)
        self.assertEqual(stage.node.stop(), 0)
        check(self, stage.data)

    def test_jumps_while_it_runs(self):
        stage = self.shop(faults='slow=60000')
        wall = stage.write('wall', '+0\n')
        client = stage.again(FAKETIME_TIMESTAMP_FILE=wall)
        where = self.a_held_order(client, hold_ms=60000)
        client.credit('bob')
        for jump in ('+3600s', '-3600s', '+0'):
            before = self.now_ms(client)
            stage.write('wall', jump + '\n')
            self.assertEqual(client.order('spring', 'bob', f'k{jump}').status, 201)
            self.assert_moved(before, self.now_ms(client), 0, 5000)
            self.assertEqual(client.get(where).json['state'], 'reserved')
        times = [step['at'] for step in client.get(where).json['history']]
        self.assertEqual(times, sorted(times))
        stage.node.stop(9)  # It would wait for the provider.

    def test_it_stands_still(self):
        """The monotonic clock alone drives holds and deadlines."""
        stage = self.shop(faults='slow=60000')
        client = stage.again(FAKETIME=time.strftime('%Y-%m-%d %H:%M:%S'))
        where = self.a_held_order(client, hold_ms=1500)
        before = self.now_ms(client)
        self.assertTrue(until(lambda: client.get(where).json['state'] == 'cancelled', 20), client.get(where))
        self.assert_moved(before, self.now_ms(client), 1000, 30000)
        self.assertTrue(until(lambda: client.sale('spring')['free'] == 10))
        stage.node.stop(9)


if __name__ == '__main__':
    unittest.main()
