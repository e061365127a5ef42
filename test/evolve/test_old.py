# SPDX-License-Identifier: Apache-2.0
"""Data directories of an older day (old_make.py) run through the program of today: every answer is the one of then, what
was under way comes to its end, trade goes on, and the checker is content with all of it."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'souk'))
from serving import BUILT, PROGRAM, WHY_NOT, Client, Program, until  # noqa: E402
from test_feed import Feed  # noqa: E402

ARCHIVES = sorted(name for name in os.listdir(HERE) if name.startswith('old-') and name.endswith('.tar.xz'))


class Past:
    """One of an archive's directories, and what was told there."""

    def __init__(self, archive, name):
        self.folder = tempfile.mkdtemp(prefix='souk-old-')
        with tarfile.open(os.path.join(HERE, archive)) as file:
            file.extractall(self.folder, [m for m in file.getmembers() if m.name.split('/')[0] == name])
        self.programs, self.bought = [], 0
        self.data, self.ledger, self.acks = (self.path(name, part) for part in ('data', 'ledger', 'acks'))
        with open(self.path(name, 'told.json'), encoding='utf-8') as file:
            self.told = json.load(file)
        with open(self.path('key'), 'w', encoding='utf-8') as file:
            file.write('sk_test_1\n')

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def start(self, name, *words):
        self.programs.append(Program(self.folder, name, *words))
        return self.programs[-1]

    def serve(self):
        """Today's program on it, with a provider that has never heard of it."""
        provider = self.start('provider', 'provider', '--http', '127.0.0.1:0', '--ledger', self.ledger, '--seed', '7')
        return self.start('node', 'serve', '--data', self.data, '--http', '127.0.0.1:0', '--workers', '1',
                          '--provider', f'http://{provider.http}', '--provider-key-file', self.path('key'))

    def check(self):
        done = subprocess.run([PROGRAM, 'check', self.data, '--provider-ledger', self.ledger, '--acks', self.acks,
                               '--json'], capture_output=True, text=True, check=False)
        return json.loads(done.stdout) if done.stdout else done.stderr

    def ack(self, order, customer, key, status):
        with open(self.acks, 'a', encoding='utf-8') as file:
            file.write(json.dumps({'order': order, 'customer': customer, 'key': key, 'status': status}) + '\n')

    def close(self):
        for program in self.programs:
            program.stop(signal.SIGKILL)
        shutil.rmtree(self.folder)


@unittest.skipUnless(BUILT, WHY_NOT)
class Old(unittest.TestCase):
    """Each archive's two directories."""

    def past(self, archive, name):
        past = Past(archive, name)
        self.addCleanup(past.close)
        return past

    def same_answers(self, past, node, client):
        """What was settled then is told as then."""
        settled = {o: t for o, t in past.told['orders'].items() if t['says']['state'] in ('paid', 'cancelled')}
        self.assertGreater(len(settled), 8)
        for order, then in settled.items():
            self.assertEqual(client.get(f'/v1/orders/{order}').json, then['says'])
        for sale in ('old', 'scarce'):
            self.assertEqual(client.sale(sale), past.told['sales'][sale])
        for customer, then in past.told['accounts'].items():
            self.assertEqual(client.get(f'/v1/accounts/{customer}').json, then)
        for sale, then in past.told['feeds'].items():
            feed = Feed(node.http, sale, '0.0')
            self.assertEqual(feed.take(len(then)), [tuple(event) for event in then])
            feed.close()

    def same_keys(self, past, client):
        """Who repeats a request of then gets the answer of then."""
        for order, then in past.told['orders'].items():
            how = then['how']
            if then['says']['state'] == 'paid':
                again = client.order(how['sale'], how['customer'], how['key'], how['units'], how['token'])
                self.assertEqual((again.status, again.json['order']), (201, order), again)
            elif how['customer'].endswith('-bad'):
                again = client.order(how['sale'], how['customer'], how['key'], how['units'], how['token'])
                self.assertEqual((again.status, again.problem), (402, 'payment-declined'))

    def end_of_waiting(self, past, client):
        """What was under way then comes to an end now: paid, or given up and its units free again."""
        waiting = [o for o, then in past.told['orders'].items() if then['says']['state'] == 'reserved']
        self.assertEqual(len(waiting), 3)
        self.assertTrue(until(lambda: all(client.get(f'/v1/orders/{o}').json['state'] in ('paid', 'cancelled')
                                          for o in waiting), 20))
        paid = sum(client.get(f'/v1/orders/{o}').json['state'] == 'paid' for o in waiting)
        self.assertTrue(until(lambda: client.sale('later')['held'] == 0))
        sale, then = client.sale('later'), past.told['sales']['later']
        sold = then['sold'] + 2 * paid + past.bought
        self.assertEqual((sale['sold'], sale['free']), (sold, sale['units'] - sold))

    def trade_on(self, past, client, name):
        """On the sales of then."""
        for how, token in (('card', 'tok_visa'), ('rich', None)):
            customer = f'{name}-{how}'
            self.assertEqual(client.credit(customer).status, 201)
            bought = client.order('later', customer, 'k', token=token)
            self.assertEqual((bought.status, bought.json['state']), (201, 'paid'), bought)
            past.ack(bought.json['order'], customer, 'k', 201)
            past.bought += 1
        self.assertEqual(client.order('scarce', name, 'k').problem, 'sold-out')

    def captured(self, past):
        """Whether the provider has all that is to be captured."""
        with open(past.ledger, encoding='utf-8') as file:
            effects = [json.loads(line)['op'] for line in file]
        return effects.count('authorise') == effects.count('capture') + effects.count('cancel')

    def run_through(self, archive, name):
        past = self.past(archive, name)
        said, then = past.check(), past.told['check']
        self.assertIsInstance(said, dict, said)
        self.assertEqual({key: said.get(key) for key in then}, then)
        for life, end in (('now', signal.SIGKILL), ('again', signal.SIGTERM)):
            node = past.serve()
            client = Client(node.http)
            self.same_answers(past, node, client)
            self.same_keys(past, client)
            self.end_of_waiting(past, client)
            self.trade_on(past, client, life)
            self.assertTrue(until(lambda: self.captured(past)))
            client.close()
            node.stop(end)
            said = past.check()
            self.assertIsInstance(said, dict, said)
            self.assertEqual((said['violations'], said['reviews'], said['findings']), (0, 0, []))
        self.assertIn(said['paid'] - then['paid'] - 4, range(4))

    def test_closed_in_order(self):
        for archive in ARCHIVES:
            with self.subTest(archive=archive):
                self.run_through(archive, 'closed')

    def test_killed(self):
        for archive in ARCHIVES:
            with self.subTest(archive=archive):
                self.run_through(archive, 'killed')

    def test_there_are_archives(self):
        self.assertTrue(ARCHIVES)


if __name__ == '__main__':
    unittest.main()
