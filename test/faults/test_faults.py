# SPDX-License-Identifier: Apache-2.0
"""What is done to a running node, and what must become of it: each fault of `souk crash --fault`, under load.

The program itself asserts every outcome (actors/souk/crash_faults.c); here it is seen to have done so."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'souk'))

from serving import BUILT, PROGRAM, WHY_NOT  # pylint: disable=wrong-import-position

SHIM = os.path.join(os.path.dirname(PROGRAM), 'libsoukfaults.so')
# Those that the shim brings about count how often they have.
WITHOUT_SHIM = {'kill', 'term', 'stop', 'stop-worker'}


def crash(*options, program=PROGRAM):
    """Runs it, with all that it writes in a directory that goes away."""
    with tempfile.TemporaryDirectory(dir='/var/tmp') as folder:
        return subprocess.run([program, 'crash', *options], capture_output=True, text=True, timeout=250, check=False,
                              env=dict(os.environ, TMPDIR=folder))


def names():
    return list(json.loads(crash('--fault', 'list', '--json').stdout.splitlines()[-1])['faults'])


@unittest.skipUnless(BUILT, WHY_NOT)
class Faults(unittest.TestCase):
    def survive(self, *options):
        """Runs it to a clean end; its JSON."""
        done = crash('--json', *options)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        said = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual((said['violations'], said['errors'], said['good']), (0, 0, True))
        self.assertGreater(said['orders'], 0)
        for name, result in said['faults'].items():
            self.assertTrue(result['good'], name)
            self.assertGreaterEqual(result['times'], 1, name)
            if name not in WITHOUT_SHIM:
                self.assertGreaterEqual(result['fired'], result['times'], name)
        return said

    def test_each_fault_once(self):
        said = self.survive('--fault', 'all', '--times', '1', '--payment', 'credit', '--rate', '500',
                            '--gap-ms', '100')
        self.assertEqual(list(said['faults']), names())
        self.assertEqual(said['times'], len(names()))
        self.assertEqual(said['faults']['kill-in-recovery']['in_recovery'], 1)
        self.assertGreater(said['overloaded'], 0)  # By the slow disk, and each was told when to come again.
        self.assertGreater(said['broken'], 0)

    def test_the_journals_disk_by_card(self):
        for fault, times in (('kill-at-sync', 6), ('eio-sync', 3), ('full-once', 4)):
            said = self.survive('--fault', fault, '--times', str(times), '--rate', '300', '--gap-ms', '100')
            self.assertEqual((said['fault'], said['times']), (fault, times))

    def test_starts_that_fail_or_are_killed(self):
        for fault in 'eio-start', 'kill-in-recovery':
            said = self.survive('--fault', fault, '--times', '10', '--payment', 'credit', '--rate', '200', '--gap-ms', '50')
            self.assertGreater(said['faults'][fault]['in_recovery'], 0)


@unittest.skipUnless(BUILT, WHY_NOT)
class Words(unittest.TestCase):
    def test_the_table_is_printed(self):
        done = crash('--fault', 'list')
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in names():
            self.assertIn(f'\n{name} ', '\n' + done.stdout)
        self.assertIn('kill', names())

    def test_a_fault_that_there_is_not(self):
        done = crash('--fault', 'meteorite')
        self.assertEqual(done.returncode, 64)
        self.assertIn('there is no fault "meteorite"', done.stderr)

    def test_without_the_shim_it_says_what_is_missing(self):
        with tempfile.TemporaryDirectory(dir='/var/tmp') as folder:
            alone = shutil.copy(PROGRAM, folder)
            done = crash('--fault', 'eio-sync', '--times', '1', program=alone)
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertIn('libsoukfaults.so', done.stderr)

    def test_an_installed_program_finds_it(self):
        with tempfile.TemporaryDirectory(dir='/var/tmp') as folder:
            os.makedirs(os.path.join(folder, 'bin'))
            os.makedirs(os.path.join(folder, 'lib', 'souk'))
            installed = shutil.copy(PROGRAM, os.path.join(folder, 'bin'))
            shutil.copy(SHIM, os.path.join(folder, 'lib', 'souk'))
            done = crash('--fault', 'eio-tail', '--times', '1', '--payment', 'credit', '--rate', '100',
                         program=installed)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == '__main__':
    unittest.main()
