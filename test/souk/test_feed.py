# SPDX-License-Identifier: Apache-2.0
"""GET /v1/sales/{sale}/feed: what happens to a sale, as Server-Sent Events, once it is durable."""
import json
import signal
import socket
import time
import unittest

from serving import BUILT, WHY_NOT, Stage


class Feed:
    """A client of the feed: its head, and one event after the other."""

    def __init__(self, address, sale, last=None):
        host, port = address.rsplit(':', 1)
        self.socket = socket.create_connection((host, int(port)), 20)
        more = f'Last-Event-ID: {last}\r\n' if last is not None else ''
        self.socket.sendall(f'GET /v1/sales/{sale}/feed HTTP/1.1\r\nHost: x\r\n{more}\r\n'.encode())
        self.file = self.socket.makefile('rb')
        self.status = int(self.file.readline().split()[1])
        self.headers = dict(line.split(b': ', 1) for line in iter(self.file.readline, b'\r\n'))

    def close(self):
        self.file.close()
        self.socket.close()

    def next(self):
        """The next event: id, name, data. None at the end of the stream."""
        fields = {}
        for line in iter(self.file.readline, b''):
            line = line.rstrip(b'\n').decode()
            if line.startswith(':'):
                continue
            if line:
                name, value = line.split(': ', 1)
                fields[name] = value
            elif 'data' in fields:
                return fields['id'], fields['event'], json.loads(fields['data'])
            else:
                fields = {}
        return None

    def take(self, count):
        return [self.next() for _ in range(count)]


@unittest.skipUnless(BUILT, WHY_NOT)
class SaleFeed(unittest.TestCase):
    """One node with two workers."""

    def setUp(self):
        self.stage = Stage('--workers', '2')
        self.client = self.stage.client()
        self.client.credit('ann')

    def tearDown(self):
        self.client.close()
        self.stage.close()

    def feed(self, sale, last=None):
        feed = Feed(self.stage.node.http, sale, last)
        self.addCleanup(feed.close)
        return feed

    def test_live(self):
        self.client.open_sale('live', 5)
        self.client.open_sale('other', 5)
        feed = self.feed('live')
        self.assertEqual(feed.status, 200)
        self.assertEqual(feed.headers[b'Content-Type'], b'text/event-stream\r\n')
        self.client.order('other', 'ann', 'o')
        self.client.order('live', 'ann', 'a', units=2)
        self.client.order('live', 'ann', 'b', units=4)
        (first, name, reserved), (second, sold_name, sold), (_, away_name, away) = feed.take(3)
        self.assertEqual((name, reserved['number'], reserved['units']), ('reserved', 1, 2))
        self.assertEqual((sold_name, sold['hold']), ('sold', reserved['hold']))
        self.assertEqual((away_name, away['number'], away['units']), ('turned-away', 2, 4))
        self.assertLess(tuple(map(int, first.split('.'))), tuple(map(int, second.split('.'))))
        again = self.feed('live', first)
        self.assertEqual(again.next()[:2], (second, 'sold'))

    def test_from_the_beginning_and_after_a_crash(self):
        self.client.open_sale('kept', 40)
        for number in range(20):
            self.client.order('kept', 'ann', f'k{number}')
        before = self.feed('kept', '0.0').take(40)
        self.assertEqual([data['number'] for _, name, data in before if name == 'reserved'], list(range(1, 21)))
        self.client.close()
        self.stage.node.stop(signal.SIGKILL)
        self.stage.node = self.stage.serve()
        self.client = self.stage.client()
        self.assertEqual(self.feed('kept', '0.0').take(40), before)
        rest = self.feed('kept', before[29][0])
        self.assertEqual(rest.take(10), before[30:])
        self.client.order('kept', 'ann', 'k20')
        self.assertEqual(rest.next()[2]['number'], 21)

    def test_what_is_refused(self):
        self.assertEqual(self.client.get('/v1/sales/nosuch/feed').problem, 'not-found')
        self.client.open_sale('here', 1)
        for bad in ('', 'x', '1', '1.', '1.2.3', '1.2x', '-1.0', '9' * 60):
            self.assertEqual(self.client.get('/v1/sales/here/feed', last_event_id=bad).problem, 'bad-request', bad)
        self.assertEqual(self.client.ask('POST', '/v1/sales/here/feed').status, 405)
        self.assertEqual(self.client.ask('HEAD', '/v1/sales/here/feed').status, 200)

    def test_clients_that_leave_and_the_end_of_the_node(self):
        self.client.open_sale('ends', 100)
        feeds = [self.feed('ends') for _ in range(20)]
        for feed in feeds[5:]:
            feed.close()
        self.client.order('ends', 'ann', 'e')
        for feed in feeds[:5]:
            self.assertEqual([name for _, name, _ in feed.take(2)], ['reserved', 'sold'])
        end = time.monotonic() + 10
        while b'\nsouk_subscriptions 5\n' not in self.client.get('/metrics').body:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        self.assertEqual(self.stage.node.stop(), 0)
        for feed in feeds[:5]:
            self.assertIsNone(feed.next())
        self.stage.node = self.stage.serve()


if __name__ == '__main__':
    unittest.main()
