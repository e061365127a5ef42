# SPDX-License-Identifier: Apache-2.0
"""What is inside a running node: /admin as JSON, `souk top --once`, and its screen on a terminal."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
import unittest

from serving import BUILT, PROGRAM, WHY_NOT, Stage, until

ESCAPE = re.compile(rb'\x1b(?:\[[0-9;?]*[a-zA-Z]|[()][A-Z0-9]|[=>78])')


@unittest.skipUnless(BUILT, WHY_NOT)
class Top(unittest.TestCase):
    """One node, some orders by one customer."""

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage('--workers', '2')
        cls.client = cls.stage.client()
        cls.client.open_sale('spring')
        cls.client.credit('ann')
        for n in range(3):
            cls.client.order('spring', 'ann', f'k{n}')

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.stage.close()

    def get(self, path):
        answer = self.client.get(path)
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def post(self, path, **headers):
        return self.client.ask('POST', path, **headers)

    # ---- JSON. ----

    def test_kinds_and_workers(self):
        told = self.get('/admin/kinds')
        kinds = {kind['kind']: kind for kind in told['kinds']}
        self.assertEqual(told['silent'], 0)
        self.assertEqual(set(kinds), {'sale', 'stock', 'quota', 'order', 'payment', 'account', 'dead_letters'})
        self.assertEqual(kinds['stock']['live'], 1)
        self.assertGreaterEqual(kinds['order']['live'], 3)
        self.assertGreaterEqual(kinds['order']['turns'], 3)
        self.assertFalse(kinds['order']['volatile'])
        workers = self.get('/admin/workers')
        self.assertEqual([worker['worker'] for worker in workers['workers']], [0, 1])
        for worker in workers['workers']:
            self.assertLessEqual(worker['idle_ns'], workers['up_ns'])
            self.assertIn(worker['busy_permille'], range(1001))
        self.assertGreater(sum(worker['turns'] for worker in workers['workers']), 10)
        self.assertIsInstance(self.get('/admin/actors?deepest=3')['deepest'], list)
        turns = self.get('/admin/turns')
        self.assertEqual(turns['faults'], [])
        self.assertIsInstance(turns['slowest'], list)

    def test_one_actor(self):
        told = self.get('/admin/actor/stock/spring,sku')
        self.assertTrue(told['live'])
        self.assertEqual((told['state']['sale'], told['state']['units']), ('spring', 10))
        self.assertEqual(told['state']['free'] + told['state']['held'] + told['state']['sold'], 10)
        self.assertEqual(self.get('/admin/actor/stock/' + told['key'])['state'], told['state'])
        self.assertFalse(self.get('/admin/actor/account/nobody')['live'])
        for path in 'nothing/x', 'stock/x', 'stock', 'stock/', 'order/%zz,', 'account/' + 'x' * 2000, '/':
            self.assertEqual(self.client.get('/admin/actor/' + path).problem, 'not-found', path)

    def test_trace(self):
        self.assertEqual(self.post('/admin/trace/account/nobody').problem, 'not-found')
        switched = self.post('/admin/trace/account/ann?on=1&stderr=1')
        self.assertEqual((switched.status, switched.json['traced']), (200, True))
        self.client.order('spring', 'ann', 'traced')
        told = self.get('/admin/trace')
        mine = [turn for turn in told['turns'] if turn['key'] == switched.json['key']]
        self.assertEqual([turn['message'] for turn in mine], ['account_debit'])
        self.assertEqual(mine[0]['verdict'], 'accept')
        self.assertEqual([send['kind'] for send in mine[0]['sends']], ['payment'])
        self.assertIn('"message":"account_debit"', self.stage.node.said())
        self.assertFalse(self.post('/admin/trace/account/ann?on=0&stderr=0').json['traced'])
        self.client.order('spring', 'ann', 'not traced')
        self.assertEqual(self.get('/admin/trace?after=' + str(told['first'] + len(told['turns']) - 1))['turns'], [])

    def test_dead_letters(self):
        self.assertEqual(self.get('/admin/dead')['letters'], [])  # Commerce has no volatile kind.
        for letter in '1', '77', '18446744073709551615', 'x':
            self.assertEqual(self.post(f'/admin/dead/{letter}/replay').problem, 'not-found')

    def test_not_for_everybody(self):
        self.assertEqual(self.post('/admin/trace/account/ann', origin='http://shop.example').problem, 'bad-request')
        self.assertEqual(self.client.ask('POST', '/admin/kinds').status, 405)
        stage = Stage('--http', '0.0.0.0:0', '--insecure')
        try:
            client = type(self.client)('127.0.0.1:' + stage.node.http.rsplit(':', 1)[1])
            self.assertEqual(client.get('/admin/kinds').problem, 'not-found')
            self.assertEqual(client.get('/livez').status, 200)
            client.close()
        finally:
            stage.close()

    # ---- souk top. ----

    def test_once(self):
        done = subprocess.run([PROGRAM, 'top', '--once', '--address', self.stage.node.http], capture_output=True,
                              timeout=30, check=False, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        for head in 'WORKER', 'KIND', 'DEEPEST QUEUES', 'SLOWEST TURNS', 'LAST FAULTS':
            self.assertRegex(done.stdout, f'(?m)^{head} ')
        self.assertRegex(done.stdout, r'(?m)^stock +1 ')
        self.assertNotIn('\x1b', done.stdout)

    def test_no_node_and_no_terminal(self):
        gone = subprocess.run([PROGRAM, 'top', '--once', '--address', '127.0.0.1:1'], capture_output=True, timeout=30,
                              check=False)
        self.assertEqual(gone.returncode, 69)
        blind = subprocess.run([PROGRAM, 'top', '--address', self.stage.node.http], stdin=subprocess.DEVNULL,
                               capture_output=True, timeout=30, check=False)
        self.assertEqual(blind.returncode, 69)
        self.assertIn(b'--once', blind.stderr)

    def screen(self, rows, columns):
        """Starts `souk top` on a terminal of that size; its process id and our end."""
        pid, end = pty.fork()
        if not pid:
            os.environ['TERM'] = 'xterm'
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
            os.execv(PROGRAM, [PROGRAM, 'top', '--interval-ms', '100', '--address', self.stage.node.http])
        return pid, end

    def read_until(self, end, wanted, within_s=15):
        drawn, limit = b'', time.monotonic() + within_s
        while wanted not in ESCAPE.sub(b' ', drawn) and time.monotonic() < limit:
            if select.select([end], [], [], 0.2)[0]:
                drawn += os.read(end, 65536)
        self.assertIn(wanted, ESCAPE.sub(b' ', drawn))
        return drawn

    def test_screen(self):
        pid, end = self.screen(40, 150)
        try:
            drawn = self.read_until(end, b'LAST FAULTS')
            text = ESCAPE.sub(b' ', drawn)
            for word in b'souk top: up', b'WORKER', b'stock', b'by turns/s', b'SLOWEST TURNS':
                self.assertIn(word, text)
            os.write(end, b'\x1bOC')  # Right.
            self.read_until(end, b'live')
            os.write(end, b'\x1b')  # Alone it is no key that we know.
            os.write(end, b'q')
            drawn = b''
            ended = []

            def has_ended():
                nonlocal drawn
                try:
                    if select.select([end], [], [], 0)[0]:
                        drawn += os.read(end, 65536)
                except OSError:
                    pass
                ended[:] = os.waitpid(pid, os.WNOHANG)
                return ended[0] == pid

            self.assertTrue(until(has_ended))
            self.assertEqual(os.waitstatus_to_exitcode(ended[1]), 0)
            pid = 0
        finally:
            if pid:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
            os.close(end)


if __name__ == '__main__':
    unittest.main()
