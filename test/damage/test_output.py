# SPDX-License-Identifier: Apache-2.0
"""Standard output and errors that are closed, full, or a pipe whose reader is gone: a node serves on, ends as it should,
and writes nothing of what it has to say into a file of its databases."""
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from ruin import BUILT, PROGRAM, WHY_NOT, Client, check

IO_ERROR = 74


@unittest.skipUnless(BUILT, WHY_NOT)
class Output(unittest.TestCase):
    def setUp(self):
        self.base = tempfile.TemporaryDirectory(prefix='souk-output-')
        self.addCleanup(self.base.cleanup)
        self.data = os.path.join(self.base.name, 'data')
        self.ready = os.path.join(self.base.name, 'ready')

    def serve(self, **streams):
        node = subprocess.Popen([PROGRAM, 'serve', '--http', '127.0.0.1:0', '--data', self.data, '--ready-file',
                                 self.ready], stdin=subprocess.DEVNULL, **streams)
        self.addCleanup(node.wait)
        self.addCleanup(node.kill)
        end = time.monotonic() + 20
        while not os.path.exists(self.ready):
            self.assertIsNone(node.poll(), 'it does not serve')
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        return node

    def sell(self, node):
        """Serves a sale, with lines for the log, and ends well; then all of it is there."""
        with open(self.ready, encoding='utf-8') as ready:
            client = Client(json.load(ready)['http'])
        self.assertEqual(client.open_sale('spring').status, 201)
        client.credit('ann')
        self.assertEqual(client.ask('POST', '/admin/trace/stock/spring,sku?on=1&stderr=1').status, 200)
        for number in range(5):
            self.assertEqual(client.order('spring', 'ann', f'k{number}').status, 201)
        client.close()
        node.send_signal(signal.SIGTERM)
        self.assertEqual(node.wait(20), 0)
        check(self, self.data)

    def test_closed(self):
        """Descriptors 0 to 2 are free when it starts: none of them may become a file of the journal."""
        def close_all():
            for number in (0, 1, 2):
                os.close(number)
        node = self.serve(preexec_fn=close_all)
        for number in (0, 1, 2):
            self.assertEqual(os.readlink(f'/proc/{node.pid}/fd/{number}'), os.devnull)
        self.sell(node)

    def test_full(self):
        with open('/dev/full', 'wb') as full:
            self.sell(self.serve(stdout=full, stderr=full))

    def test_nobody_reads(self):
        reader, writer = os.pipe()
        node = self.serve(stdout=writer, stderr=writer)
        os.close(reader)
        os.close(writer)
        self.sell(node)

    def test_a_report_that_cannot_be_written_is_no_success(self):
        self.sell(self.serve(stderr=subprocess.DEVNULL))
        for words in (('check', self.data), ('check', self.data, '--json'), ('repair', self.data), ('--version',)):
            with open('/dev/full', 'wb') as full:
                done = subprocess.run([PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
            self.assertEqual(done.returncode, IO_ERROR, (words, done.stderr))


if __name__ == '__main__':
    unittest.main()
