# SPDX-License-Identifier: Apache-2.0
"""A disk that runs full under a node (DURABILITY R8): new work is refused, reads go on, and nothing acknowledged is lost.

Each test mounts a small tmpfs of its own, which takes root; without it they are skipped."""
import os
import subprocess
import tempfile
import time
import unittest

from serving import BUILT, PROGRAM, WHY_NOT, Client, Program


@unittest.skipUnless(BUILT, WHY_NOT)
class Disk(unittest.TestCase):
    def setUp(self):
        self.base = tempfile.TemporaryDirectory(prefix='souk-disk-', dir='/var/tmp')
        self.mount = os.path.join(self.base.name, 'small')
        os.mkdir(self.mount)
        mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=48m', 'none', self.mount], capture_output=True,
                                 check=False)
        if mounted.returncode:
            self.base.cleanup()
            self.skipTest('mounting is not permitted')
        self.data = os.path.join(self.mount, 'data')
        self.node = None

    def tearDown(self):
        if self.node:
            self.node.stop()
        subprocess.run(['umount', self.mount], check=True)
        self.base.cleanup()

    def start(self):
        self.node = Program(self.base.name, 'node', 'serve', '--http', '127.0.0.1:0', '--data', self.data)
        client = Client(self.node.http)
        self.addCleanup(client.close)
        return client

    def fill(self):
        """Leaves no byte."""
        with open(os.path.join(self.mount, 'ballast'), 'wb') as ballast:
            try:
                while True:
                    ballast.write(bytes(1 << 20))
                    ballast.flush()
            except OSError:
                pass

    def place(self, client, key):
        return client.order('spring', 'ann', key)

    def wait_for(self, client, key, status):
        """Places new orders until one is answered so; the keys that were answered 201."""
        served = []
        for n in range(300):
            answer = self.place(client, f'{key}-{n}')
            if answer.status == 201:
                served.append((f'{key}-{n}', answer.body))
            if answer.status == status:
                return answer, served
            time.sleep(0.02)
        self.fail(f'never {status}: {answer}')

    def test_refuses_while_it_is_full_and_goes_on_when_there_is_room(self):
        client = self.start()
        self.assertEqual(client.open_sale('spring', units=1000).status, 201)
        self.assertEqual(client.credit('ann', amount=5000000).status, 201)
        first = self.place(client, 'first')
        self.assertEqual(first.status, 201)

        self.fill()
        refused, served = self.wait_for(client, 'full', 503)
        self.assertEqual(refused.problem, 'disk-full')
        self.assertIn('retry-after', refused.headers)
        self.assertEqual(client.get('/v1/sales/spring').status, 200)
        order = first.json['order']
        self.assertEqual(client.get(f'/v1/orders/{order}').json['state'], 'paid')

        os.remove(os.path.join(self.mount, 'ballast'))
        _, more = self.wait_for(client, 'again', 201)
        self.assertEqual(self.node.stop(), 0)
        client = self.start()
        for key, body in [('first', first.body)] + served + more:
            self.assertEqual(self.place(client, key).body, body, 'an acknowledged order is lost')
        self.assertEqual(self.node.stop(), 0)
        checked = subprocess.run([PROGRAM, 'check', self.data, '--json'], capture_output=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stdout)


if __name__ == '__main__':
    unittest.main()
