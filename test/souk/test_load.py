# SPDX-License-Identifier: Apache-2.0
"""The load generator against a stand-in for a node that misbehaves on purpose: what buyers do, and what is noted."""
import collections
import http.server
import json
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
import unittest

SOUK = os.environ.get('SOUK_BIN', 'souk')


class Shop:
    """What the stand-in knows, and how it behaves."""

    def __init__(self, busy=0.0, broken=0.0, slow=0.0, decline=0.0, hold_s=0.2):
        self.busy, self.broken, self.slow, self.decline, self.hold_s = busy, broken, slow, decline, hold_s
        self.lock, self.chance = threading.Lock(), random.Random(7)
        self.sales, self.orders, self.credit = {}, {}, collections.Counter()
        self.repeats = self.opened = 0

    def hit(self, share):
        """Whether something of that probability happens now."""
        with self.lock:
            return self.chance.random() < share

    def settle(self, order, paid):
        """Ends an order that holds units."""
        with self.lock:
            sale = self.sales[order['sale']]
            sale['held'] -= order['units']
            sale['sold' if paid else 'free'] += order['units']
            order['state'] = 'paid' if paid else 'cancelled'


def handler_of(shop):
    """A request handler for a shop."""

    class Handler(http.server.BaseHTTPRequestHandler):
        """Speaks as much of the API as buyers need."""
        protocol_version = 'HTTP/1.1'

        def log_message(self, *_):
            """Says nothing."""

        def answer(self, status, body, **headers):
            """One answer in JSON."""
            data = json.dumps(body, separators=(',', ':')).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace('_', '-'), value)
            self.send_header('Content-Length', str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def problem(self, status, name, **headers):
            """One refusal."""
            self.answer(status, {'type': 'urn:souk:problem:' + name, 'status': status}, **headers)

        def body(self):
            """The request's JSON."""
            return json.loads(self.rfile.read(int(self.headers.get('Content-Length', 0))))

        def do_PUT(self):
            """Opens a sale."""
            body, name = self.body(), self.path.split('/')[3]
            with shop.lock:
                shop.opened += 1
                shop.sales[name] = {'sale': name, 'units': body['units'], 'free': body['units'], 'held': 0, 'sold': 0,
                                    'state': 'open'}
            self.answer(201, shop.sales[name])

        def do_GET(self):
            """A sale or an order."""
            _, _, what, name = self.path.split('/')
            with shop.lock:
                found = dict((shop.sales if what == 'sales' else shop.orders)[name])
            self.answer(200, found)

        def do_POST(self):
            """Credit, or an order."""
            body, parts = self.body(), self.path.split('/')
            if parts[2] == 'accounts':
                with shop.lock:
                    shop.credit[parts[3]] += 1
                self.answer(201, {'customer': parts[3]})
                return
            if shop.hit(shop.busy):
                self.problem(503, 'overloaded', Retry_After='0')
                return
            order, is_new = self.place(body, parts[3])
            if order and shop.hit(shop.broken):  # It has happened, but nobody is told.
                self.close_connection = True
                self.connection.shutdown(2)
                return
            if not order:
                self.problem(409, 'sold-out')
            elif order['state'] == 'paid':
                self.answer(201, order)
            elif order['state'] == 'cancelled':
                self.problem(402, 'payment-declined')
            else:
                self.answer(202, order, Location='/v1/orders/' + order['order'])
            del is_new

        def place(self, body, sale_name):
            """The order of a request, and whether it is new; None when sold out."""
            name = body['customer'] + '+' + self.headers['Idempotency-Key']
            with shop.lock:
                if name in shop.orders:
                    shop.repeats += 1
                    return dict(shop.orders[name]), False
                sale = shop.sales[sale_name]
                if sale['free'] < body['units']:
                    return None, False
                sale['free'] -= body['units']
                sale['held'] += body['units']
                order = shop.orders[name] = {'order': name, 'state': 'reserved', 'sale': sale_name,
                                             'units': body['units'], 'customer': body['customer']}
                slow, paid = shop.chance.random() < shop.slow, shop.chance.random() >= shop.decline
            if slow:
                threading.Timer(shop.hold_s, shop.settle, (order, paid)).start()
            else:
                shop.settle(order, paid)
            return dict(order), True

    return Handler


class Server(http.server.ThreadingHTTPServer):
    """Takes many connections at once."""
    request_queue_size, daemon_threads = 256, True

    def handle_error(self, request, client_address):
        """A client that leaves is none of our business."""


class Load(unittest.TestCase):
    """One behaviour a test."""

    def serve(self, **how):
        """A shop that serves until the test ends."""
        shop = Shop(**how)
        server = Server(('127.0.0.1', 0), handler_of(shop))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        shop.address = f'127.0.0.1:{server.server_port}'
        return shop

    def load(self, shop, *options, status=0):
        """Runs a load to its end; its JSON and its acks."""
        with tempfile.TemporaryDirectory() as folder:
            acks = os.path.join(folder, 'acks')
            done = subprocess.run([SOUK, 'load', '--http', shop.address, '--json', '--connections', '16', '--acks', acks,
                                   *options], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, status, done.stderr)
            with open(acks, encoding='utf-8') as file:
                lines = [json.loads(line) for line in file]
        return json.loads(done.stdout.splitlines()[-1]), lines

    def test_everybody_is_served_while_stocks_last(self):
        shop = self.serve()
        said, acks = self.load(shop, '--units', '60', '--buyers', '200')
        self.assertEqual((said['buyers'], said['sold'], said['sold_out'], said['errors']), (200, 60, 140, 0))
        self.assertEqual(collections.Counter(ack['status'] for ack in acks), {201: 60, 409: 140})
        self.assertEqual(len({ack['key'] for ack in acks}), 200)
        self.assertEqual(len({ack['customer'] for ack in acks}), 200)
        for ack in acks:
            if ack['status'] == 201:
                self.assertEqual(shop.orders[ack['order']]['customer'], ack['customer'])

    def test_a_buyer_repeats_under_the_same_key(self):
        shop = self.serve(busy=0.2, broken=0.2)
        said, acks = self.load(shop, '--units', '500', '--buyers', '300')
        self.assertEqual((said['sold'], said['errors'], len(shop.orders), len(acks)), (300, 0, 300, 300))
        self.assertGreater(said['overloaded'], 0)
        self.assertGreater(said['broken'], 0)
        self.assertGreater(shop.repeats, 0)

    def test_who_is_told_sold_out_comes_back_until_nothing_is_held(self):
        shop = self.serve(slow=1, decline=0.5)
        said, _ = self.load(shop, '--units', '20', '--buyers', '150')
        self.assertEqual(said['sold'], 20)
        self.assertGreater(said['declined'], 0)
        self.assertGreater(said['pending'], 0)
        self.assertGreater(said['came_back'], 0)
        self.assertEqual(said['sold'] + said['declined'] + said['sold_out'], 150)

    def test_an_open_loop_counts_from_when_a_buyer_meant_to_ask(self):
        shop = self.serve()
        said, _ = self.load(shop, '--units', '500', '--buyers', '100', '--rate', '200')
        self.assertGreater(said['seconds'], 0.45)
        self.assertEqual(said['sold'], 100)

    def test_skus_and_units(self):
        shop = self.serve()
        said, _ = self.load(shop, '--units', '40', '--skus', '5', '--skew', '1', '--units-per-order', '2', '--buyers',
                            '60')
        self.assertEqual(shop.opened, 5)
        self.assertEqual(said['sold'], sum(sale['sold'] for sale in shop.sales.values()))
        sold = [shop.sales[name]['sold'] for name in sorted(shop.sales)]
        self.assertGreater(sold[0], sold[4])

    def test_credit_comes_first_and_once(self):
        shop = self.serve()
        said, _ = self.load(shop, '--units', '500', '--buyers', '100', '--customers', '10', '--payment', 'credit')
        self.assertEqual((said['sold'], len(shop.credit), set(shop.credit.values())), (100, 10, {1}))

    def test_a_term_signal_leaves_whole_acks(self):
        shop = self.serve()
        with tempfile.TemporaryDirectory() as folder:
            acks = os.path.join(folder, 'acks')
            with subprocess.Popen([SOUK, 'load', '--http', shop.address, '--seconds', '60', '--units', '1000000',
                                   '--connections', '4', '--acks', acks], stdout=subprocess.DEVNULL) as child:
                time.sleep(0.7)
                child.send_signal(signal.SIGTERM)
                self.assertEqual(child.wait(20), 130)
            with open(acks, encoding='utf-8') as file:
                lines = [json.loads(line) for line in file]
            self.assertGreater(len(lines), 0)

    def test_bad_options(self):
        for options in (['--rate', 'x'], ['--buyers', '0'], ['--http', 'nowhere'], ['--payment', 'gold'], ['--what'],
                        ['--sale', 'a', '--skus', '2'], ['--zmq', 'ipc://x']):
            done = subprocess.run([SOUK, 'load', *options], capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(done.returncode, 64, options)
            self.assertIn('souk load:', done.stderr)

    def test_nobody_there(self):
        done = subprocess.run([SOUK, 'load', '--http', '127.0.0.1:1', '--patience', '1'], capture_output=True, text=True,
                              timeout=30, check=False)
        self.assertEqual(done.returncode, 69)


if __name__ == '__main__':
    unittest.main()
