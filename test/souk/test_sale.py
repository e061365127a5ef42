# SPDX-License-Identifier: Apache-2.0
"""A whole flash sale by one command: every unit sold once, the books checked, nothing left behind but what is named."""
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

SOUK = os.environ.get('SOUK_BIN', 'souk')


class Sale(unittest.TestCase):
    """One rush a test, in a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def sale(self, *options, status=0):
        """Runs a sale; its JSON."""
        done = subprocess.run([SOUK, 'sale', '--json', *options], capture_output=True, text=True, timeout=100,
                              check=False, env=dict(os.environ, TMPDIR=self.folder))
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        return json.loads(done.stdout.splitlines()[-1])

    def expect_good(self, said):
        """What must be true of every sale."""
        for name in ('oversold', 'left_over', 'held', 'double_charges', 'lost_orders', 'violations', 'errors'):
            self.assertEqual(said[name], 0, name)
        for name in ('orders_per_s', 'p50_ms', 'p99_ms', 'p999_ms'):
            self.assertGreater(said[name], 0, name)

    def test_by_card(self):
        said = self.sale('--units', '200', '--buyers', '1000', '--seed', '7')
        self.expect_good(said)
        self.assertEqual((said['units'], said['sold'], said['buyers'], said['seed']), (200, 200, 1000, 7))
        for path in (said['data'], said['provider_ledger'], said['acks']):
            self.assertTrue(os.path.exists(path), path)
        with open(said['provider_ledger'], encoding='utf-8') as file:
            captured = sum(line['amount'] for line in map(json.loads, file) if line['op'] == 'capture')
        self.assertEqual(captured, said['money_taken'])
        with open(said['acks'], encoding='utf-8') as file:
            self.assertEqual(sum(line['status'] == 201 for line in map(json.loads, file)), 200)

    def test_by_credit_of_many_items_at_a_rate(self):
        said = self.sale('--units', '50', '--skus', '10', '--skew', '0.8', '--buyers', '1000', '--rate', '1500', '--payment',
                         'credit')
        self.expect_good(said)
        self.assertEqual(said['units'], 500)
        self.assertEqual(said['served'] + said['turned_away'], 1000)
        self.assertIsNone(said['provider_ledger'])

    def test_a_provider_that_breaks(self):
        said = self.sale('--units', '100', '--buyers', '500', '--provider-faults', 'decline=0.2,twice=0.3,slow=5')
        self.expect_good(said)
        self.assertEqual(said['sold'], 100)
        self.assertGreater(said['declined'], 0)

    def test_a_directory_of_ones_own(self):
        data = os.path.join(self.folder, 'mine')
        for _ in range(2):  # The second takes the place of the first.
            said = self.sale('--units', '10', '--buyers', '20', '--payment', 'credit', '--data', data)
            self.assertEqual((said['data'], said['sold']), (data, 10))
        self.sale('--units', '10', '--buyers', '20', '--payment', 'credit', '--data', data, '--discard')
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_directory_of_others_is_left_alone(self):
        data = os.path.join(self.folder, 'theirs')
        os.mkdir(data)
        with open(os.path.join(data, 'file'), 'w', encoding='utf-8') as file:
            file.write('precious')
        done = subprocess.run([SOUK, 'sale', '--data', data], capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 64)
        self.assertEqual(os.listdir(data), ['file'])

    def test_children_end_with_an_interrupted_sale(self):
        with subprocess.Popen([SOUK, 'sale', '--units', '1000000', '--buyers', '1000000', '--payment', 'card'],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=dict(os.environ, TMPDIR=self.folder)) as child:
            time.sleep(1.5)
            path = f'/proc/{child.pid}/task/{child.pid}/children'
            with open(path, encoding='ascii') as file:
                children = file.read().split()
            self.assertEqual(len(children), 2)
            child.send_signal(signal.SIGINT)
            self.assertEqual(child.wait(60), 130)
            self.assertFalse([pid for pid in children if os.path.exists(f'/proc/{pid}')])


if __name__ == '__main__':
    unittest.main()
