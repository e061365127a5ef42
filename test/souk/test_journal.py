# SPDX-License-Identifier: Apache-2.0
"""souk journal: cat, verify, stats and state of a small sale by card and credit, of a running node and of its directory
when it is at rest, where the same must be said. test_journal.c has the journals that no node would write."""
import collections
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import unittest

from serving import BUILT, PROGRAM, WHY_NOT, Client, Stage, until

HEX = re.compile(r'[0-9a-f]{32}')
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z')
# What stands in a line behind its common beginning, by what it tells and its class.
FIELDS = {
    ('batch', None): 'worker bytes link', ('turn', None): 'kind key cause', ('event', None): 'kind key event body',
    ('opened', None): 'kind key number reply due_ms due', ('closed', None): 'kind key number',
    ('send', 'command'): 'kind key class message body', ('send', 'ask'): 'kind key class message asker body',
    ('send', 'alarm'): 'kind key class message due_ms due body', ('send', 'outcome'): 'kind key class number ending body',
    ('send', 'call'): 'kind key class number port call reply due_ms due operation body',
}


def journal(*words):
    return subprocess.run([PROGRAM, 'journal', *map(str, words)], capture_output=True, timeout=60, check=False,
                          text=True)


def lines_of(done):
    assert (done.returncode, done.stderr) == (0, ''), done
    return [json.loads(line) for line in done.stdout.splitlines()]


def durable(client):
    """The journal's last durable position."""
    return int(re.search(rb'\nsouk_journal_durable_position (\d+)', client.get('/metrics').body).group(1))


def flip(folder, at):
    """Turns a bit, that many bytes beyond a text which is found in a file of the folder."""
    for file in sorted(os.listdir(folder)):
        with open(os.path.join(folder, file), 'r+b') as opened:
            found = opened.read().find(b'spring')
            if found < 0:
                continue
            opened.seek(found + at)
            byte = opened.read(1)
            opened.seek(found + at)
            opened.write(bytes([byte[0] ^ 1]))
            return
    raise AssertionError(f'nothing in {folder}')


def sell(client):
    """Ten units on sale: some bought by credit, some by card; one card is declined, one order is too large."""
    client.open_sale('spring')
    client.credit('ann')
    for number, units in enumerate((2, 1, 3)):
        assert client.order('spring', 'ann', f'credit {number}'.replace(' ', '-'), units=units).status == 201
    assert client.order('spring', 'bob', 'card', units=2, token='tok_visa').status == 201
    assert client.order('spring', 'eve', 'declined', units=1, token='tok_declined').status == 402
    assert client.order('spring', 'dan', 'too-much', units=9, token='tok_visa').status == 409
    ends = []

    def at_rest():  # What the provider's webhooks still bring is over when nothing has come for a while.
        ends.append(durable(client))
        return len(ends) > 20 and ends[-20] == ends[-1]

    assert until(at_rest)
    return ends[-1]


@unittest.skipUnless(BUILT, WHY_NOT)
class AtRest(unittest.TestCase):
    """A node is asked, and then its directory is read."""

    WORDS = (['cat'], ['cat', '--kind', 'stock', '--events-only'], ['stats', '--json'], ['stats'], ['verify'],
             ['state', 'stock', 'spring,sku', '--json'], ['state', 'stock', 'spring,sku'],
             ['state', 'order', 'ann,credit-1', '--at', '6'])

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage('--workers', '2', faults='')
        client = cls.stage.client()
        cls.end = sell(client)
        cls.asked = [journal(*words, '--address', cls.stage.node.http) for words in cls.WORDS]
        cls.found = [journal(*words, '--data', cls.stage.data) for words in cls.WORDS]  # Finds the node by itself.
        cls.shown = client.get('/admin/actor/stock/spring,sku').json['state']
        client.close()
        cls.stage.node.stop()
        cls.data = cls.stage.data
        cls.kept = cls.copy('kept')  # Never opened, so that all is still in LevelDB's logs.
        cls.lines = lines_of(journal('cat', cls.data, '--to', cls.end))

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    @classmethod
    def copy(cls, name):
        to = os.path.join(cls.stage.directory, name)
        return shutil.copytree(cls.stage.data, to, ignore=shutil.ignore_patterns('reserve', 'souk.*'))

    def state(self, kind, key, *words):
        return lines_of(journal('state', kind, key, self.data, '--json', *words))[0]

    # ---- Asked and read. ----

    def test_a_node_says_the_same(self):
        for words, asked, found in zip(self.WORDS, self.asked, self.found):
            to = ['--to', self.end] if words[0] == 'cat' else ['--at', self.end] if words[0] == 'state' else []
            to = [] if '--at' in words else to
            read = journal(*words, '--data', self.data, *to)
            self.assertEqual((read.returncode, read.stderr), (0, ''), words)
            self.assertEqual((found.returncode, found.stderr, found.stdout), (0, '', asked.stdout), words)
            if words[0] == 'verify':  # The end of the node has written snapshots.
                self.assertRegex(read.stdout, r'^sound: \d+ groups, \d+ batches, .* a checkpoint at position \d+\n$')
                self.assertEqual(read.stdout.split(';')[0], asked.stdout.split(';')[0])
            else:
                self.assertEqual(read.stdout, asked.stdout, words)
            self.assertEqual((asked.returncode, asked.stderr), (0, ''), words)

    # ---- cat. ----

    def test_lines_are_as_documented(self):
        seen, events, position = set(), 0, 0
        for line in self.lines:
            names = list(line)
            what = (line['what'], line.get('class'))
            begins = ['position', 'what'] + (['ordinal'] if 'ordinal' in line else []) + ['ms', 'time']
            rest = FIELDS[what].split()
            if line.get('refusal'):
                rest.insert(rest.index('ending') + 1, 'refusal')
            self.assertEqual(names, begins + rest)
            self.assertEqual('ordinal' in line, what[0] in ('event', 'send'))
            seen.add(what)
            self.assertRegex(line['time'], TIME)
            self.assertRegex(line.get('key', line.get('link', '')), HEX)
            if line['position'] != position:
                self.assertEqual((line['position'], line['what']), (position + 1, 'batch'))
                position, events = line['position'], 0
            if line['what'] == 'event':
                self.assertEqual(line['ordinal'], events)
                self.assertIsInstance(line['body'], dict)
                events += 1
        self.assertEqual(position, self.end)
        self.assertLessEqual({('batch', None), ('turn', None), ('event', None), ('opened', None), ('closed', None),
                              ('send', 'alarm'), ('send', 'call')}, seen)
        call = next(line for line in self.lines if line.get('class') == 'call')
        self.assertEqual((call['kind'], call['port'], call['operation']), ('payment', 'payment', 'provider_authorise'))
        self.assertEqual(call['body'], {'order': call['key'], 'amount': 3998, 'currency': 'EUR', 'token': 'tok_visa'})
        caused = [line for line in self.lines if line['what'] == 'turn' and line['cause']]
        sent = {(line['position'], line['ordinal']) for line in self.lines if line['what'] == 'send'}
        self.assertLessEqual({(turn['cause']['position'], turn['cause']['ordinal']) for turn in caused}, sent)

    def test_filters(self):
        lines = self.lines
        cat = lambda *words: lines_of(journal('cat', self.data, '--to', self.end, *words))
        by_kind = [line for line in lines if line.get('kind') == 'payment']
        self.assertEqual(cat('--kind', 'payment'), by_kind)
        self.assertEqual(cat('--kind', 5), by_kind)
        key = by_kind[0]['key']
        self.assertEqual(cat('--key', key), [line for line in lines if line.get('key') == key])
        mine = [line for line in by_kind if line['key'] == key]
        self.assertEqual(cat('--kind', 'payment', '--key', key), mine)
        self.assertEqual(cat('--kind', 'payment', '--key', 'ann,credit-0'), mine)
        self.assertEqual(cat('--events-only'), [line for line in lines if line['what'] == 'event'])
        self.assertEqual(cat('--from', 3, '--to', 4), [line for line in lines if line['position'] in (3, 4)])
        self.assertEqual(cat('--limit', 7), lines[:7])
        self.assertEqual(cat('--limit', 0), [])
        self.assertEqual(cat('--from', self.end + 1), [])
        times = sorted({line['ms'] for line in lines})
        since, until_ms = times[len(times) // 3], times[2 * len(times) // 3]
        between = [line for line in lines if since <= line['ms'] < until_ms]
        self.assertTrue(between)
        self.assertEqual(cat('--since', since, '--until', until_ms), between)
        written = {line['ms']: line['time'] for line in lines}
        self.assertEqual(cat('--since', written[since], '--until', written[until_ms]), between)
        self.assertEqual(cat('--kind', 77), [])

    def test_who_closes_the_pipe_has_seen_enough(self):
        for where in ([self.data], ['--data', self.data, '--kind', 'order']):
            with subprocess.Popen([PROGRAM, 'journal', 'cat', *where], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE) as cat:
                cat.stdout.close()
                self.assertEqual((cat.stderr.read(), cat.wait(20)), (b'', -signal.SIGPIPE))
        with open('/dev/full', 'wb') as device:
            full = subprocess.run([PROGRAM, 'journal', 'cat', self.data], stdout=device, stderr=subprocess.PIPE,
                                  timeout=30, check=False)
        self.assertEqual(full.returncode, 74)
        self.assertIn(b'No space left', full.stderr)

    def test_closed_standard_files(self):
        """What is printed must not go into a file of the data directory that took the place of standard output."""
        data = self.copy('closed')
        for command in ('journal cat', 74), ('journal verify', 74), ('check', 74):
            for closed, status in ('>&-', command[1]), ('>&- 2>&- <&-', command[1]), ('2>&- <&- >/dev/null', 0):
                done = subprocess.run(['sh', '-c', f'exec "{PROGRAM}" {command[0]} "{data}" {closed}'], timeout=30,
                                      capture_output=True, check=False)
                self.assertEqual(done.returncode, status, (command, closed, done))
        with open(os.path.join(data, 'lock'), encoding='ascii') as lock:
            self.assertRegex(lock.read(), r'^\d+\n?$')
        self.assertEqual(journal('verify', data).returncode, 0)

    # ---- state. ----

    def stock_by_position(self):
        """Free, held and sold units after each position, from the events alone."""
        free = held = sold = 0
        holds, after = {}, {}
        for line in self.lines:
            body = line.get('body')
            if line['what'] == 'event' and line['kind'] == 'stock':
                event = line['event']
                if event == 'stock_opened':
                    free += body['units']
                elif event == 'stock_reserved':
                    holds[body['reservation']] = body['units']
                    free, held = free - body['units'], held + body['units']
                elif event == 'stock_confirmed':
                    units = holds.pop(body['reservation'])
                    held, sold = held - units, sold + units
                elif event == 'stock_released' and body['reservation'] in holds:
                    units = holds.pop(body['reservation'])
                    held, free = held - units, free + units
            after[line['position']] = (free, held, sold)
        return after

    def test_a_stock_at_any_moment(self):
        after = self.stock_by_position()
        self.assertEqual(after[self.end], (2, 0, 8))
        self.assertTrue(any(held for _, held, _ in after.values()))
        places = sorted({1, 2, self.end // 3, self.end // 2, self.end - 1, self.end})
        told = [self.state('stock', 'spring,sku', '--at', at) for at in places]
        for at, stock in zip(places, told):
            state = stock['state']
            self.assertEqual((state['free'], state['held'], state['sold']), after[at], at)
            self.assertEqual((stock['kind'], stock['at']), ('stock', at))
            self.assertLessEqual(stock['position'], at)
        self.assertEqual(told[-1]['state'], self.shown)
        self.assertEqual(self.state('stock', told[0]['key'])['state'], self.shown)
        proof = subprocess.run([PROGRAM, 'check', self.data, '--json'], capture_output=True, timeout=30, check=True)
        self.assertEqual(json.loads(proof.stdout)['units_sold'], told[-1]['state']['sold'])
        alarms = [line for line in self.lines if line.get('message') == 'stock_expire']
        consumed = {(line['cause']['position'], line['cause']['ordinal']) for line in self.lines
                    if line['what'] == 'turn' and line['cause']}
        left = [(line['position'], line['ordinal']) for line in alarms
                if (line['position'], line['ordinal']) not in consumed]
        self.assertEqual([(one['position'], one['ordinal']) for one in told[-1]['waiting']], left)

    def test_what_was_outstanding(self):
        opened = next(line for line in self.lines if line['what'] == 'opened' and line['kind'] == 'payment')
        before = self.state('payment', opened['key'], '--at', opened['position'])
        self.assertEqual([(ask['number'], ask['reply']) for ask in before['asks']], [(opened['number'], opened['reply'])])
        self.assertEqual(before['asks'][0]['due'], opened['due'])
        self.assertEqual(self.state('payment', opened['key'])['asks'], [])
        text = journal('state', 'payment', opened['key'], '--at', opened['position'], self.data).stdout
        self.assertIn(f'\nopen: ask {opened["number"]}, for {opened["reply"]}, until {opened["due"]}\n', text)
        self.assertIn('\n  "currency":"EUR"\n', text)

    def test_who_was_not_there(self):
        first = next(line for line in self.lines if line.get('kind') == 'order')
        gone = journal('state', 'order', first['key'], self.data, '--at', first['position'] - 1)
        self.assertEqual((gone.returncode, gone.stdout), (1, ''))
        self.assertIn('has done nothing up to position', gone.stderr)
        late = journal('state', 'order', first['key'], self.data, '--at', self.end + 1000)
        self.assertEqual(late.returncode, 64)
        self.assertIn('the journal ends at position', late.stderr)

    # ---- stats. ----

    def test_stats_count_what_cat_shows(self):
        stats = lines_of(self.asked[2])[0]
        shown = collections.Counter(line['what'] for line in self.lines)
        for step in 'turn', 'event', 'send', 'opened', 'closed':
            self.assertEqual(stats['steps'][step]['count'], shown[step], step)
        events = collections.Counter(line['event'] for line in self.lines if line['what'] == 'event')
        self.assertEqual({name: tally['count'] for name, tally in stats['events'].items()}, events)
        self.assertEqual(stats['batch_headers'], {'count': shown['batch'], 'bytes': 40 * shown['batch']})
        batches = sum(line['bytes'] for line in self.lines if line['what'] == 'batch')
        self.assertEqual(stats['bytes'], batches + stats['group_headers']['bytes'])
        self.assertEqual(batches, stats['batch_headers']['bytes'] + sum(s['bytes'] for s in stats['steps'].values()))
        self.assertEqual(sum(k['bytes'] for k in stats['kinds'].values()), sum(s['bytes'] for s in stats['steps'].values()))
        self.assertEqual(stats['batch_bytes']['max'], max(line['bytes'] for line in self.lines if line['what'] == 'batch'))
        self.assertEqual(stats['first_ms'], self.lines[0]['ms'])
        text = self.asked[3].stdout
        self.assertRegex(text, rf'(?m)^  stock_reserved +{events["stock_reserved"]} ')
        self.assertRegex(text, r'(?m)^  bytes of a batch +\d+ ')

    # ---- verify. ----

    def damaged(self, name, folder, at):
        """A copy in which one byte is another."""
        data = shutil.copytree(self.kept, os.path.join(self.stage.directory, name))
        flip(os.path.join(data, folder), at)
        return data

    def test_a_flipped_byte_is_found(self):
        for folder in 'journal', 'vault':
            for number, at in enumerate((0, 3, 40, 90)):
                data = self.damaged(f'{folder}-{number}', folder, at)
                done = journal('verify', data)
                self.assertEqual((done.returncode, done.stdout), (65, ''), (folder, at))
                self.assertIn(folder, done.stderr)
                self.assertEqual(journal('verify', data).stderr, done.stderr)  # It changes nothing.
                if folder == 'journal':
                    self.assertEqual(journal('cat', data).returncode, 65)

    def test_a_lost_end_is_found(self):
        data = shutil.copytree(self.kept, os.path.join(self.stage.directory, 'lost'))
        folder = os.path.join(data, 'journal')
        log = max((os.path.join(folder, file) for file in os.listdir(folder) if file.endswith('.log')),
                  key=os.path.getsize)
        os.truncate(log, os.path.getsize(log) - 40)
        done = journal('verify', data)
        self.assertEqual(done.returncode, 65, done)
        self.assertIn(folder, done.stderr)

    # ---- What makes no sense. ----

    def test_arguments(self):
        for words in ((), ('nothing',), ('cat',), ('cat', self.data, '--address', '127.0.0.1:1'), ('cat', 'a', 'b'),
                      ('cat', self.data, '--json'), ('cat', self.data, '--at', '3'), ('verify', self.data, '--kind', 'order'),
                      ('cat', self.data, '--nothing'), ('cat', self.data, '--kind', 'nothing'),
                      ('cat', self.data, '--kind', '0'), ('cat', self.data, '--key', 'ann'),
                      ('cat', self.data, '--kind', 'order', '--key', 'a,b,c,d,e'), ('cat', self.data, '--since', 'noon'),
                      ('cat', self.data, '--from', '-1'), ('cat', self.data, '--to', '0'), ('cat', self.data, '--limit', 'many'),
                      ('cat', self.data, '--follow'), ('state', 'order', self.data), ('state', self.data),
                      ('state', 'nothing', 'ann', self.data), ('state', 'order', 'ann', self.data),
                      ('state', '77', '0' * 31 + '1', self.data), ('stats', '--address', 'here')):
            done = journal(*words)
            self.assertEqual((done.returncode, done.stdout), (64, ''), words)
            self.assertTrue(done.stderr, words)
        for words in ('--help',), ('cat', '--help'), ('state', '-h'):
            done = journal(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            self.assertTrue(done.stdout.startswith('usage: souk journal cat'))
        self.assertEqual(journal('verify', os.path.join(self.stage.directory, 'nowhere')).returncode, 66)
        self.assertEqual(journal('verify', '--address', '127.0.0.1:1').returncode, 69)

    def test_another_process_has_it(self):
        data = self.copy('held')
        with open(os.path.join(data, 'lock'), 'w', encoding='ascii') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for place in None, '127.0.0.1:1':  # Nobody has said where, or one who is gone.
                if place:
                    with open(os.path.join(data, 'souk.http'), 'w', encoding='ascii') as file:
                        file.write(place + '\n')
                done = journal('verify', data)
                self.assertEqual((done.returncode, done.stdout), (75, ''))
                self.assertIn('--address', done.stderr)
        self.assertEqual(journal('verify', data).returncode, 0)


@unittest.skipUnless(BUILT, WHY_NOT)
class Running(unittest.TestCase):
    """A node that goes on meanwhile."""

    def setUp(self):
        self.stage = Stage('--workers', '2')
        self.client = self.stage.client()
        self.client.credit('ann')
        self.client.open_sale('spring', 100)

    def tearDown(self):
        self.client.close()
        self.stage.close()

    def test_follow(self):
        words = ['cat', self.stage.data, '--follow', '--kind', 'stock', '--events-only']
        with subprocess.Popen([PROGRAM, 'journal', *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as cat:
            self.assertEqual(json.loads(cat.stdout.readline())['event'], 'stock_opened')
            for key in 'first', 'second':
                self.client.order('spring', 'ann', key)
                told = [json.loads(cat.stdout.readline()) for _ in range(2)]
                self.assertEqual([line['event'] for line in told], ['stock_reserved', 'stock_confirmed'])
            limited = journal(*words, '--limit', 3)
            self.assertEqual((limited.returncode, len(limited.stdout.splitlines())), (0, 3))
            self.assertEqual(self.stage.node.stop(), 0)
            self.assertEqual(cat.wait(20), 69)
            self.assertIn(b'the node ended before its answer did', cat.stderr.read())
        self.assertFalse(os.path.exists(os.path.join(self.stage.data, 'souk.http')))
        self.assertEqual(journal('verify', self.stage.data).returncode, 0)

    def test_after_a_kill(self):
        self.assertEqual(self.client.order('spring', 'ann', 'paid').status, 201)
        running = journal('cat', '--address', self.stage.node.http)
        self.stage.node.stop(signal.SIGKILL)
        self.assertTrue(os.path.exists(os.path.join(self.stage.data, 'souk.http')))  # Nobody is there, and none is asked.
        self.assertEqual(journal('cat', self.stage.data).stdout, running.stdout)
        sound = journal('verify', self.stage.data)
        self.assertEqual((sound.returncode, sound.stderr), (0, ''))
        self.assertIn('; 0 snapshots\n', sound.stdout)
        order = lines_of(journal('state', 'order', 'ann,paid', self.stage.data, '--json'))[0]
        self.assertEqual((order['state']['customer'], order['state']['units']), ('ann', 1))

    def test_requests(self):
        get = self.client.get
        for path in 'cat?limit=1', 'cat?limit=1&follow=0', 'cat?kind=stock&key=spring%2Csku&limit=1':
            body = Client(self.stage.node.http).get('/admin/journal/' + path).body
            line, end = map(json.loads, body.splitlines())
            self.assertEqual(line['position'], 2 if 'kind' in path else 1)
            self.assertEqual(end, {'end': {'status': 0, 'why': ''}})
        for path in 'cat?nothing=1', 'cat?limit', 'cat?since=noon', 'verify?limit=1', 'state?kind=order', 'cat?' + 'x' * 3000:
            self.assertEqual(get('/admin/journal/' + path).problem, 'bad-request', path)
        self.assertEqual(get('/admin/journal/nothing').problem, 'not-found')
        self.assertEqual(get('/admin/journal/cat', origin='http://shop.example').problem, 'bad-request')
        self.assertEqual(self.client.ask('HEAD', '/admin/journal/cat').status, 404)
        for words, status in ((('cat', '--kind', 'nothing'), 64), (('state', 'order', '0' * 31 + '1'), 1),
                              (('state', 'stock', 'spring,sku', '--at', '9999'), 64)):
            done = journal(*words, '--address', self.stage.node.http)
            self.assertEqual((done.returncode, done.stdout), (status, ''), words)
            self.assertTrue(done.stderr.startswith(f'souk journal {words[0]}: '))

    def test_damage_is_found_in_a_running_node(self):
        self.client.order('spring', 'ann', 'before')
        self.client.close()
        self.stage.node.stop()
        self.stage.node = self.stage.serve()  # What it had in its log is in a table now.
        self.client = self.stage.client()
        self.assertEqual(journal('verify', self.stage.data).returncode, 0)
        flip(os.path.join(self.stage.data, 'journal'), 1)
        done = journal('verify', self.stage.data)
        self.assertEqual((done.returncode, done.stdout), (65, ''))
        self.assertIn('the journal cannot be read beyond position ', done.stderr)
        self.assertIn('is damaged at byte', done.stderr)

    def resident(self):
        with open(f'/proc/{self.stage.node.process.pid}/status', encoding='ascii') as file:
            return int(re.search(r'VmRSS:\s+(\d+) kB', file.read()).group(1))

    def slow_client(self):
        """One that asks for everything and takes nothing."""
        host, port = self.stage.node.http.split(':')
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect((host, int(port)))
        client.sendall(b'GET /admin/journal/cat HTTP/1.1\r\nHost: x\r\n\r\n')
        return client

    def test_slow_clients_hold_up_nobody(self):
        load = subprocess.run([PROGRAM, 'load', '--http', self.stage.node.http, '--buyers', '3000', '--units', '3000',
                               '--payment', 'credit'], capture_output=True, timeout=60, check=False)
        self.assertEqual(load.returncode, 0, load)
        before = self.resident()
        with contextlib.ExitStack() as all_of:
            slow = [all_of.enter_context(self.slow_client()) for _ in range(4)]
            self.assertTrue(until(lambda: journal('cat', self.stage.data, '--limit', 1).returncode == 75))
            for number in range(20):
                self.assertEqual(self.client.order('spring', 'ann', f'k{number}').status, 201)
            self.assertLess(self.resident() - before, 24 << 10)  # What they have asked for is four times as much.
            for client in slow[1:]:
                client.close()
            answer = b''.join(iter(lambda: slow[0].recv(1 << 20), b''))
        lines = answer.split(b'\r\n\r\n', 1)[1].splitlines()
        self.assertGreater(len(answer), 8 << 20)  # More than the kernel keeps for a client.
        self.assertEqual(json.loads(lines[-1]), {'end': {'status': 0, 'why': ''}})
        end = json.loads(lines[-2])['position']
        whole = journal('cat', self.stage.data, '--to', end)
        self.assertEqual((whole.returncode, whole.stdout.encode().splitlines()), (0, lines[:-1]))
        self.assertEqual(journal('verify', self.stage.data).returncode, 0)


if __name__ == '__main__':
    unittest.main()
