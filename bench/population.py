#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/population.py -- `./run bench population`: instructions and time of a message, beside how many actors live

Messages go at random to one of a thousand up to ten million live volatile actors. Instructions are counted by callgrind,
so that noise can't hide the truth: they should not grow. Time does, with the caches that the actors no longer fit into.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(os.environ.get('SOUK_BUILD', os.path.join(TOP, 'build', 'release')), 'bench', 'actors_souk')
POPULATIONS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
FLAT = 1.20  # The most that the dearest may cost beside the cheapest.


def run(words, limit_s):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit_s, check=False)
    if done.returncode:
        raise SystemExit(f'population: {" ".join(words)} failed: {done.stderr.strip()[-500:]}')
    return done


def nanoseconds(population, touches):
    told = json.loads(run([PROGRAM, f'touch-{population}', '1', 'local', str(touches)], 120).stdout)
    return told['seconds'] * 1e9 / told['ops']


def instructions(population, touches):
    out = os.path.join(TOP, 'build', 'population.callgrind')
    words = ['valgrind', '--tool=callgrind', '--instr-atstart=no', f'--callgrind-out-file={out}', PROGRAM,
             f'touch-{population}', '1', 'local', str(touches)]
    counted = re.search(r'Collected : (\d+)', run(words, 600).stderr)
    os.unlink(out)
    if not counted or int(counted[1]) == 0:
        raise SystemExit('population: nothing was counted; was the program built without <valgrind/callgrind.h>?')
    return int(counted[1]) / touches


def main():
    parser = argparse.ArgumentParser(prog='population', description=__doc__)
    parser.add_argument('--quick', action='store_true', help='fewer messages, and rounds')
    parser.add_argument('--json', action='store_true', help='the last line is JSON')
    options = parser.parse_args()
    rounds, touches, counted = (3, 2_000_000, 100_000) if options.quick else (7, 10_000_000, 500_000)
    rows = []
    print(f'{"live actors":>12}  {"instructions":>12}  {"ns a message":>12}', flush=True)
    for population in POPULATIONS:
        ns = statistics.median(nanoseconds(population, touches) for _ in range(rounds))
        rows.append({'actors': population, 'instructions': round(instructions(population, counted), 1),
                     'ns': round(ns, 1)})
        print(f'{population:12,}  {rows[-1]["instructions"]:12.1f}  {ns:12.1f}', flush=True)
    costs = [row['instructions'] for row in rows]
    spread = max(costs) / min(costs)
    print(f'The dearest takes {spread:.2f} times the instructions of the cheapest; flat is {FLAT:.2f} at most.')
    if options.json:
        print(json.dumps(rows, separators=(',', ':')))
    return 0 if spread <= FLAT else 1


if __name__ == '__main__':
    sys.exit(main())
