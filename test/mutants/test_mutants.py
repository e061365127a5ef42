# SPDX-License-Identifier: Apache-2.0
"""Is each planted bug found, one or more for each rule of the design? And is what it finds shrunk to what replays it?"""
import json
import os
import re
import subprocess
import unittest

PLANTED = os.path.join(os.path.dirname(os.environ['SOUK_BIN']), 'mutants', 'souk')
RULES = {'R1', 'R2', 'R3', 'R4', 'R5', 'R6', 'R7', 'R9', 'R10', 'R11', 'R12'}


def souk(*arguments):
    """Runs the program with planted bugs: its exit status and the lines of its output."""
    done = subprocess.run([PLANTED, *arguments], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def without_numbers(line):
    """What a line says after its first words, whatever the numbers."""
    return re.sub(r'\d+', '', line.split(': ', 1)[1])


class Mutants(unittest.TestCase):
    """The simulator's own test."""

    def test_each_is_found(self):
        """Each, and there is one for each rule that the simulator can break."""
        status, lines = souk('sim', '--mutants', '--json')
        print('\n'.join(lines))
        self.assertEqual(json.loads(lines[-1])['missed'], [])
        self.assertEqual(status, 0)
        rules = [line.split()[1] for line in lines if ': found after ' in line]
        self.assertGreaterEqual(len(rules), 12)
        self.assertEqual(set(rules), RULES)

    def test_without_one_nothing_is_found(self):
        """The same program with none of them switched on."""
        self.assertEqual(souk('sim', '--seeds', '60')[0], 0)

    def test_a_finding_is_shrunk_to_a_command(self):
        """The command finds the same with fewer buyers, sales, faults and crashes; twice."""
        status, lines = souk('sim', '--mutant', 'FORGET_TABLES', '--seeds', '20', '--json')
        self.assertEqual(status, 1)
        self.assertGreaterEqual(json.loads(lines[-1])['violations'], 1)
        shrunk = next(i for i, line in enumerate(lines) if line.startswith('  shrunk: '))
        words = lines[shrunk + 1].split()
        self.assertEqual(words[:2], ['./run', 'sim'])
        self.assertIn('FORGET_TABLES', words)
        self.assertLessEqual(len(words[words.index('--crash-at') + 1].split(',')), 6)
        for _ in range(2):
            status, again = souk(*words[1:], '--as-found')
            self.assertEqual(status, 1)
            self.assertEqual(without_numbers(again[0]), without_numbers(lines[shrunk]))

    def test_a_bug_that_is_not_there(self):
        """Is a mistake of whoever asks for it."""
        self.assertEqual(souk('sim', '--mutant', 'NOBODY')[0], 64)


if __name__ == '__main__':
    unittest.main()
