# SPDX-License-Identifier: Apache-2.0
"""Orders paid by card at a simulated provider: answers that come later, holds that end, webhooks."""
import hashlib
import hmac
import json
import socket
import struct
import time
import unittest

from serving import BUILT, WHY_NOT, Stage, until


@unittest.skipUnless(BUILT, WHY_NOT)
class QuickProvider(unittest.TestCase):
    """A provider without faults."""

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(faults='')

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def setUp(self):
        self.client = self.stage.client()
        self.addCleanup(self.client.close)

    def hook(self, event, secret=Stage.SECRET, at=None):
        body = json.dumps(event).encode()
        at = int(time.time()) if at is None else at
        digest = hmac.new(secret.encode(), f'{at}.'.encode() + body, hashlib.sha256).hexdigest()
        return self.client.ask('POST', '/v1/webhooks/payment', body, stripe_signature=f't={at},v1={digest}')

    def test_paid_and_declined(self):
        self.client.open_sale('cards')
        paid = self.client.order('cards', 'ann', 'k', token='tok_visa')
        self.assertEqual((paid.status, paid.json['state']), (201, 'paid'), paid)
        self.assertEqual(paid.json['payment'], {'method': 'card'})
        self.assertEqual(self.client.order('cards', 'ann', 'k', token='tok_visa').body, paid.body)
        self.assertEqual(self.client.order('cards', 'ann', 'k', token='tok_other').problem, 'key-reused')
        declined = self.client.order('cards', 'bob', 'k', token='tok_declined')
        self.assertEqual((declined.status, declined.problem), (402, 'payment-declined'))
        self.assertEqual(self.client.order('cards', 'bob', 'k', token='tok_declined').body, declined.body)
        action = self.client.order('cards', 'eve', 'k', token='tok_requires_action')
        self.assertEqual(action.problem, 'payment-declined')
        self.assertEqual([self.client.sale('cards')[name] for name in ('free', 'held', 'sold')], [9, 0, 1])

    def test_webhooks(self):
        event = {'id': 'evt_1', 'object': 'event', 'type': 'payment_intent.succeeded', 'data': {'object': {
            'id': 'pi_1', 'object': 'payment_intent', 'status': 'succeeded', 'amount': 5, 'amount_received': 5,
            'currency': 'eur', 'metadata': {'order': 'a' * 32}}}}
        self.assertEqual(self.hook(event).status, 200)  # Of an order that we don't know: taken, so that it ends there.
        self.assertEqual(self.hook({'id': 'evt_2', 'object': 'event', 'type': 'customer.created',
                                    'data': {'object': {'id': 'cus_1', 'object': 'customer'}}}).status, 200)
        self.assertEqual(self.hook(event, secret='another').problem, 'bad-request')
        self.assertEqual(self.hook(event, at=int(time.time()) - 3600).problem, 'bad-request')
        self.assertEqual(self.client.ask('POST', '/v1/webhooks/payment', event).problem, 'bad-request')
        self.assertEqual(self.client.get('/v1/webhooks/payment').headers['allow'], 'POST')


@unittest.skipUnless(BUILT, WHY_NOT)
class SlowProvider(unittest.TestCase):
    """A provider that takes its time, so that holds can be seen."""

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(faults='slow=700', hooks=False)

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def setUp(self):
        self.client = self.stage.client()
        self.addCleanup(self.client.close)

    def test_later(self):
        self.client.open_sale('later')
        first = self.client.order('later', 'ann', 'k', token='tok_visa', prefer='wait=0')
        self.assertEqual((first.status, first.json['state'] in ('placed', 'reserved')), (202, True), first)
        where = first.headers['location']
        self.assertEqual(where, f'/v1/orders/{first.json["order"]}')
        self.assertEqual(first.headers['preference-applied'], 'wait=0')
        self.assertTrue(until(lambda: self.client.get(where).json['state'] == 'reserved'))
        self.assertEqual(self.client.get(where).json['total'], {'amount': 1999, 'currency': 'EUR'})
        self.assertEqual(self.client.sale('later')['held'], 1)
        began = time.monotonic()
        second = self.client.order('later', 'ann', 'k', token='tok_visa', prefer='wait=20')  # It waits likewise.
        self.assertEqual((second.status, second.json['state']), (201, 'paid'), second)
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(self.client.order('later', 'ann', 'k', token='tok_visa').body, second.body)
        self.assertEqual(self.client.get(where).json['state'], 'paid')

    def test_units_come_back(self):
        self.client.open_sale('back', 1)
        self.client.credit('good')
        held = self.client.order('back', 'bad', 'k', token='tok_declined', prefer='wait=0')
        self.assertEqual(held.status, 202)
        self.assertTrue(until(lambda: self.client.sale('back')['state'] == 'sold_out'))
        self.assertEqual(self.client.order('back', 'good', 'k').problem, 'sold-out')
        self.assertEqual(self.client.order('back', 'good', 'k').problem, 'sold-out')
        self.assertTrue(until(lambda: self.client.sale('back')['state'] == 'open'))
        self.assertEqual(self.client.order('back', 'good', 'k').status, 201)  # Sold-out didn't use up its key.
        self.assertEqual(self.client.order('back', 'bad', 'k', token='tok_declined').problem, 'payment-declined')

    def test_clients_that_leave(self):
        self.client.open_sale('left')
        host, port = self.stage.node.http.split(':')
        for number in range(5):
            with socket.create_connection((host, int(port))) as left:
                payment = {'method': 'card', 'token': 'tok'}
                body = json.dumps({'customer': f'left-{number}', 'units': 1, 'payment': payment}).encode()
                left.sendall(b'POST /v1/sales/left/orders HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\n'
                             + f'Prefer: wait=30\r\nContent-Length: {len(body)}\r\n\r\n'.encode() + body)
                self.assertTrue(until(lambda n=number: self.client.sale('left')['free'] == 9 - n))
                left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.assertTrue(until(lambda: self.count('souk_api_clients_gone_total') == 5))
        self.assertTrue(until(lambda: self.count('souk_api_requests_in_flight') == 1))
        self.assertTrue(until(lambda: self.client.sale('left')['sold'] == 5))  # They are sold all the same.
        self.assertEqual(self.client.order('left', 'left-0', 'k', token='tok').status, 201)

    def count(self, name):
        for line in self.client.get('/metrics').body.decode().splitlines():
            if line.startswith(name + ' '):
                return float(line.split()[1])
        return None

    def test_no_webhooks_without_a_secret(self):
        self.assertEqual(self.client.ask('POST', '/v1/webhooks/payment', {}).problem, 'not-found')


if __name__ == '__main__':
    unittest.main()
