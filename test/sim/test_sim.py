# SPDX-License-Identifier: Apache-2.0
"""souk sim: what it prints, and that it is the same for the same seeds."""
import json
import os
import subprocess
import unittest

SOUK = os.environ['SOUK_BIN']


def sim(*arguments):
    """Runs it: its exit status and the lines of its output."""
    done = subprocess.run([SOUK, 'sim', *arguments], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.splitlines()


class Sim(unittest.TestCase):
    """The command."""

    def test_seeds_run_clean(self):
        """Some of each kind, two at a time."""
        status, lines = sim('--seeds', '120', '--jobs', '2', '--json')
        self.assertEqual(status, 0, '\n'.join(lines))
        last = json.loads(lines[-1])
        self.assertEqual(set(last), {'seeds', 'crashes', 'steps', 'seconds', 'violations'})
        self.assertEqual((last['seeds'], last['violations']), (120, 0))
        self.assertGreater(last['crashes'], 1000)

    def test_a_seed_is_the_same_each_time(self):
        """Alone, and among others."""
        def counts(*arguments):
            last = json.loads(sim('--json', *arguments)[1][-1])
            return last['steps'], last['crashes']
        for seed in ('5', '8'):
            self.assertEqual(counts('--seed', seed), counts('--seed', seed, '--jobs', '2'))
        both = [counts('--seed', seed) for seed in ('5', '6')]
        self.assertEqual(counts('--seed', '5', '--seeds', '2'), tuple(map(sum, zip(*both))))

    def test_what_is_given_is_done(self):
        """Numbers of the plan, and moments of crashes."""
        last = json.loads(sim('--seed', '7', '--scenario', 'shop', '--crash-at', '300,500', '--json')[1][-1])
        self.assertEqual(last['crashes'], 2)
        last = json.loads(sim('--seed', '7', '--scenario', 'shop', '--crash-at', 'none', '--json')[1][-1])
        self.assertEqual(last['crashes'], 0)

    def test_what_makes_no_sense(self):
        """Is refused."""
        for arguments in (['--scenario', 'opera'], ['--crash-at', '1,b'], ['--buyers', '0'], ['--seeds', 'many']):
            self.assertEqual(sim(*arguments)[0], 64, arguments)
        self.assertEqual(sim('--mutants')[0], 69)


if __name__ == '__main__':
    unittest.main()
