# SPDX-License-Identifier: Apache-2.0
"""Too few file descriptors: a node refuses to start with a sentence, or keeps so many back that clients, however many
come, are turned away and never the journal."""
import os
import re
import resource
import socket
import subprocess
import tempfile
import unittest

from ruin import BUILT, PROGRAM, WHY_NOT, SmallDisk, Stage, check, run, until

OS_ERROR = 71
LEAST, LIMIT = 256, 512


def limited(count):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


class Few(Stage):
    """A node that may open no more files than LIMIT, on a disk that syncs in no time."""

    def __init__(self, place):
        self.place = place
        super().__init__()

    def serve(self):
        self.data = os.path.join(self.place, 'data')
        return self.start('node', 'serve', '--data', self.data, '--http', '127.0.0.1:0', '--workers', '1',
                          '--checkpoint-mib', '1', before=limited(LIMIT))


@unittest.skipUnless(BUILT, WHY_NOT)
class Descriptors(unittest.TestCase):
    def test_too_few_to_start(self):
        base = tempfile.TemporaryDirectory(prefix='souk-few-')
        self.addCleanup(base.cleanup)
        data = os.path.join(base.name, 'data')
        for count in (8, 12, 20, 32, 64, 128, LEAST - 1):
            status, _, complained = run('serve', '--http', '127.0.0.1:0', '--data', data, preexec_fn=limited(count))
            self.assertEqual(status, OS_ERROR, (count, complained))
            self.assertIn(f'only {count} files may be open at once', complained)
            self.assertFalse(os.path.exists(data))  # Before anything is made.

    def in_use(self, stage):
        return len(os.listdir(f'/proc/{stage.node.process.pid}/fd'))

    def count(self, client, name):
        return int(re.search(rf'^{name} (\d+)', client.get('/metrics').body.decode(), re.M).group(1))

    def checkpoints(self, client):
        return self.count(client, 'souk_checkpoints_total')

    def crowd(self, stage, count):
        """That many more connections, of which nobody says a word."""
        host, port = stage.node.http.split(':')
        for _ in range(count):
            idle = socket.create_connection((host, int(port)), timeout=5)
            self.addCleanup(idle.close)

    def test_a_crowd_takes_none_from_the_journal(self):
        """While it pushes, buyers are served over the connections that they have, and the databases change files."""
        stage = Few(SmallDisk(self, '400m').path)
        self.addCleanup(stage.close)
        acks = os.path.join(stage.directory, 'acks')
        load = subprocess.Popen([PROGRAM, 'load', '--http', stage.node.http, '--buyers', '12000', '--units', '20000',
                                 '--payment', 'credit', '--connections', '8', '--acks', acks, '--seed', '5'],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(load.wait)
        self.addCleanup(load.kill)
        self.addCleanup(load.stdout.close)
        client = stage.client()
        self.addCleanup(client.close)
        self.assertTrue(until(lambda: self.checkpoints(client) > 0, 30))  # So its connections stand.
        most = 0
        for _ in range(60):
            self.crowd(stage, 10)
            most = max(most, self.in_use(stage))
        said, _ = load.communicate(timeout=60)
        self.assertEqual(load.returncode, 0, said)
        self.assertGreater(most, LIMIT // 3)  # They did come.
        self.assertLess(most, LIMIT - LIMIT // 5)  # And LevelDB's own share was left.
        self.assertGreater(self.count(client, 'souk_http_connections_refused_total'), 100)
        self.assertGreater(self.checkpoints(client), 1)
        self.assertEqual(stage.node.stop(9), -9)
        check(self, stage.data, '--acks', acks)


if __name__ == '__main__':
    unittest.main()
