# SPDX-License-Identifier: Apache-2.0
"""A client written from docs/wire.md alone, against a real `souk serve`."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

try:
    import msgpack
    import zmq
except ImportError as missing:
    raise unittest.SkipTest(f'{missing}: on Debian, python3-zmq and python3-msgpack')

ROOT = os.environ.get('SOUK_ROOT') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get('SOUK_BIN') or os.path.join(ROOT, 'build', 'release', 'souk')
DONE, REFUSED, LATE, DEAD = range(4)


class Client:
    """One DEALER socket."""

    def __init__(self, endpoint):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDTIMEO, 10000)
        self.socket.setsockopt(zmq.RCVTIMEO, 10000)
        self.socket.connect(endpoint)

    def close(self):
        """Lets go of socket and context."""
        self.socket.close()
        self.context.term()

    def answers(self, count):
        """The next answers, by id; a list where ids repeat."""
        got = []
        while len(got) < count:
            version, answers = msgpack.unpackb(self.socket.recv())
            assert version == 1
            got += answers
        return got

    def ask(self, *requests):
        """Sends one frame; the answers in the order of the requests."""
        self.socket.send(msgpack.packb([1, [[i, *request] for i, request in enumerate(requests)]]))
        got = {answer[0]: answer[1:] for answer in self.answers(len(requests))}
        return [got[i] for i in range(len(requests))]

    def raw(self, frame):
        """Sends bytes; the first answer."""
        self.socket.send(frame)
        return self.answers(1)[0]


@unittest.skipUnless(os.access(PROGRAM, os.X_OK), f'{PROGRAM} is not built')
class Wire(unittest.TestCase):
    """One node for all tests; each uses ids of its own."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix='souk-wire-')
        cls.data = os.path.join(cls.directory, 'data')
        ready = os.path.join(cls.directory, 'ready')
        cls.node = subprocess.Popen([PROGRAM, 'serve', '--data', cls.data, '--http', '127.0.0.1:0', '--ready-file', ready])
        end = time.monotonic() + 20
        while not os.path.exists(ready):
            if cls.node.poll() is not None or time.monotonic() > end:
                cls.tearDownClass()
                raise AssertionError('the node does not serve')
            time.sleep(0.02)
        with open(ready, encoding='utf-8') as file:
            cls.endpoint = json.load(file)['zmq']

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

    def setUp(self):
        self.client = Client(self.endpoint)

    def tearDown(self):
        self.client.close()

    def open_sale(self, sale, units=10):
        """Opens a sale and asserts that it is open."""
        body = {'sale': sale, 'sku': 'pot', 'units': units, 'price': 1999, 'currency': 'EUR', 'limit_per_customer': 2,
                'hold_ms': 120000, 'opens_at_ms': 0}
        self.assertEqual(self.client.ask(['sale', sale, 'sale_open', body])[0][0], DONE)

    def test_endpoint_file(self):
        with open(os.path.join(self.data, 'souk.endpoint'), encoding='utf-8') as file:
            self.assertEqual(file.read().strip(), self.endpoint)
        path = re.sub('^ipc://', '', self.endpoint)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_checkout(self):
        self.open_sale('tea')
        top_up = ['account', 'ann', 'account_top_up', {'customer': 'ann', 'key': 'k1', 'amount': 5000, 'currency': 'EUR'}]
        first, again = self.client.ask(top_up, top_up)
        self.assertEqual(first[0], DONE, first)
        self.assertEqual(first, again)  # The same command: the same answer.
        self.assertEqual(first[3][1:], [5000, 5000, 'EUR'])
        place = ['order', ['ann', 'o1'], 'order_place', ['ann', 'o1', 'tea', 2, 2]]  # method 2: store credit
        self.assertEqual(self.client.ask(place)[0][0], DONE)
        show = ['order', ['ann', 'o1'], 'order_show', {'settled_only': True}]
        order = self.client.ask(show)[0]
        self.assertEqual(order[0], DONE, order)
        self.assertEqual(order[3][1:3], [5, True])  # paid, settled
        self.assertEqual(order[3][4:7], ['tea', 'ann', 2])
        self.assertEqual(order[3][8:10], [3998, 'EUR'])
        name = order[3][0].hex()
        self.assertEqual(self.client.ask(['order', name, 'order_show', [True]])[0], order)
        self.assertEqual(self.client.ask(['order', order[3][0], 'order_show', [True]])[0], order)
        stock = self.client.ask(['stock', ['tea', 'pot'], 'stock_show', None])[0]
        self.assertEqual(stock[0], DONE, stock)

    def test_batch(self):
        self.open_sale('batch')
        answers = self.client.ask(*([['sale', 'batch', 'sale_show', None]] * 1000))
        self.assertEqual({answer[0] for answer in answers}, {DONE})

    def test_example_of_the_page(self):
        self.open_sale('tea')
        answer = self.client.raw(bytes.fromhex('92 01 91 95 07 a4 73616c65 a3 746561 a9 73616c655f73686f77 c0'))
        self.assertEqual(answer[:4], [7, DONE, None, None])
        self.assertEqual(answer[4][:2], ['tea', 'pot'])

    def test_refusals(self):
        now = int(time.time() * 1000)
        self.open_sale('no')
        cases = [
            (['sail', 'no', 'sale_show', None], 'souk_unknown_kind'),
            (['sale', 'no', 'sale_shew', None], 'souk_unknown'),
            (['sale', 'no', 'sale_number', {'reservation': bytes(16), 'units': 1}], 'souk_denied'),
            (['sale', ['no', 'no'], 'sale_show', None], 'souk_bad_key'),
            (['sale', 'a b', 'sale_show', None], 'souk_bad_key'),
            (['sale', '', 'sale_show', None], 'souk_bad_key'),
            (['sale', bytes(16), 'sale_show', None], 'souk_bad_key'),
            (['sale', b'short', 'sale_show', None], 'souk_bad_key'),
            (['sale', 'no', 'sale_close', None], 'souk_malformed'),
            (['sale', 'no', 'sale_close', {'sail': 'no'}], 'souk_malformed'),
            (['sale', 'no', 'sale_close', [5]], 'souk_malformed'),
            (['sale', 'no', 'sale_show', 'text'], 'souk_malformed'),
            (['sale', 'no', 'sale_show', None, 0], 'souk_malformed'),
            (['sale', 'no', 'sale_show', None, None, now - 3700000], 'souk_expired'),
            (['sale', 'no', 'sale_show', None, None, now + 120000], 'souk_expired'),
            (['sale', 'no', 'sale_show', None, None, now], None),
            (['sale', 'no', 'sale_show', None, 1000, None, 'new'], None),
            (['sale', 'nobody-opened-it', 'sale_show', None], 'sale_unknown'),
            (['sale', 'no', 'sale_close', {'sale': 'x' * 70000}], 'souk_too_large'),
        ]
        for (request, name), answer in zip(cases, self.client.ask(*[request for request, _ in cases])):
            self.assertEqual((answer[0], answer[1]), (REFUSED if name else DONE, name), request)
            self.assertEqual(answer[2] is None, name is None)

    def test_quantities(self):
        self.open_sale('quantities')
        for units in (-1, 2 ** 32, 2 ** 64 - 1, 1.5, '1', None, [1], True):
            place = ['order', ['bob', 'o1'], 'order_place', ['bob', 'o1', 'quantities', units, 2]]
            self.assertEqual(self.client.ask(place)[0][:2], [REFUSED, 'souk_malformed'], units)
        for units in (0, 2 ** 32 - 1):
            place = ['order', ['bob', f'o{units}'], 'order_place', ['bob', f'o{units}', 'quantities', units, 2]]
            self.assertEqual(self.client.ask(place)[0][0], REFUSED, units)

    def test_bad_frames(self):
        for frame in (b'', b'\xc1', b'\x92\x01', b'\xdd\x10\0\0\0', b'\xdf\xff\xff\xff\xff', b'\x91' * 17 + b'\xc0',
                      msgpack.packb([2, []]), msgpack.packb({'a': 1}), msgpack.packb([1, []]), msgpack.packb([1, [[]]]),
                      msgpack.packb([1, [[-1, 'sale', 'x', 'sale_show', None]]]),
                      msgpack.packb([1, [[1, 'sale', 'x', 'sale_show', None]]]) + b'\0',
                      msgpack.packb([1, [None] * 5000])):
            answer = self.client.raw(frame)
            self.assertEqual(answer[:2], [None, REFUSED], frame[:40])
            self.assertIn(answer[2], ('souk_malformed', 'souk_version', 'souk_too_large'))
        whole = msgpack.packb([1, [[3, 'sale', 'x', 'sale_show', {}]]])
        for cut in range(len(whole)):
            self.assertEqual(self.client.raw(whole[:cut])[2], 'souk_malformed')
        self.assertEqual(self.client.raw(whole)[0], 3)
        self.client.socket.send_multipart([b'', whole])
        self.assertEqual(self.client.answers(1)[0][2], 'souk_malformed')

    def test_too_large_a_frame_ends_only_its_connection(self):
        other = Client(self.endpoint)
        other.socket.send(bytes(2 << 20))
        self.assertEqual(self.client.ask(['sale', 'x', 'sale_show', None])[0][1], 'sale_unknown')
        other.close()


if __name__ == '__main__':
    unittest.main()
