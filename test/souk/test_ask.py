# SPDX-License-Identifier: Apache-2.0
"""`souk ask` against a real node: what it prints and how it exits."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = os.environ.get('SOUK_ROOT') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get('SOUK_BIN') or os.path.join(ROOT, 'build', 'release', 'souk')
ACCEPTED, REFUSED, USAGE, UNAVAILABLE = 0, 1, 64, 69
SALE = ['sku=pot', 'units=10', 'price=1999', 'currency=EUR', 'limit_per_customer=2', 'hold_ms=120000', 'opens_at_ms=0']


@unittest.skipUnless(os.access(PROGRAM, os.X_OK), f'{PROGRAM} is not built')
class Ask(unittest.TestCase):
    """One node for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix='souk-ask-')
        cls.data, cls.ready = os.path.join(cls.directory, 'data'), os.path.join(cls.directory, 'ready')
        cls.node = subprocess.Popen([PROGRAM, 'serve', '--data', cls.data, '--http', '127.0.0.1:0',
                                     '--ready-file', cls.ready])
        end = time.monotonic() + 20
        while not os.path.exists(cls.ready):
            if cls.node.poll() is not None or time.monotonic() > end:
                cls.tearDownClass()
                raise AssertionError('the node does not serve')
            time.sleep(0.02)

    @classmethod
    def tearDownClass(cls):
        if cls.node.poll() is None:
            cls.node.send_signal(signal.SIGTERM)
            try:
                cls.node.wait(20)
            except subprocess.TimeoutExpired:
                cls.node.kill()
                cls.node.wait()
        shutil.rmtree(cls.directory)

    def run_ask(self, *words):
        """Exit status, what it printed as JSON (None: nothing), what it complained of."""
        done = subprocess.run([PROGRAM, 'ask', *words], capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr

    def ask(self, *words):
        """The same, of the node's data directory."""
        return self.run_ask('--data', self.data, *words)

    def test_accepted(self):
        status, answer, _ = self.ask('sale', 'tea', 'sale_open', 'sale=tea', *SALE)
        self.assertEqual((status, answer), (ACCEPTED, [True]))
        status, answer, _ = self.ask('sale', 'tea', 'sale_show')
        self.assertEqual(status, ACCEPTED)
        self.assertEqual((answer['sale'], answer['units'], answer['currency']), ('tea', 10, 'EUR'))
        status, answer, _ = self.ask('account', 'ann', 'account_top_up', 'customer=ann', 'key=k', 'amount=5000', 'currency=EUR')
        self.assertEqual((status, answer[1:]), (ACCEPTED, [5000, 5000, 'EUR']))
        status, answer, _ = self.ask('order', 'ann,o1', 'order_place', 'customer=ann', 'idempotency_key=o1', 'sale=tea',
                                     'units=1', 'method=2')
        self.assertEqual(status, ACCEPTED)
        status, answer, _ = self.ask('order', 'ann,o1', 'order_show', 'settled_only=true')
        self.assertEqual((status, answer['total'], answer['settled']), (ACCEPTED, 1999, True))
        self.assertEqual(self.ask('order', answer['order'], 'order_show', 'settled_only=true')[1], answer)

    def test_a_comma_in_a_key(self):
        place = ['order_place', 'customer=eve', 'idempotency_key=a,b', 'sale=none', 'units=1', 'method=2']
        self.assertEqual(self.ask('order', 'eve,a\\,b', *place)[0], ACCEPTED)
        self.assertEqual(self.ask('order', 'eve,a', *place)[1]['refusal'], 'order_wrong_address')

    def test_where(self):
        with open(self.ready, encoding='utf-8') as file:
            endpoint = json.load(file)['zmq']
        for where in (['--ready-file', self.ready], ['--endpoint', endpoint]):
            self.assertEqual(self.run_ask(*where, 'sale', 'x', 'sale_show')[1]['refusal'], 'sale_unknown')

    def test_refused(self):
        status, answer, _ = self.ask('sale', 'nobody', 'sale_show')
        self.assertEqual((status, answer['refusal']), (REFUSED, 'sale_unknown'))
        self.assertIn('no such sale', answer['sentence'])
        self.assertEqual(self.ask('stock', 'nobody', 'stock_show')[1]['refusal'], 'souk_bad_key')

    def test_unavailable(self):
        nowhere = os.path.join(self.directory, 'nowhere')
        for where in (['--data', nowhere], ['--ready-file', nowhere], ['--endpoint', 'ipc://' + nowhere]):
            status, answer, why = self.run_ask(*where, 'sale', 'x', 'sale_show')
            self.assertEqual((status, answer), (UNAVAILABLE, None))
            self.assertIn(nowhere, why)

    def test_usage(self):
        for words in ([], ['sale'], ['sale', 'x'], ['sail', 'x', 'sale_show'], ['sale', 'x', 'sale_shew'],
                      ['sale', 'x', 'sale_number', 'units=1'], ['sale', 'x', 'sale_show', 'odd=1'],
                      ['sale', 'x', 'sale_close'], ['--within', '0', 'sale', 'x', 'sale_show'],
                      ['order', 'a,b', 'order_place', 'customer=a', 'idempotency_key=b', 'sale=c', 'units=-1', 'method=2']):
            status, answer, why = self.ask(*words)
            self.assertEqual((status, answer), (USAGE, None), words)
            self.assertTrue(why)
        self.assertEqual(self.run_ask('sale', 'x', 'sale_show')[0], USAGE)
        self.assertEqual(self.run_ask('--endpoint', 'nonsense', 'sale', 'x', 'sale_show')[0], USAGE)

    def test_list(self):
        done = subprocess.run([PROGRAM, 'ask', '--list', 'sale'], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertIn('sale sale_close sale=text\n', done.stdout)
        self.assertNotIn('sale_number', done.stdout)
        self.assertEqual(self.run_ask('--list', 'nothing')[0], USAGE)


if __name__ == '__main__':
    unittest.main()
