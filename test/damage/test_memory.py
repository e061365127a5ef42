# SPDX-License-Identifier: Apache-2.0
"""The n-th time that a node, or a library of it, asks for memory there is none: for each n of a short sale of a real
process. It refuses to start with a sentence, or stops or aborts and says so, or goes on; it never ends otherwise or hangs, and
whatever was acknowledged is there when it is started again.

test/node/test_nth.c does the same for what souk itself takes, in one process and under AddressSanitizer."""
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

from ruin import BUILT, PROGRAM, WHY_NOT, Client, SmallDisk, run

HERE = os.path.dirname(os.path.abspath(__file__))
ORDERS = 4
# What souk, libstdc++, libzmq and libpgm say of it; each in its own words.
LAST_WORDS = re.compile('out of memory|OUT OF MEMORY|bad_alloc|Fatal: |Assertion .*failed|unavailable')


def how_it_ended(status, said, acks):
    """In a few words; None when it may not end so."""
    if status == 0:
        return 'goes on'
    if status == -signal.SIGABRT and LAST_WORDS.search(said):
        return 'aborts'
    if status > 0 and re.search('souk: stopping: .*memory', said):
        return 'stops'
    if status > 0 and not acks and said.startswith('souk serve: '):
        return 'refuses to start'
    if status == -signal.SIGSEGV and not acks and not said:
        return 'crashes in the C library'  # Its getprotobyname(), which libzmq calls when it starts.
    return None


@unittest.skipUnless(BUILT, WHY_NOT)
@unittest.skipUnless(shutil.which('gcc'), 'gcc is not installed')
class Memory(unittest.TestCase):
    def setUp(self):
        self.disk = SmallDisk(self, '64m')
        self.library = self.path('memory.so')
        subprocess.run(['gcc', '-O1', '-shared', '-fPIC', '-o', self.library,
                        os.path.join(HERE, 'preload', 'memory.c')], check=True)

    def path(self, name):
        return os.path.join(self.disk.path, name)

    def sell(self, ready):
        """What it acknowledged, of a short sale."""
        acks = []
        with open(ready, encoding='utf-8') as file:
            client = Client(json.load(file)['http'])
        try:
            client.open_sale('spring')
            client.credit('ann')
            for number in range(ORDERS):
                answer = client.order('spring', 'ann', f'k{number}')
                if answer.status == 201:
                    acks.append({'order': answer.json['order'], 'customer': 'ann', 'key': f'k{number}', 'status': 201})
                client.get('/v1/sales/spring')
        except (OSError, http.client.HTTPException):
            pass  # It has ended, or had to close the connection.
        client.close()
        return acks

    def live(self, nth):
        """A life in which the n-th is denied: its status, what it said, and what it acknowledged."""
        shutil.rmtree(self.path('data'), ignore_errors=True)
        ready, acks = self.path('ready'), []
        if os.path.exists(ready):
            os.remove(ready)
        environment = dict(os.environ, LD_PRELOAD=self.library, DAMAGE_COUNT=self.path('count'), DAMAGE_NTH=str(nth))
        with open(self.path('said'), 'w+b') as said:
            node = subprocess.Popen([PROGRAM, 'serve', '--http', '127.0.0.1:0', '--data', self.path('data'), '--workers',
                                     '1', '--ready-file', ready], stdout=said, stderr=said, env=environment)
            end = time.monotonic() + 30
            while node.poll() is None and not os.path.exists(ready) and time.monotonic() < end:
                time.sleep(0.002)
            if os.path.exists(ready):
                acks = self.sell(ready)
            if node.poll() is None:
                node.terminate()
            try:
                status = node.wait(30)
            except subprocess.TimeoutExpired:
                node.kill()
                node.wait()
                self.fail(f'at the {nth}th it hangs')
            said.seek(0)
            return status, said.read().decode('utf-8', 'replace'), acks

    def test_each_n(self):
        status, said, acks = self.live(0)
        self.assertEqual((status, len(acks)), (0, ORDERS), said)
        with open(self.path('count'), encoding='utf-8') as count:
            total = int(count.read())
        self.assertGreater(total, 100)
        outcomes, wrong = {}, []
        for nth in range(1, total + 1):
            status, said, acks = self.live(nth)
            end = how_it_ended(status, said, acks)
            outcomes[end] = outcomes.get(end, 0) + 1
            if not end:
                wrong.append(f'at the {nth}th it ended with {status}: {said}')
            if acks:
                self.assert_kept(nth, acks)

        self.assertEqual(wrong, [])
        print(f'{total} requests for memory: {outcomes}', flush=True)
        self.assertGreater(outcomes['goes on'], 10)
        self.assertGreater(outcomes['refuses to start'], 10)
        self.assertLess(outcomes.get('crashes in the C library', 0), 4)

    def assert_kept(self, nth, acks):
        with open(self.path('acks'), 'w', encoding='utf-8') as file:
            file.writelines(json.dumps(ack) + '\n' for ack in acks)
        status, told, complained = run('check', self.path('data'), '--acks', self.path('acks'))
        self.assertEqual(status, 0, f'at the {nth}th: {told}{complained}')


if __name__ == '__main__':
    unittest.main()
