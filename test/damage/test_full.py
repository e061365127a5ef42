# SPDX-License-Identifier: Apache-2.0
"""A disk that somebody else fills (DURABILITY R8): new work is refused while reads go on; where even the reserve is eaten,
the node stops and says why; and whatever was acknowledged is there when there is room again.

test/souk/test_disk.py has a disk that is full for a while and the node that goes on by itself. Small disks of a tmpfs;
without the right to mount they are skipped."""
import os
import threading
import time
import unittest

from ruin import BUILT, WHY_NOT, Client, Program, SmallDisk, check, run

IO_ERROR = 74
BUYERS = 4


@unittest.skipUnless(BUILT, WHY_NOT)
class Full(unittest.TestCase):
    def setUp(self):
        self.disk = SmallDisk(self, '48m')
        self.data = os.path.join(self.disk.path, 'data')
        self.node = None
        self.served = {}
        self.addCleanup(lambda: self.node and self.node.stop(9))

    def start(self):
        self.node = Program(self.disk.base.name, 'node', 'serve', '--http', '127.0.0.1:0', '--data', self.data)
        client = Client(self.node.http)
        self.addCleanup(client.close)
        return client

    def open(self):
        client = self.start()
        self.assertEqual(client.open_sale('spring', units=100000).status, 201)
        for buyer in range(BUYERS):
            self.assertEqual(client.credit(f'c{buyer}', amount=500000000).status, 201)
        return client

    def assert_all_there(self):
        """Of another life, with room: each acknowledged order is answered as it was, and the journal keeps its promises."""
        client = self.start()
        for (buyer, key), body in self.served.items():
            answer = client.order('spring', buyer, key)
            self.assertEqual((answer.status, answer.body), (201, body), f'{buyer} {key} is lost')
        self.assertEqual(self.node.stop(), 0)
        check(self, self.data)

    def buy(self, buyer, over):
        """Orders one after the other, until it is over or nobody answers any more."""
        try:
            client = Client(self.node.http)
            for number in range(100000):
                if over.is_set():
                    break
                answer = client.order('spring', buyer, f'k{number}')
                if answer.status == 201:
                    self.served[buyer, f'k{number}'] = answer.body
                elif answer.status != 503:
                    self.failures.append(answer)
        except OSError:
            pass  # The node has ended.
        finally:
            client.close()

    def rush(self, until):
        """Buyers all the while, until it says so."""
        self.failures, over = [], threading.Event()
        buyers = [threading.Thread(target=self.buy, args=(f'c{n}', over)) for n in range(BUYERS)]
        for buyer in buyers:
            buyer.start()
        until()
        over.set()
        for buyer in buyers:
            buyer.join(30)
        self.assertEqual(self.failures, [])
        self.assertGreater(len(self.served), 0)

    def test_every_byte_is_eaten(self):
        """Also those that the node gives back of its reserve: a write fails, which nobody can promise to survive."""
        self.open()

        def eat():
            time.sleep(0.3)
            end = time.monotonic() + 20
            while self.node.process.poll() is None and time.monotonic() < end:
                self.disk.fill()
        self.rush(eat)
        self.assertEqual(self.node.process.wait(20), IO_ERROR)
        said = self.node.said()
        self.assertRegex(said, 'souk: stopping: .*No space left on device')
        self.assertIn(self.data, said)
        self.disk.clear()
        self.assert_all_there()

    def test_a_start_on_a_full_disk(self):
        """It says so and names the place, or serves what there is; with room it is as it was."""
        client = self.open()
        for number in range(20):
            answer = client.order('spring', 'c0', f'k{number}')
            self.assertEqual(answer.status, 201)
            self.served['c0', f'k{number}'] = answer.body
        self.assertEqual(self.node.stop(9), -9)
        os.truncate(os.path.join(self.data, 'reserve'), 0)  # What it keeps for that is eaten, too.
        self.disk.fill()
        status, _, complained = run('serve', '--http', '127.0.0.1:0', '--data', self.data)
        self.assertEqual(status, IO_ERROR, complained)
        self.assertIn(self.data, complained)
        self.assertRegex(complained, 'No space left on device|the disk is full|cannot be')
        status, _, complained = run('check', self.data)
        self.assertNotEqual(status, 0)
        self.assertIn(self.data, complained)
        self.disk.clear()
        self.assert_all_there()

    def test_a_start_with_only_its_reserve(self):
        """That is what the reserve is for: it opens, shows what there is, and refuses what is new."""
        client = self.open()
        answer = client.order('spring', 'c0', 'k')
        self.assertEqual(answer.status, 201)
        self.served['c0', 'k'] = answer.body
        self.assertEqual(self.node.stop(9), -9)
        self.disk.fill()
        client = self.start()
        self.assertEqual(client.get(f'/v1/orders/{answer.json["order"]}').json['state'], 'paid')
        end = time.monotonic() + 10
        while (refused := client.order('spring', 'c0', f'new{time.monotonic()}')).status != 503:
            self.assertLess(time.monotonic(), end, refused)
        self.assertEqual((refused.problem, 'retry-after' in refused.headers), ('disk-full', True))
        self.assertEqual(client.get('/v1/sales/spring').status, 200)
        self.assertEqual(self.node.stop(9), -9)
        self.disk.clear()
        self.assert_all_there()

    def test_full_for_a_moment_only(self):
        """Over and over, so quickly that the node may notice or not: it goes on, or has stopped and says why."""
        self.open()

        def flicker():
            for _ in range(12):
                self.disk.fill()
                time.sleep(0.15)
                self.disk.clear()
                time.sleep(0.1)
        self.rush(flicker)
        if self.node.process.poll() is None:
            client = Client(self.node.http)
            end = time.monotonic() + 10
            while (answer := client.order('spring', 'c0', 'last')).status != 201:
                self.assertEqual(answer.problem, 'disk-full')
                self.assertLess(time.monotonic(), end)
                time.sleep(0.05)
            self.served['c0', 'last'] = answer.body
            client.close()
            self.assertEqual(self.node.stop(), 0)
        else:
            self.assertEqual(self.node.process.wait(), IO_ERROR)
            self.assertRegex(self.node.said(), 'souk: stopping: .*No space left on device')
        self.assert_all_there()


if __name__ == '__main__':
    unittest.main()
