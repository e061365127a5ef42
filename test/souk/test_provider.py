#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The simulated payment provider, as a process: its API, its idempotency, its ledger, its faults, its webhooks."""
import hashlib
import hmac
import http.client
import http.server
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

ROOT = os.environ.get('SOUK_ROOT') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOUK = os.environ.get('SOUK_BIN') or os.path.join(ROOT, 'build', 'release', 'souk')


class Provider:
    """A provider process in a folder of its own; ends with the `with`."""

    def __init__(self, *options):
        self.options = options

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.ledger_path = os.path.join(self.folder.name, 'ledger')
        ready = os.path.join(self.folder.name, 'ready')
        self.process = subprocess.Popen([SOUK, 'provider', '--http', '127.0.0.1:0', '--ready-file', ready,
                                         '--ledger', self.ledger_path, *self.options])
        end = time.monotonic() + 10
        while not os.path.exists(ready):
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError('the provider did not become ready')
            time.sleep(0.01)
        with open(ready, encoding='ascii') as file:
            self.host, port = json.load(file)['http'].rsplit(':', 1)
        self.port = int(port)
        return self

    def __exit__(self, *_):
        self.status = None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.status = self.process.wait(10)
        self.folder.cleanup()

    def ask(self, method, path, form=None, key=None, timeout=10, authorised=True):
        """One request on a connection of its own: status, JSON, headers."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        headers = {'Authorization': 'Bearer sk_test'} if authorised else {}
        if key is not None:
            headers['Idempotency-Key'] = key
        body = None if form is None else urllib.parse.urlencode(form)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), answer.headers
        finally:
            connection.close()

    def authorise(self, key, amount=1000, token='tok_visa', order='a1', **more):
        form = {'amount': amount, 'currency': 'eur', 'payment_method': token, 'confirm': 'true',
                'capture_method': 'manual', 'metadata[order]': order, **more}
        return self.ask('POST', '/v1/payment_intents', form, key)

    def ledger(self):
        with open(self.ledger_path, encoding='utf-8') as file:
            return [json.loads(line) for line in file]


class Api(unittest.TestCase):
    """What it answers when nothing is to break."""

    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()
        cls.provider.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.provider.__exit__()
        assert cls.provider.status == 0, cls.provider.status

    def test_a_payment_is_authorised_captured_and_refunded_in_parts(self):
        p = self.provider
        status, intent, _ = p.authorise('life-1', 1000, order='life', **{'expand[]': 'latest_charge'})
        self.assertEqual((status, intent['status'], intent['amount']), (200, 'requires_capture', 1000))
        self.assertEqual(intent['latest_charge']['amount_refunded'], 0)
        self.assertEqual(intent['metadata'], {'order': 'life'})
        path = '/v1/payment_intents/' + intent['id']
        status, error, _ = p.ask('POST', path + '/capture', {'amount_to_capture': 1001}, 'life-2')
        self.assertEqual((status, error['error']['code']), (400, 'amount_too_large'))
        status, captured, _ = p.ask('POST', path + '/capture', {'amount_to_capture': 900}, 'life-3')
        self.assertEqual((status, captured['status'], captured['amount_received']), (200, 'succeeded', 900))
        self.assertEqual(p.ask('POST', path + '/cancel', {}, 'life-4')[1]['error']['code'],
                         'payment_intent_unexpected_state')
        status, refund, _ = p.ask('POST', '/v1/refunds', {'payment_intent': intent['id'], 'amount': 300}, 'life-5')
        self.assertEqual((status, refund['amount'], refund['payment_intent']), (200, 300, intent['id']))
        status, refund, _ = p.ask('POST', '/v1/refunds', {'payment_intent': intent['id'],
                                                          'expand[0]': 'payment_intent.latest_charge'}, 'life-6')
        self.assertEqual((status, refund['amount']), (200, 600))
        self.assertEqual(refund['payment_intent']['latest_charge']['amount_refunded'], 900)
        self.assertEqual(p.ask('POST', '/v1/refunds', {'payment_intent': intent['id']}, 'life-7')[0], 400)
        status, seen, _ = p.ask('GET', path + '?expand[0]=latest_charge')
        self.assertEqual((status, seen['latest_charge']['amount_refunded']), (200, 900))
        lines = [line for line in p.ledger() if line['order'] == 'life']
        self.assertEqual([(line['op'], line['amount'], line['key']) for line in lines],
                         [('authorise', 1000, 'life-1'), ('capture', 900, 'life-3'), ('refund', 300, 'life-5'),
                          ('refund', 600, 'life-6')])
        self.assertTrue(all(line['intent'] == intent['id'] and line['currency'] == 'EUR' for line in lines))
        self.assertEqual(set(lines[0]), {'intent', 'key', 'op', 'amount', 'currency', 'order', 'at'})
        self.assertLess(abs(lines[0]['at'] / 1000 - time.time()), 60)

    def test_an_authorisation_is_cancelled_once(self):
        p = self.provider
        intent = p.authorise('void-1', order='void')[1]
        path = '/v1/payment_intents/' + intent['id']
        self.assertEqual(p.ask('POST', path + '/cancel', {}, 'void-2')[1]['status'], 'canceled')
        self.assertEqual(p.ask('POST', path + '/cancel', {}, 'void-3')[0], 400)
        self.assertEqual(p.ask('POST', path + '/capture', {}, 'void-4')[0], 400)
        self.assertEqual([line['op'] for line in p.ledger() if line['order'] == 'void'], ['authorise', 'cancel'])

    def test_tokens_do_as_they_say(self):
        p = self.provider
        for token, code in (('tok_declined', 'generic_decline'), ('tok_insufficient_funds', 'insufficient_funds')):
            status, error, _ = p.authorise('token-' + token, token=token, order=token)
            self.assertEqual((status, error['error']['code'], error['error']['decline_code']),
                             (402, 'card_declined', code))
            self.assertEqual(error['error']['payment_intent']['status'], 'requires_payment_method')
            self.assertEqual([line['op'] for line in p.ledger() if line['order'] == token], ['decline'])
        status, intent, _ = p.authorise('token-act', token='tok_requires_action', order='act')
        self.assertEqual((status, intent['status']), (200, 'requires_action'))
        self.assertEqual([line for line in p.ledger() if line['order'] == 'act'], [])

    def test_a_key_gets_its_answer_again(self):
        p = self.provider
        first = p.authorise('again-1', order='again')
        second = p.authorise('again-1', order='again')
        self.assertEqual((first[0], first[1]), (second[0], second[1]))
        self.assertEqual(second[2]['Idempotent-Replayed'], 'true')
        p.ask('POST', f"/v1/payment_intents/{first[1]['id']}/capture", {}, 'again-2')
        self.assertEqual(p.authorise('again-1', order='again')[1], first[1])
        self.assertEqual(len([line for line in p.ledger() if line['order'] == 'again']), 2)
        status, error, _ = p.authorise('again-1', 999, order='again')
        self.assertEqual((status, error['error']['type']), (400, 'idempotency_error'))
        declined = p.authorise('again-3', token='tok_declined', order='again')
        self.assertEqual(p.authorise('again-3', token='tok_declined', order='again')[:2], declined[:2])

    def test_what_failed_validation_does_not_use_up_its_key(self):
        p = self.provider
        self.assertEqual(p.authorise('valid-1', 0)[0], 400)
        self.assertEqual(p.authorise('valid-1', 5)[0], 200)

    def test_intents_are_found_by_order(self):
        p = self.provider
        ids = [p.authorise(f'find-{i}', order='find')[1]['id'] for i in range(3)]
        query = urllib.parse.quote("metadata['order']:'find'")
        status, found, headers = p.ask('GET', '/v1/payment_intents/search?query=' + query)
        self.assertEqual((status, [i['id'] for i in found['data']]), (200, ids[::-1]))
        self.assertEqual(headers['Souk-Search'], 'immediate')
        query = urllib.parse.quote("metadata['order']:'nobody'")
        self.assertEqual(p.ask('GET', '/v1/payment_intents/search?query=' + query)[1]['data'], [])
        self.assertEqual(p.ask('GET', '/v1/payment_intents/search?query=x')[0], 400)
        seen, after = [], ''
        while True:
            page = p.ask('GET', '/v1/payment_intents?limit=2' + after)[1]
            seen += [intent['id'] for intent in page['data']]
            if not page['has_more']:
                break
            after = '&starting_after=' + seen[-1]
        self.assertEqual(len(seen), len(set(seen)))
        self.assertLessEqual(set(ids), set(seen))

    def test_bad_requests_are_refused(self):
        p = self.provider
        self.assertEqual(p.ask('GET', '/v1/payment_intents/pi_none')[0], 404)
        self.assertEqual(p.ask('POST', '/v1/payment_intents/pi_none/capture', {}, 'bad-1')[0], 404)
        self.assertEqual(p.ask('GET', '/v1/nothing')[0], 404)
        self.assertEqual(p.ask('PUT', '/v1/payment_intents', {})[0], 404)
        self.assertEqual(p.ask('GET', '/v1/payment_intents', authorised=False)[0], 401)
        for amount in ('-1', '0', '1.5', '1e3', '', '9999999999999', '0x10', ' 1'):
            self.assertEqual(p.authorise('bad-2', amount)[0], 400, amount)
        self.assertEqual(p.authorise('bad-3', token='t' * 65)[0], 400)
        self.assertEqual(p.authorise('bad-4', order='o' * 65)[0], 400)
        self.assertEqual(p.authorise('bad-5', currency='euro')[0], 400)
        self.assertEqual(p.authorise('bad-6', capture_method='automatic')[0], 400)
        self.assertEqual(p.authorise('k' * 256)[0], 400)
        self.assertEqual(p.authorise('bad-7', **{f'x{i}': i for i in range(40)})[0], 400)


def outcomes(seed, count, faults='decline=0.3'):
    """The HTTP status of each key's authorisation."""
    with Provider('--faults', faults, '--seed', str(seed)) as p:
        return [p.authorise(f'key-{i}')[0] for i in count]


class Faults(unittest.TestCase):
    """How it breaks when it is told to."""

    def test_chance_follows_from_seed_and_key(self):
        first = outcomes(7, range(60))
        self.assertEqual(outcomes(7, reversed(range(60))), first[::-1])
        self.assertNotEqual(outcomes(8, range(60)), first)
        self.assertTrue(5 < first.count(402) < 35, first.count(402))

    def test_an_answer_may_never_come(self):
        with Provider('--faults', 'timeout_after_charge=1,hold=400') as p:
            began = time.monotonic()
            with self.assertRaises((http.client.RemoteDisconnected, ConnectionResetError)):
                p.authorise('k', order='o')
            self.assertGreater(time.monotonic() - began, 0.3)
            self.assertEqual([line['op'] for line in p.ledger()], ['authorise'])
            self.assertEqual(p.authorise('k', order='o')[0], 200)
            self.assertEqual(len(p.ledger()), 1)

    def test_errors_are_kept_for_their_key(self):
        with Provider('--faults', 'error=1') as p:
            self.assertEqual([p.authorise('k')[0] for _ in range(3)], [500] * 3)
            self.assertEqual(p.ledger(), [])
        with Provider('--faults', 'error_after_charge=1') as p:
            self.assertEqual([p.authorise('k', order='o')[0] for _ in range(3)], [500] * 3)
            self.assertEqual([line['op'] for line in p.ledger()], ['authorise'])
            query = urllib.parse.quote("metadata['order']:'o'")
            found = p.ask('GET', '/v1/payment_intents/search?query=' + query)[1]['data']
            self.assertEqual([intent['status'] for intent in found], ['requires_capture'])

    def test_slow_answers_and_a_key_in_use(self):
        with Provider('--faults', 'slow=500') as p:
            answers = []
            first = threading.Thread(target=lambda: answers.append(p.authorise('k')[0]))
            began = time.monotonic()
            first.start()
            time.sleep(0.15)
            status, error, _ = p.authorise('k')
            self.assertEqual((status, error['error']['code']), (409, 'idempotency_key_in_use'))
            first.join()
            self.assertGreater(time.monotonic() - began, 0.45)
            self.assertEqual(answers, [200])
            self.assertEqual(p.authorise('k')[0], 200)

    def test_a_late_authorisation_is_processing_until_it_happens(self):
        with Provider('--faults', 'late=600@1') as p:
            answers = []
            first = threading.Thread(target=lambda: answers.append(p.authorise('k', order='o')[1]))
            first.start()
            time.sleep(0.2)
            query = '/v1/payment_intents/search?query=' + urllib.parse.quote("metadata['order']:'o'")
            found = p.ask('GET', query)[1]['data']
            self.assertEqual([intent['status'] for intent in found], ['processing'])
            self.assertEqual(p.ask('POST', f"/v1/payment_intents/{found[0]['id']}/cancel", {}, 'c')[0], 400)
            self.assertEqual(p.ledger(), [])
            first.join()
            self.assertEqual(answers[0]['status'], 'requires_capture')
            self.assertEqual([line['key'] for line in p.ledger()], ['k'])

    def test_it_is_down_for_a_while(self):
        with Provider('--faults', 'down=0.6@0') as p:
            broken, refused, began = 0, 0, time.monotonic()
            while time.monotonic() - began < 8:
                try:
                    status = p.authorise('k')[0]
                except (http.client.RemoteDisconnected, ConnectionResetError):
                    broken += 1
                    continue
                if status == 200:
                    break
                self.assertEqual(status, 503)
                refused += 1
                time.sleep(0.02)
            self.assertEqual(status, 200)
            self.assertTrue(broken and refused)
            self.assertEqual(len(p.ledger()), 1)

    def test_wrong_options_are_a_usage_error(self):
        for options in (['--faults', 'decline=2'], ['--faults', 'decline'], ['--faults', 'nothing=1'],
                        ['--faults', 'slow=-1'], ['--faults', 'slow=1@2'], ['--faults', 'decline=0.1,'],
                        ['--faults', 'decline=nan'], ['--seed', 'x'], ['--http', 'nowhere'], ['--http', '127.0.0.1:'],
                        ['--http', '127.0.0.1:99999'], ['--webhook', 'http://127.0.0.1:1/x'],
                        ['--webhook', 'https://127.0.0.1:1/x'], ['--unknown'], ['stray']):
            done = subprocess.run([SOUK, 'provider', *options], capture_output=True, timeout=10, check=False)
            self.assertEqual(done.returncode, 64, options)
            self.assertTrue(done.stderr)

    def test_a_taken_port_is_said_so(self):
        with Provider() as p:
            done = subprocess.run([SOUK, 'provider', '--http', f'127.0.0.1:{p.port}'], capture_output=True,
                                  timeout=10, check=False)
            self.assertEqual(done.returncode, 75)


class Webhooks(unittest.TestCase):
    """What it tells whoever listens."""

    def setUp(self):
        self.events, self.to_fail = [], 0
        test = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                test.events.append((self.path, self.headers['Stripe-Signature'], body))
                status = 500 if len(test.events) <= test.to_fail else 200
                self.send_response(status)
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.folder = tempfile.TemporaryDirectory()
        secret = os.path.join(self.folder.name, 'secret')
        with open(secret, 'w', encoding='ascii') as file:
            file.write('whsec_1\n')
        self.options = ['--webhook', f'http://127.0.0.1:{self.server.server_port}/hook?x=1',
                        '--webhook-secret-file', secret]

    def tearDown(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.folder.cleanup()

    def wait(self, count):
        end = time.monotonic() + 10
        while len(self.events) < count and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.1)
        self.assertEqual(len(self.events), count)

    def test_events_are_signed(self):
        with Provider(*self.options) as p:
            intent = p.authorise('k1', order='o')[1]
            p.ask('POST', f"/v1/payment_intents/{intent['id']}/capture", {}, 'k2')
            p.ask('POST', '/v1/refunds', {'payment_intent': intent['id']}, 'k3')
            p.authorise('k4', token='tok_declined')
            self.wait(4)
        kinds = {}
        for path, signature, body in self.events:
            self.assertEqual(path, '/hook?x=1')
            parts = dict(part.split('=') for part in signature.split(','))
            wanted = hmac.new(b'whsec_1', parts['t'].encode() + b'.' + body, hashlib.sha256).hexdigest()
            self.assertEqual(parts['v1'], wanted)
            self.assertLess(abs(int(parts['t']) - time.time()), 60)
            event = json.loads(body)
            kinds[event['type']] = event['data']['object']
        self.assertEqual(set(kinds), {'payment_intent.amount_capturable_updated', 'payment_intent.succeeded',
                                      'charge.refunded', 'payment_intent.payment_failed'})
        self.assertEqual(kinds['charge.refunded']['amount_refunded'], 1000)
        self.assertEqual(kinds['charge.refunded']['payment_intent'], intent['id'])
        self.assertEqual(kinds['payment_intent.succeeded']['metadata'], {'order': 'o'})

    def test_an_event_may_come_twice(self):
        with Provider(*self.options, '--faults', 'twice=1') as p:
            p.authorise('k1')
            self.wait(2)
        self.assertEqual(self.events[0][2], self.events[1][2])

    def test_an_event_that_failed_comes_again(self):
        self.to_fail = 2
        with Provider(*self.options) as p:
            p.authorise('k1')
            self.wait(3)
        self.assertEqual(self.events[0][2], self.events[2][2])


if __name__ == '__main__':
    unittest.main()
