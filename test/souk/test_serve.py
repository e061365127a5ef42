# SPDX-License-Identifier: Apache-2.0
"""`souk serve` as a process: its options and where they come from, its ready file, its signals, how it ends."""
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

from serving import BUILT, PROGRAM, WHY_NOT, Client, Stage, until

USAGE, DATA, UNAVAILABLE, TEMPORARY, CONFIG = 64, 65, 69, 75, 78


def run(*words, **environment):
    """Exit status, output, what it complained of."""
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=30, check=False,
                          env=dict(os.environ, **environment))
    return done.returncode, done.stdout, done.stderr


@unittest.skipUnless(BUILT, WHY_NOT)
class Words(unittest.TestCase):
    """The program before it opens anything."""

    def test_help_and_version(self):
        status, said, _ = run('--version')
        self.assertRegex(said, r'^souk \d+\.\d+\.\d+\n$')
        self.assertEqual(run('version')[:2], (status, said))
        for words in (('--help',), ('help',), ('serve', '--help'), ('help', 'serve'), ('provider', '--help')):
            status, said, complained = run(*words)
            self.assertEqual((status, said[:6], complained), (0, 'usage:', ''), words)
        self.assertIn('--ready-file', run('serve', '--help')[1])

    def test_nonsense(self):
        for words in ((), ('nonsense',), ('serve', '--nonsense'), ('serve', 'nonsense'), ('serve', '--http'),
                      ('serve', '--http', 'here'), ('serve', '--http', ':1'), ('serve', '--http', '127.0.0.1:65536'),
                      ('serve', '--http', '::1:80'), ('serve', '--workers', '-1'), ('serve', '--workers', '65'),
                      ('serve', '--workers', 'many'), ('serve', '--backlog-mib', '0'), ('serve', '--data', ''),
                      ('serve', '--insecure=perhaps'), ('serve', '--provider', 'http://127.0.0.1:1'),
                      ('serve', '--zmq', 'tcp://127.0.0.1:0')):
            status, said, complained = run(*words)
            self.assertEqual((status, said), (USAGE, ''), (words, complained))
            self.assertTrue(complained, words)

    def test_only_this_machine(self):
        for host in ('0.0.0.0', '[::]', '192.0.2.1'):
            status, _, complained = run('serve', '--http', f'{host}:0')
            self.assertEqual(status, USAGE)
            self.assertIn('--insecure', complained)


@unittest.skipUnless(BUILT, WHY_NOT)
class Settings(unittest.TestCase):
    """Flag, then environment, then file, then default."""

    def setUp(self):
        self.stage = Stage()
        self.addCleanup(self.stage.close)
        self.stage.node.stop()

    def serve(self, *words, **environment):
        node = self.stage.start('settings', 'serve', *words, environment=environment)
        self.addCleanup(node.stop)
        return node

    def free(self):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            return f'127.0.0.1:{probe.getsockname()[1]}'

    def test_precedence(self):
        a, b, c = self.free(), self.free(), self.free()
        data = self.stage.data
        file = self.stage.write('souk.yaml', f'# where\nhttp: "{a}"\nworkers: 1\ndata: {data}\ninsecure: false\n')
        node = self.serve('--config', file)
        self.assertEqual(node.http, a)
        node.stop()
        node = self.serve(SOUK_CONFIG=file, SOUK_HTTP=b, SOUK_WORKERS='')
        self.assertEqual(node.http, b)
        node.stop()
        node = self.serve('--http', a, f'--http={c}', '--config', file, SOUK_HTTP=b)
        self.assertEqual(node.http, c)

    def test_files_that_are_wrong(self):
        for text, line, word in (('nonsense: 1\n', 1, 'nonsense'), ('http:\n  host: x\n', 2, 'http'),
                                 ('- http\n', 1, 'option'),
                                 ('workers: 1\nworkers: 1\n', 2, 'workers'), ('\nworkers: many\n', 2, 'workers'),
                                 ('workers: [1]\n', 1, 'workers'), ('workers: 1\n---\nworkers: 1\n', 2, 'document'),
                                 ('http: "\n', 1, 'YAML'), ('config: x\n', 1, 'config'), ('? [a]\n: 1\n', 1, 'key')):
            file = self.stage.write('wrong.yaml', text)
            status, _, complained = run('serve', '--config', file)
            self.assertEqual(status, CONFIG, (text, complained))
            self.assertIn(word, complained)
            self.assertRegex(complained, rf'wrong\.yaml:({line}|{line + 1}): ')
        self.assertEqual(run('serve', '--config', self.stage.data + '/none.yaml')[0], CONFIG)
        status, _, complained = run('serve', SOUK_WORKERS='many')
        self.assertEqual(status, CONFIG)
        self.assertIn('SOUK_WORKERS=many', complained)
        self.assertEqual(self.serve('--http', '127.0.0.1:0', '--data', self.stage.data, '--config',
                                    self.stage.write('empty.yaml', '# nothing\n')).stop(), 0)


@unittest.skipUnless(BUILT, WHY_NOT)
class Serving(unittest.TestCase):
    """One that serves."""

    def setUp(self):
        self.stage = Stage()
        self.addCleanup(self.stage.close)

    def test_ready_file(self):
        self.assertEqual(set(self.stage.node.told), {'http', 'zmq'})
        self.assertRegex(self.stage.node.told['zmq'], '^ipc:///')
        client = self.stage.client()
        self.assertEqual(client.get('/readyz').body, b'ok\n')
        client.close()
        self.assertEqual(self.stage.node.stop(), 0)
        self.assertFalse(os.path.exists(self.stage.node.ready))

    def test_one_process_on_a_directory(self):
        status, _, complained = run('serve', '--data', self.stage.data, '--http', '127.0.0.1:0', '--ready-file',
                                    self.stage.node.ready)
        self.assertEqual(status, TEMPORARY, complained)
        self.assertIn(self.stage.data, complained)
        self.assertTrue(os.path.exists(self.stage.node.ready))  # The first one's, which still serves.
        client = self.stage.client()
        self.assertEqual(client.get('/livez').status, 200)
        client.close()

    def test_an_address_that_is_taken(self):
        status, _, complained = run('serve', '--data', os.path.join(self.stage.directory, 'other'), '--http',
                                    self.stage.node.http)
        self.assertEqual(status, UNAVAILABLE, complained)
        self.assertIn('taken', complained)

    def test_it_remembers(self):
        client = self.stage.client()
        client.open_sale('kept')
        client.credit('ann')
        order = client.order('kept', 'ann', 'k')
        credit = client.credit('ann')
        client.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.stage.node.stop(number)
            self.stage.node = self.stage.serve()
            client = self.stage.client()
            self.assertEqual(client.order('kept', 'ann', 'k').body, order.body)
            self.assertEqual(client.credit('ann').body, credit.body)
            self.assertEqual(client.sale('kept')['sold'], 1)
            client.close()

    def test_another_version_and_damage(self):
        self.assertEqual(self.stage.node.stop(), 0)
        identity = os.path.join(self.stage.data, 'identity')
        with open(identity, 'rb') as file:
            kept = file.read()
        for damaged in (kept[:5], bytes(255 - byte for byte in kept), b''):
            with open(identity, 'wb') as file:
                file.write(damaged)
            status, _, complained = run('serve', '--data', self.stage.data, '--http', '127.0.0.1:0')
            self.assertEqual(status, DATA, complained)

    def test_both_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.assertEqual(self.stage.node.stop(number), 0)
            self.stage.node = self.stage.serve()

    def test_signal_at_once(self):
        for _ in range(5):
            self.stage.node.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.stage.node.stop(), 0)
            self.stage.node = self.stage.serve()


@unittest.skipUnless(BUILT, WHY_NOT)
class Draining(unittest.TestCase):
    """What is under way ends before the process does."""

    def test_requests_in_flight_are_answered(self):
        stage = Stage(faults='slow=800', hooks=False)
        self.addCleanup(stage.close)
        client, idle = stage.client(), stage.client()
        client.open_sale('drain')
        self.assertEqual(idle.get('/livez').status, 200)
        answers = []

        def order():
            other = stage.client()
            answers.append(other.order('drain', 'ann', 'k', token='tok_visa', prefer='wait=9'))
            other.close()
        waiting = threading.Thread(target=order)
        waiting.start()
        self.assertTrue(until(lambda: client.sale('drain')['held'] == 1))
        client.close()
        began = time.monotonic()
        self.assertEqual(stage.node.stop(), 0)
        waiting.join(10)
        self.assertEqual([answer.status for answer in answers], [201], answers)
        self.assertEqual(answers[0].headers['connection'], 'close')
        self.assertLess(time.monotonic() - began, 9)
        idle.close()
        with self.assertRaises(OSError):
            Client(stage.node.http).get('/livez')


if __name__ == '__main__':
    unittest.main()
