# SPDX-License-Identifier: Apache-2.0
"""What the tests of this room share: a node under a bad clock, on a small disk, with few descriptors; and the checker."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'souk'))
from serving import BUILT, PROGRAM, WHY_NOT, Client, Program, Stage, until  # pylint: disable=wrong-import-position

__all__ = ['BUILT', 'PROGRAM', 'WHY_NOT', 'Client', 'Program', 'Stage', 'until', 'SmallDisk', 'check', 'run']


def run(*words, limit=60, **more):
    """Runs the program to its end: its exit status, output, and what it complained of."""
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=limit, check=False, **more)
    return done.returncode, done.stdout, done.stderr


def check(case, data, *words):
    """The directory of a node that has ended keeps every promise."""
    status, said, complained = run('check', data, *words)
    case.assertEqual(status, 0, said + complained)


class SmallDisk:
    """A tmpfs of its own; None of it when mounting is not permitted."""

    def __init__(self, case, size):
        self.base = tempfile.TemporaryDirectory(prefix='souk-damage-', dir='/var/tmp')
        case.addCleanup(self.base.cleanup)
        self.path = os.path.join(self.base.name, 'small')
        os.mkdir(self.path)
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'none', self.path], capture_output=True,
                              check=False)
        if done.returncode:
            case.skipTest('mounting is not permitted')
        case.addCleanup(subprocess.run, ['umount', self.path], check=True)
        self.ballast = os.path.join(self.path, 'ballast')

    def resize(self, size):
        subprocess.run(['mount', '-o', f'remount,size={size}', self.path], check=True)

    def fill(self):
        """Leaves no byte."""
        with open(self.ballast, 'ab', buffering=0) as ballast:
            for piece in (1 << 20, 1 << 12, 1):
                try:
                    while ballast.write(bytes(piece)) == piece:
                        pass
                except OSError:
                    pass

    def clear(self):
        os.remove(self.ballast)
