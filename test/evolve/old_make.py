# SPDX-License-Identifier: Apache-2.0
"""Makes an old journal: a small sale, seen and kept by the program of the day. For a day on which the format changes.

    SOUK_BIN=build/release/souk python3 test/evolve/old_make.py test/evolve/old-1.tar.xz

The archive has two data directories of one history: `closed` was ended in order, with a checkpoint; `killed` went on
from there and was killed with -9. In both some orders wait for a provider that doesn't answer. Beside each: the
provider's ledger, what buyers were told, the checker's report, and `told.json`, what the program answered.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'souk'))
from serving import PROGRAM, Stage, until  # noqa: E402
from test_feed import Feed  # noqa: E402

SALES = {'old': 8, 'scarce': 2, 'later': 20}
LEFT_OUT = ('reserve', 'lock', 'souk.sock', 'souk.endpoint', 'LOG', 'LOG.old')  # Space, and words about the machine.


class History:
    """The buyers of the old sale, and what they were told."""

    def __init__(self):
        self.stage = Stage('--workers', '1')
        self.ledger = self.stage.write('ledger', '')
        self.key = self.stage.write('key', 'sk_test_1\n')
        self.provider = self.stage.start('provider', 'provider', '--http', '127.0.0.1:0', '--ledger', self.ledger)
        self.words = ('--workers', '1', '--provider', f'http://{self.provider.http}', '--provider-key-file', self.key)
        self.orders, self.acks, self.feeds = {}, [], {}
        self.stage.node.stop()
        self.serve()

    def serve(self):
        self.node = self.stage.start('node', 'serve', '--data', self.stage.data, '--http', '127.0.0.1:0', *self.words)
        self.stage.node = self.node
        self.client = self.stage.client()

    def buy(self, sale, customer, token=None, units=1, key=None, **headers):
        key = key or sale
        answer = self.client.order(sale, customer, key, units, token, **headers)
        order = answer.json.get('order')
        if order:
            self.acks.append({'order': order, 'customer': customer, 'key': key, 'status': answer.status})
            self.orders[order] = {'sale': sale, 'customer': customer, 'key': key, 'units': units, 'token': token}
        return answer

    def trade(self, name, units):
        """Paid by card and by credit, declined, sold out, beyond the limit."""
        self.client.credit(f'{name}-rich')
        for number in range(2):
            assert self.buy('old', f'{name}-card-{number}', 'tok_visa').status == 201
        assert self.buy('old', f'{name}-rich').status == 201
        assert self.buy('old', f'{name}-poor').problem == 'insufficient-credit'
        assert self.buy('old', f'{name}-bad', 'tok_declined').problem == 'payment-declined'
        assert self.buy('old', f'{name}-rich', units=3, key='more').problem == 'limit'
        for number in range(2):
            assert self.buy('scarce', f'{name}-card-{number}', 'tok_visa').status == (201 if units else 409)
        assert self.buy('scarce', f'{name}-rich').problem == 'sold-out'

    def settled(self):
        with open(self.ledger, encoding='utf-8') as file:
            effects = [json.loads(line)['op'] for line in file]
        return effects.count('authorise') == effects.count('capture')

    def pend(self, name):
        """Orders that get no word from the provider: it is gone."""
        for number in range(3):
            answer = self.buy('later', f'{name}-waiting-{number}', 'tok_visa', units=2, prefer='wait=0')
            assert answer.status == 202, answer
        assert until(lambda: all(self.client.get(f'/v1/orders/{o}').json['state'] == 'reserved'
                                 for o, how in self.orders.items() if how['customer'].startswith(f'{name}-waiting')))

    def told(self):
        """What the node says now."""
        said = {'orders': {}, 'sales': {}, 'accounts': {}, 'feeds': {}}
        for order, how in self.orders.items():
            answer = self.client.get(f'/v1/orders/{order}')
            assert answer.status == 200, answer
            said['orders'][order] = {'how': how, 'says': answer.json}
        for sale in SALES:
            said['sales'][sale] = self.client.sale(sale)
            feed = Feed(self.node.http, sale, '0.0')
            feed.socket.settimeout(1)
            said['feeds'][sale] = []
            try:
                while True:
                    said['feeds'][sale].append(feed.next())
            except TimeoutError:
                feed.close()
        for customer in sorted({how['customer'] for how in self.orders.values() if how['token'] is None}):
            said['accounts'][customer] = self.client.get(f'/v1/accounts/{customer}').json
        return said

    def keep(self, into, said):
        """A copy of all that there is now, and the checker's word on it."""
        os.mkdir(into)
        shutil.copytree(self.stage.data, os.path.join(into, 'data'), ignore=lambda _, names: set(names) & set(LEFT_OUT))
        shutil.copy(self.ledger, os.path.join(into, 'ledger'))
        acks = os.path.join(into, 'acks')
        with open(acks, 'w', encoding='utf-8') as file:
            file.writelines(json.dumps(ack) + '\n' for ack in self.acks)
        done = subprocess.run([PROGRAM, 'check', self.stage.data, '--provider-ledger', self.ledger, '--acks', acks,
                               '--json'], capture_output=True, text=True, check=True)
        said['check'] = json.loads(done.stdout)
        assert said['check']['violations'] == 0, said['check']
        with open(os.path.join(into, 'told.json'), 'w', encoding='utf-8') as file:
            json.dump(said, file, indent=1, sort_keys=True)


def main(path):
    history, folder = History(), tempfile.mkdtemp(prefix='souk-old-')
    try:
        for sale, units in SALES.items():
            assert history.client.open_sale(sale, units, limit_per_customer=2, hold_ms=600000).status == 201
        history.trade('first', units=2)
        assert until(history.settled)
        history.provider.stop()
        history.pend('first')
        said = history.told()
        assert history.node.stop() == 0
        history.keep(os.path.join(folder, 'closed'), said)
        port = history.provider.http
        history.provider = history.stage.start('provider', 'provider', '--http', port, '--ledger', history.ledger)
        history.serve()
        history.trade('second', units=0)
        assert until(lambda: history.client.sale('later')['sold'] == 6, 60)
        assert until(history.settled)
        history.provider.stop()
        history.pend('second')
        said = history.told()
        history.node.stop(signal.SIGKILL)
        history.keep(os.path.join(folder, 'killed'), said)
        with tarfile.open(path, 'w:xz') as archive:
            for name in ('closed', 'killed'):
                archive.add(os.path.join(folder, name), name, filter=lambda i: (setattr(i, 'uid', 0), setattr(
                    i, 'gid', 0), setattr(i, 'uname', ''), setattr(i, 'gname', ''), i)[-1])
    finally:
        history.stage.close()
        shutil.rmtree(folder)


if __name__ == '__main__':
    main(sys.argv[1])
