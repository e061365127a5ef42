# SPDX-License-Identifier: Apache-2.0
"""The fault shim by hand, as its header says: a node whose disk fails from the start, and what one client sees of it."""
import http.client
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'souk'))

from serving import BUILT, PROGRAM, WHY_NOT, Stage  # pylint: disable=wrong-import-position

SHIM = os.path.join(os.path.dirname(PROGRAM), 'libsoukfaults.so')


class Struck(Stage):
    """A stage whose node can be started with rules for the shim."""

    def serve(self, rules=None, *words):
        environment = {'LD_PRELOAD': SHIM, 'FAULT_SHIM': rules} if rules else None
        return self.start('node', 'serve', '--data', self.data, '--http', '127.0.0.1:0', *self.words, *words,
                          environment=environment)


@unittest.skipUnless(BUILT, WHY_NOT)
class Shim(unittest.TestCase):
    def setUp(self):
        self.stage = Struck('--workers', '2')
        self.addCleanup(self.stage.close)
        client = self.stage.client()
        self.assertEqual(client.open_sale('spring', units=1000).status, 201)
        self.assertEqual(client.credit('ann', amount=50000000).status, 201)
        client.close()
        self.assertEqual(self.stage.node.stop(), 0)

    def strike(self, rules, *words):
        self.stage.node = self.stage.serve(rules, *words)
        client = self.stage.client()
        self.addCleanup(client.close)
        return client

    def order_until_it_fails(self, client):
        """Orders until there is no 201: the bodies of those that had one by key, and the first key without."""
        served = {}
        for n in range(300):
            try:
                answer = client.order('spring', 'ann', f'k{n}')
            except (http.client.HTTPException, OSError):
                return served, f'k{n}'
            if answer.status != 201:
                self.assertEqual(answer.status, 503, answer)
                self.assertIn('retry-after', answer.headers)
                return served, f'k{n}'
            served[f'k{n}'] = answer.body
        self.fail('nothing failed')

    def resolve(self, served, unknown):
        """After a restart each has the answer that it had, and the unknown one becomes known, once."""
        self.stage.node = self.stage.serve()
        client = self.stage.client()
        self.addCleanup(client.close)
        for key, body in served.items():
            self.assertEqual(client.order('spring', 'ann', key).body, body, 'an acknowledged order is lost')
        first = client.order('spring', 'ann', unknown)
        self.assertEqual(first.status, 201)
        self.assertEqual(client.order('spring', 'ann', unknown).body, first.body)
        self.assertEqual(client.sale('spring')['sold'], len(served) + 1)
        self.assertEqual(self.stage.node.stop(), 0)

    def test_a_sync_that_fails(self):
        client = self.strike('sync journal/*.log after=40 fail=EIO')
        served, unknown = self.order_until_it_fails(client)
        self.assertEqual(self.stage.node.process.wait(20), 74)
        self.assertRegex(self.stage.node.said(), r'souk: stopping: the journal failed: .*/journal/\d+\.log: Input/output')
        self.assertGreater(len(served), 5)
        self.resolve(served, unknown)

    def test_a_write_that_finds_no_room_once(self):
        client = self.strike('write journal/*.log after=40 short=100; write journal/*.log after=40 fail=ENOSPC')
        served, unknown = self.order_until_it_fails(client)
        self.assertEqual(self.stage.node.process.wait(20), 74)
        self.assertIn('No space left on device', self.stage.node.said())
        self.resolve(served, unknown)

    def test_a_slow_sync_delays_answers_and_shows(self):
        client = self.strike('sync journal/*.log times=1 delay=400')
        began = time.monotonic()
        self.assertEqual(client.order('spring', 'ann', 'slow').status, 201)
        self.assertGreaterEqual(time.monotonic() - began, 0.4)  # Never before it is durable.
        page = client.get('/metrics').body.decode()
        spent = [line for line in page.splitlines() if line.startswith('souk_group_commit_seconds_sum ')]
        self.assertGreaterEqual(float(spent[0].split()[1]), 0.4)
        self.assertEqual(self.stage.node.stop(), 0)

    def test_a_start_on_a_disk_that_fails(self):
        with self.assertRaises(AssertionError):
            self.stage.serve('read,sync,write journal/MANIFEST* fail=EIO')
        said = self.stage.programs[0].said()
        self.assertRegex(said, r'souk serve: .*/journal(/MANIFEST-\d+)? cannot be (opened|read)')
        self.resolve({}, 'after')

    def test_a_table_that_cannot_be_opened_is_not_taken_for_damage(self):
        for n in range(9):  # A start makes a table of what the one before has written.
            self.stage.node = self.stage.serve()
            client = self.stage.client()
            self.assertEqual(client.order('spring', 'ann', f'k{n}').status, 201)
            client.close()
            self.stage.node.stop(signal.SIGKILL)
        refused = 0
        for after in range(14):
            try:
                served = self.stage.serve(f'open journal/*.ldb main after={after} fail=EIO')
            except AssertionError as fault:
                self.assertRegex(str(fault).splitlines()[-1], r'\.ldb: Input/output error')
                refused += 1
            else:
                self.assertEqual(served.stop(), 0)
        self.assertGreaterEqual(refused, 4)
        self.stage.node = self.stage.serve()

    def test_rules_that_cannot_be_read_end_it(self):
        for rules in 'sync', 'sync tail fail=EWHAT', 'tail times=1', 'sync a;sync b;sync c;sync d;sync e':
            with self.assertRaises(AssertionError) as caught:
                self.stage.serve(rules)
            self.assertIn('FAULT_SHIM is not a list of rules', str(caught.exception))


if __name__ == '__main__':
    unittest.main()
