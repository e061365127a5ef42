# SPDX-License-Identifier: Apache-2.0
"""The shop's and the buyers' routes of a real node, paid by store credit: what they answer, and what bad input gets."""
import concurrent.futures
import json
import socket
import unittest

from serving import BUILT, WHY_NOT, Client, Stage

ORDER = {'customer': 'ann', 'units': 1, 'payment': {'method': 'credit'}}
SALE = {'sku': 'pot', 'units': 5, 'price': {'amount': 1999, 'currency': 'EUR'}}


@unittest.skipUnless(BUILT, WHY_NOT)
class Api(unittest.TestCase):
    """One node with two workers for all tests; each has sales and customers of its own."""

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage('--workers', '2')

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def setUp(self):
        self.client = self.stage.client()
        self.addCleanup(self.client.close)

    def refused(self, answer, status, problem, **members):
        self.assertEqual((answer.status, answer.problem), (status, problem), answer)
        for name, value in members.items():
            self.assertEqual(answer.json.get(name), value, answer)

    # ---- Sales. ----

    def test_a_sale_is_opened_once(self):
        first = self.client.open_sale('once', 5, limit_per_customer=2)
        self.assertEqual(first.status, 201)
        self.assertEqual({name: first.json[name] for name in ('sale', 'sku', 'state', 'units', 'free', 'held', 'sold')},
                         {'sale': 'once', 'sku': 'sku', 'state': 'open', 'units': 5, 'free': 5, 'held': 0, 'sold': 0})
        self.assertEqual(first.json['price'], {'amount': 1999, 'currency': 'EUR'})
        self.assertEqual((first.json['limit_per_customer'], first.json['hold_ms']), (2, 120000))
        self.assertEqual(self.client.open_sale('once', 5, limit_per_customer=2).status, 200)
        self.assertEqual(self.client.ask('PUT', '/v1/sales/once', b' { "limit_per_customer":2,"units":5, "price":'
                                         b'{"currency":"EUR","amount":1999},"sku":"sku"}').status, 200)
        self.refused(self.client.open_sale('once', 6, limit_per_customer=2), 409, 'conflict')
        self.refused(self.client.open_sale('once', 5), 409, 'conflict')
        self.assertEqual(self.client.get('/v1/sales/once').body, first.body)

    def test_a_sale_that_is_announced(self):
        opens = '2999-11-27T10:00:00+01:00'
        self.assertEqual(self.client.open_sale('soon', 5, opens_at=opens).json['state'], 'announced')
        self.assertEqual(self.client.open_sale('soon', 5, opens_at='2999-11-27T09:00:00Z').status, 200)
        early = self.client.order('soon', 'soon-ann', 'k')
        self.refused(early, 409, 'not-open', opens_at='2999-11-27T09:00:00.000Z')
        self.assertEqual(self.client.order('soon', 'soon-ann', 'k').body, early.body)

    def test_a_sale_is_closed(self):
        self.client.open_sale('shut')
        self.client.credit('shut-ann')
        self.assertEqual(self.client.order('shut', 'shut-ann', 'before').status, 201)
        closed = self.client.ask('POST', '/v1/sales/shut/close')
        self.assertEqual((closed.status, closed.json['state']), (200, 'closed'))
        self.assertEqual(self.client.ask('POST', '/v1/sales/shut/close').status, 200)
        after = self.client.order('shut', 'shut-ann', 'after')
        self.refused(after, 409, 'not-open', opens_at=closed.json['opens_at'])
        self.assertEqual(self.client.order('shut', 'shut-ann', 'before').status, 201)
        self.refused(self.client.ask('POST', '/v1/sales/never-was/close'), 404, 'not-found')

    # ---- Orders. ----

    def test_an_order_is_answered_the_same_for_ever(self):
        self.client.open_sale('same')
        self.client.credit('same-ann', 5000)
        first = self.client.order('same', 'same-ann', 'k', units=2)
        self.assertEqual(first.status, 201)
        told = first.json
        self.assertEqual([told[name] for name in ('state', 'sale', 'customer', 'units')],
                         ['paid', 'same', 'same-ann', 2])
        self.assertEqual(told['total'], {'amount': 3998, 'currency': 'EUR'})
        shuffled = b'{"payment" : {"method":"credit"} ,\n "units":2,"customer":"same-ann"}'
        again = self.client.ask('POST', '/v1/sales/same/orders', shuffled, idempotency_key='k')
        self.assertEqual((again.status, again.body), (201, first.body))
        self.assertEqual(self.client.sale('same')['sold'], 2)
        shown = self.client.get(f'/v1/orders/{told["order"]}')
        self.assertEqual((shown.status, shown.json['state']), (200, 'paid'))
        self.assertEqual([step['event'] for step in shown.json['history']],
                         ['placed', 'reserved', 'authorised', 'confirmed', 'paid'])
        poor = self.client.order('same', 'same-ann', 'k2')
        self.refused(poor, 402, 'insufficient-credit')
        self.client.credit('same-ann', 5000, key='more')
        self.assertEqual(self.client.order('same', 'same-ann', 'k2').body, poor.body)
        self.assertEqual(self.client.order('same', 'same-ann', 'k3').status, 201)

    def test_a_key_stands_for_one_order(self):
        for sale in ('reuse', 'reuse-other'):
            self.client.open_sale(sale)
        self.client.credit('reuse-ann')
        self.client.credit('reuse-bob')
        self.assertEqual(self.client.order('reuse', 'reuse-ann', 'k').status, 201)
        for sale in ('reuse-other', 'reuse-never-was'):
            self.refused(self.client.order(sale, 'reuse-ann', 'k'), 422, 'key-reused')
        self.refused(self.client.order('reuse', 'reuse-ann', 'k', units=2), 422, 'key-reused')
        self.refused(self.client.order('reuse', 'reuse-ann', 'k', token='tok'), 422, 'key-reused')
        self.assertEqual(self.client.order('reuse', 'reuse-bob', 'k').status, 201)  # Scoped by customer.
        self.assertEqual(self.client.order('reuse', 'reuse-ann', 'k').status, 201)

    def test_the_limit(self):
        self.client.open_sale('few', limit_per_customer=2)
        self.client.credit('few-ann')
        self.assertEqual(self.client.order('few', 'few-ann', 'a', units=2).status, 201)
        over = self.client.order('few', 'few-ann', 'b')
        self.refused(over, 409, 'limit')
        self.assertEqual(self.client.order('few', 'few-ann', 'b').body, over.body)

    def test_sold_out(self):
        self.client.open_sale('gone', 2)
        self.client.credit('gone-ann')
        bought = self.client.order('gone', 'gone-ann', 'a', units=1)
        self.refused(self.client.order('gone', 'gone-ann', 'b', units=2), 409, 'sold-out')
        self.assertEqual(self.client.sale('gone')['state'], 'open')
        self.assertEqual(self.client.order('gone', 'gone-ann', 'c').status, 201)  # Not too few for everybody.
        self.assertEqual(self.client.sale('gone')['state'], 'sold_out')
        for attempt in range(3):
            self.refused(self.client.order('gone', f'gone-{attempt}', 'k'), 409, 'sold-out', sale='gone')
        self.refused(self.client.order('gone', 'gone-ann', 'b', units=2), 409, 'sold-out')
        self.assertEqual(self.client.order('gone', 'gone-ann', 'a').body, bought.body)  # Remembered all the same.
        self.refused(self.client.order('gone', 'gone-ann', 'a', units=2), 422, 'key-reused')
        self.refused(self.client.order('gone', 'gone-ann', 'b', units=1), 422, 'key-reused')

    def test_losing_buyers_leave_no_trace(self):
        self.client.open_sale('rush', 1)
        self.client.credit('rush-ann')
        self.assertEqual(self.client.order('rush', 'rush-ann', 'a').status, 201)
        self.refused(self.client.order('rush', 'rush-0', 'k'), 409, 'sold-out')
        before = self.metric('souk_journal_position')
        for number in range(1, 50):
            self.refused(self.client.order('rush', f'rush-{number}', 'k'), 409, 'sold-out')
        self.assertEqual(self.metric('souk_journal_position'), before)

    def metric(self, name):
        for line in self.client.get('/metrics').body.decode().splitlines():
            if line.startswith(name + ' '):
                return float(line.split()[1])
        self.fail(f'no metric {name}')

    def test_one_key_in_parallel(self):
        self.client.open_sale('at-once', 50)
        self.client.credit('at-once-ann')

        def order(_):
            client = self.stage.client()
            try:
                return client.order('at-once', 'at-once-ann', 'k').body
            finally:
                client.close()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            bodies = set(pool.map(order, range(64)))
        self.assertEqual(len(bodies), 1)
        self.assertEqual(self.client.sale('at-once')['sold'], 1)

    def test_every_unit_is_sold_once(self):
        self.client.open_sale('race', 20)

        def buy(number):
            client = self.stage.client()
            try:
                client.credit(f'race-{number}')
                return client.order('race', f'race-{number}', 'k').status
            finally:
                client.close()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            told = list(pool.map(buy, range(60)))
        self.assertEqual((told.count(201), told.count(409)), (20, 40))
        sale = self.client.sale('race')
        self.assertEqual((sale['state'], sale['free'], sale['held'], sale['sold']), ('sold_out', 0, 0, 20))

    def test_no_provider_no_cards(self):
        self.client.open_sale('cash')
        self.refused(self.client.order('cash', 'cash-ann', 'k', token='tok'), 422, 'invalid-field',
                     field='payment.method')

    def test_wait_of_nothing(self):
        self.client.open_sale('hasty')
        self.client.credit('hasty-ann')
        answer = self.client.order('hasty', 'hasty-ann', 'k', prefer='respond-async, wait=0')
        self.assertIn(answer.status, (201, 202))
        self.assertEqual(answer.headers['location'], f'/v1/orders/{answer.json["order"]}')
        if answer.status == 202:
            self.assertEqual(answer.headers['preference-applied'], 'wait=0')
        self.assertEqual(self.client.order('hasty', 'hasty-ann', 'k', prefer='wait=999999999999').status, 201)

    # ---- Accounts. ----

    def test_credit_is_given_once(self):
        first = self.client.credit('acc-ann', 500, 'k')
        self.assertEqual(first.status, 201)
        self.assertEqual(first.json['balance'], {'amount': 500, 'currency': 'EUR'})
        self.assertEqual(self.client.credit('acc-ann', 700, 'k2').json['balance']['amount'], 1200)
        self.assertEqual(self.client.credit('acc-ann', 500, 'k').body, first.body)
        self.refused(self.client.credit('acc-ann', 501, 'k'), 422, 'key-reused')
        self.refused(self.client.credit('acc-ann', 500, 'k', 'USD'), 422, 'key-reused')
        self.client.credit('acc-ann', 3, 'k3', 'JPY')
        shown = self.client.get('/v1/accounts/acc-ann').json
        self.assertEqual(shown['balances'], [{'amount': 1200, 'currency': 'EUR'}, {'amount': 3, 'currency': 'JPY'}])
        self.assertEqual(len(shown['postings']), 3)
        self.assertEqual(shown['postings'][0]['posting'], first.json['posting'])
        self.refused(self.client.get('/v1/accounts/nobody'), 404, 'not-found')

    # ---- Bad input. ----

    def test_paths_and_methods(self):
        for path in ('/', '/v1', '/v1/sales', '/v1/sales/', '/v1/sales/x/', '/v1/sales/x/y', '/v1/orders/123',
                     '/v1/orders/' + 'A' * 32, '/v1/orders/' + '0' * 32, '/v1/orders/' + 'a' * 32, '/v1/sales/nowhere',
                     '/v2/sales/x', '//livez', '/livez/'):
            self.refused(self.client.get(path), 404, 'not-found')
        for method, path, allowed in (('DELETE', '/v1/sales/x', {'GET', 'HEAD', 'PUT'}),
                                      ('GET', '/v1/sales/x/orders', {'POST'}),
                                      ('POST', '/metrics', {'GET', 'HEAD'}),
                                      ('PUT', '/v1/accounts/x', {'GET', 'HEAD'})):
            answer = self.client.ask(method, path)
            self.refused(answer, 405, 'method')
            self.assertEqual(set(answer.headers['allow'].split(', ')), allowed)
        self.assertEqual(self.client.ask('PATCH', '/v1/sales/x').status, 405)
        self.client.close()
        self.assertEqual(self.client.ask('HEAD', '/livez').body, b'')
        self.assertEqual(self.client.get('/readyz').status, 200)

    def test_ids(self):
        self.assertEqual(self.client.open_sale('A.z_0:%40-').status, 201)
        self.assertEqual(self.client.get('/v1/sales/A.z_0%3a@-').json['sale'], 'A.z_0:@-')
        self.assertEqual(self.client.open_sale('x' * 64).status, 201)
        for bad in ('x' * 65, '%00', 'a%2fb', 'a%20b', '%e4', 'a!b', '%zz', '%4', 'x' * 5000):
            self.refused(self.client.open_sale(bad), 422, 'invalid-field', field='sale')
            self.refused(self.client.order(bad, 'ann', 'k'), 422, 'invalid-field', field='sale')
            self.refused(self.client.credit(bad), 422, 'invalid-field', field='customer')
            self.refused(self.client.get(f'/v1/accounts/{bad}'), 422, 'invalid-field', field='customer')
        for bad in ('', 'x' * 65, 'a b', 'ä', 'a/b', 'a\u0000'):
            answer = self.client.ask('POST', '/v1/sales/ids/orders', dict(ORDER, customer=bad), idempotency_key='k')
            self.refused(answer, 422, 'invalid-field', field='customer')

    def test_json(self):
        for body in (b'', b'{', b'[]', b'1', b'null', b'{"sku":"a","sku":"a"}', b'{"a":' * 30 + b'1' + b'}' * 30,
                     b'\xff\xfe', b'{"sku":"\xff"}', b'{} x', json.dumps(SALE).encode()[:-1], b'{"units":5,}'):
            answer = self.client.ask('PUT', '/v1/sales/json', body)
            self.assertEqual((answer.status, answer.problem), (400, 'bad-request'), (body, answer))
        self.refused(self.client.get('/v1/sales/json'), 404, 'not-found')

    def test_fields_of_a_sale(self):
        bad = {'units': (-1, 0, 2**31, 1.5, '1', True, None, 10**30, [1]), 'sku': ('', 'a b', 'x' * 65, 1, None),
               'limit_per_customer': (-1, 2**31, 1.5, '1'), 'hold_ms': (-1, 0, 10**12, '1'),
               'opens_at': ('', 'soon', '2026-11-27', '2026-02-30T00:00:00Z', '2026-11-27T09:00:00', 5,
                            '1969-12-31T23:59:59Z'),
               'other': (1,)}
        for field, values in bad.items():
            for value in values:
                answer = self.client.ask('PUT', '/v1/sales/fields', dict(SALE, **{field: value}))
                self.assertEqual((answer.status, answer.problem), (422, 'invalid-field'), (field, value, answer))
                self.assertEqual(answer.json['field'], field, (field, value, answer))
        for amount, currency, field in ((-1, 'EUR', 'amount'), (0, 'EUR', 'amount'), (1.5, 'EUR', 'amount'),
                                        (10**13, 'EUR', 'amount'), (1, 'eur', 'currency'), (1, 'XXQ', 'currency'),
                                        (1, 'EURO', 'currency'), (1, 7, 'currency')):
            price = {'amount': amount, 'currency': currency}
            answer = self.client.ask('PUT', '/v1/sales/fields', dict(SALE, price=price))
            self.refused(answer, 422, 'invalid-field', field='price.' + field)
        huge = dict(SALE, units=10**9, price={'amount': 10**12, 'currency': 'EUR'})  # Their product doesn't fit.
        self.refused(self.client.ask('PUT', '/v1/sales/fields', huge), 422, 'invalid-field', field='price.amount')
        for missing in SALE:
            fields = {name: value for name, value in SALE.items() if name != missing}
            self.refused(self.client.ask('PUT', '/v1/sales/fields', fields), 422, 'invalid-field')
        self.refused(self.client.get('/v1/sales/fields'), 404, 'not-found')

    def test_fields_of_an_order(self):
        self.client.open_sale('ordered')
        path, before = '/v1/sales/ordered/orders', self.metric('souk_journal_position')
        for units in (-1, 0, 2**31, 1.5, '1', None, 10**6 + 1, 10**40):
            answer = self.client.ask('POST', path, dict(ORDER, units=units), idempotency_key='k')
            self.refused(answer, 422, 'invalid-field', field='units')
        for payment, field in (({'method': 'cash'}, 'payment.method'), ({'method': 'card'}, 'payment.token'),
                               ({'method': 'credit', 'token': 'x'}, 'payment.token'), ({}, 'payment.method'),
                               ({'method': 'card', 'token': ''}, 'payment.token'),
                               ({'method': 'card', 'token': 'a b'}, 'payment.token'),
                               ({'method': 'card', 'token': 'x' * 256}, 'payment.token'),
                               ({'method': 'credit', 'cvc': '1'}, 'payment.cvc')):
            answer = self.client.ask('POST', path, dict(ORDER, payment=payment), idempotency_key='k')
            self.refused(answer, 422, 'invalid-field', field=field)
        self.refused(self.client.ask('POST', path, ORDER), 400, 'key-missing')
        for key in ('', 'x' * 65, 'a b', 'ä'.encode().decode('latin-1')):
            self.refused(self.client.ask('POST', path, ORDER, idempotency_key=key), 400, 'key-missing')
        amount = {'amount': {'amount': 1, 'currency': 'EUR'}}
        self.refused(self.client.ask('POST', '/v1/accounts/ann/credit', amount), 400, 'key-missing')
        self.refused(self.client.order('never-was', 'late-ann', 'k'), 404, 'not-found')
        self.assertEqual(self.metric('souk_journal_position'), before)
        self.assertEqual(self.client.open_sale('never-was').status, 201)  # The 404 isn't remembered.
        self.client.credit('late-ann')
        self.assertEqual(self.client.order('never-was', 'late-ann', 'k').status, 201)

    def test_amounts_of_credit(self):
        for amount in (-1, 0, 1.5, '1', 10**13, 2**63):
            self.refused(self.client.credit('amount', amount), 422, 'invalid-field', field='amount.amount')

    def test_sizes(self):
        self.refused(self.client.ask('PUT', '/v1/sales/size', b' ' * (64 * 1024 + 1)), 413, 'too-large')
        self.client.close()
        self.refused(self.client.get('/livez', x='y' * 20000), 431, 'headers-too-large')
        self.client.close()
        self.assertEqual(self.client.get('/livez').status, 200)

    def test_a_client_that_leaves(self):
        self.client.open_sale('leave')
        host, port = self.stage.node.http.split(':')
        for _ in range(20):
            with socket.create_connection((host, int(port))) as left:
                body = json.dumps(ORDER).encode()
                left.sendall(b'POST /v1/sales/leave/orders HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\n'
                             + f'Content-Length: {len(body)}\r\n\r\n'.encode() + body)
                left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\x01\0\0\0\0\0\0\0')
        self.assertEqual(self.client.get('/livez').status, 200)

    def test_malformed_http(self):
        host, port = self.stage.node.http.split(':')
        for request in (b'GARBAGE\r\n\r\n', b'GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n',
                        b'GET /livez HTTP/9.9\r\n\r\n',
                        b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'):
            with socket.create_connection((host, int(port)), 10) as raw:
                raw.sendall(request)
                self.assertRegex(raw.recv(4096), rb'^HTTP/1\.1 4\d\d ')


if __name__ == '__main__':
    unittest.main()
