#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/actors.py -- `./run bench actors`: the same ten actor programs on souk, Erlang/OTP, CAF and Go

Each system has one program, `PROGRAM BENCH SCHEDULERS SHAPE N`, which prints one line of JSON with what it did ("ops")
in how many seconds, start-up aside, and exits 1 when its own result is wrong. The benchmarks, and what an op is:

ping-pong    two actors, N round trips
counting-1   one producer sends N increments to a counter, then it is asked for its total; a message
counting-8   the same with eight producers
ring         one token round 100 actors; a hop
spawn        N actors are created, get one message, tell a collector and end; an actor
spawn-idle   N actors are created, have had one message and stay: resident memory of each
big          120 actors; each pings all others, and again when it has all pongs; a ping with its pong
bank         1000 accounts, a teller with 100 transfers under way; a transfer of four messages
chameneos    100 creatures meet in a mall and change colours; a meeting
fib          a tree of actors, two children each; an actor
ask-latency  one asker among 100 actors that are busy with 100 tokens; an ask

Peers' programs lie in bench/actors/. Shape: souk's actors in one shard (local), or over shards and cores (spread).
"""
import argparse
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

BENCH = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(BENCH)
OUT = os.path.join(TOP, 'build', 'bench-actors')
sys.path.insert(0, os.path.join(BENCH, 'actors'))
sys.dont_write_bytecode = True  # Not into the sources.
import report  # noqa: E402 (it lies in bench/actors/)
from report import Case, Sample  # noqa: E402

SYSTEMS = ('souk', 'erlang', 'caf', 'go')
# What is tried first, per second, to find how much work takes the time that we want.
FIRST_RATE = {'ping-pong': 2e6, 'counting-1': 1e7, 'counting-8': 1e7, 'ring': 5e6, 'big': 2e6, 'bank': 1e6,
              'chameneos': 1e6, 'ask-latency': 5e4, 'line': 5e6}
FIRST_FIB = 20
SPAWNED = {True: 500_000, False: 1_000_000}  # By --quick: caches tell small crowds from large ones.
ASKS_LEAST = 5000  # For a 99.9th percentile.
SCALING = ('fib', 'chameneos')
QUICK_LIMIT_S = 570
# What in the environment would tune a peer.
TUNING = ('ERL_FLAGS', 'ERL_AFLAGS', 'ERL_ZFLAGS', 'ERL_LIBS', 'GOGC', 'GODEBUG', 'GOMAXPROCS', 'GOMEMLIMIT', 'GOFLAGS')


class Absent(Exception):
    """A system that isn't here."""


class Broken(Exception):
    """A program that can't be built, or didn't do what it shall."""


def tell(*words):
    """Says something at once, aside from the results."""
    print('bench:', *words, file=sys.stderr, flush=True)


# --- building the peers


def need(package, *tools):
    """The tools of a package must be on the path."""
    for tool in tools:
        if not shutil.which(tool):
            raise Absent(f'there is no {tool} (Debian package {package})')


def make(target, sources, command, env=None):
    """Runs a compiler that writes to the `{}` of its command, unless the target is newer than its sources."""
    if os.path.exists(target) and all(os.path.getmtime(source) < os.path.getmtime(target) for source in sources):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    tell('building', os.path.relpath(target, TOP))
    fresh = f'{target}.{os.getpid()}.new'
    done = subprocess.run([word.replace('{}', fresh) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', check=False,
                          env=dict(environment(), **(env or {})))
    if done.returncode:
        raise Broken(f'{os.path.relpath(target, TOP)} does not build:\n{done.stdout.rstrip()}')
    os.replace(fresh, target)


def build_erlang():
    """The module and, beside it, the script that starts the emulator on it."""
    need('erlang-base', 'erl', 'erlc')
    source, script = (os.path.join(BENCH, 'actors', 'erlang', name) for name in ('actors.erl', 'actors'))
    folder = os.path.join(OUT, 'erlang')
    # erlc names its file after the module, so it gets a folder to write to.
    make(os.path.join(folder, 'actors.beam'), [source],
         ['sh', '-c', 'mkdir -p "$1.d" && erlc -o "$1.d" "$2" && mv "$1.d/actors.beam" "$1" && rmdir "$1.d"', 'sh',
          '{}', source])
    make(os.path.join(folder, 'actors'), [script], ['cp', script, '{}'])
    return [os.path.join(folder, 'actors')]


def build_caf():
    """Needs its headers, too."""
    need('g++', 'g++')
    probe = subprocess.run(['g++', '-std=c++17', '-E', '-x', 'c++', '-'], input='#include <caf/config.hpp>\n',
                           text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if probe.returncode:
        raise Absent('there is no caf/config.hpp (Debian package libcaf-dev)')
    source, target = os.path.join(BENCH, 'actors', 'caf', 'actors.cpp'), os.path.join(OUT, 'caf', 'caf-actors')
    make(target, [source], ['g++', '-std=c++17', '-O2', '-DNDEBUG', '-o', '{}', source, '-lcaf_core', '-pthread'])
    return [target]


def build_go():
    """Without modules: it is one file."""
    need('golang-go', 'go')
    source, target = os.path.join(BENCH, 'actors', 'go', 'actors.go'), os.path.join(OUT, 'go', 'go-actors')
    make(target, [source], ['go', 'build', '-o', '{}', source],
         {'GOCACHE': os.path.join(OUT, 'go', 'cache'), 'GO111MODULE': 'off'})
    return [target]


def build_line():
    """The probe of the machine."""
    need('gcc', 'gcc')
    source, target = os.path.join(BENCH, 'actors', 'line', 'line.c'), os.path.join(OUT, 'line', 'line')
    make(target, [source], ['gcc', '-std=gnu17', '-O2', '-pthread', '-o', '{}', source])
    return [target]


def find_souk(program=None):
    """souk's own program, which scons builds."""
    build = os.environ.get('SOUK_BUILD') or os.path.join(TOP, 'build', 'release')
    program = program or os.path.join(build, 'bench', 'actors_souk')
    if not os.access(program, os.X_OK):
        raise Broken(f'{program} is not built (scons variant=release bench)')
    return [program]


BUILDERS = {'souk': find_souk, 'erlang': build_erlang, 'caf': build_caf, 'go': build_go, 'line': build_line}


# --- running one program


def environment():
    """Ours without what would tune a peer."""
    return {name: value for name, value in os.environ.items() if name not in TUNING}


def parse(output, n):
    """The one line that a program prints, as a sample."""
    lines = output.splitlines()
    if len(lines) != 1:
        raise Broken(f'it printed {len(lines)} lines instead of one')
    try:
        said = json.loads(lines[0])
        ops, seconds = said.pop('ops'), said.pop('seconds')
        good = ops > 0 and seconds > 0 and all(math.isfinite(value) for value in said.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        good = False
    if not good:
        raise Broken(f'it printed {lines[0][:200]!r}')
    return Sample(n, ops, seconds, said)


def start(command, case, n):
    """Starts a program in a process group of its own, so that it can be ended with all that it started."""
    return subprocess.Popen(command + [case.bench, str(case.schedulers), case.shape or '-', str(n)],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            errors='replace', start_new_session=True, env=environment())


def finish(child, n, limit):
    """Waits for a started program: its sample."""
    try:
        output, errors = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise Broken(f'it took more than {limit:.0f} s for N = {n}') from None
    finally:
        end(child)
    if child.returncode:
        how = f'exit status {child.returncode}' if child.returncode > 0 else signal.Signals(-child.returncode).name
        raise Broken(f'{how} for N = {n}: {errors.strip()[-500:] or "it said nothing"}')
    return parse(output, n)


def end(child):
    """Ends what is left of a child's group, and waits for it."""
    if child.poll() is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
    for stream in (child.stdout, child.stderr):
        stream.close()


def run_once(command, case, n, limit):
    """One run of one program."""
    return finish(start(command, case, n), n, limit)


def run_two(command, case, n, limit):
    """Two at the same time: one sample with the sum of their rates."""
    children = []
    try:
        children = [start(command, case, n) for _ in range(2)]
        one, other = (finish(child, n, limit) for child in children)
    finally:
        for child in children:
            end(child)
    return Sample(n, one.ops / one.seconds + other.ops / other.seconds, 1.0, {})


# --- how much work


def next_n(bench, n, seconds, wanted):
    """The N that should take the wanted time when N = n took so many seconds."""
    seconds = max(seconds, 1e-6)
    if bench == 'fib':  # Each step is 1.618 times the work.
        return max(1, min(45, n + round(math.log(wanted / seconds) / math.log((1 + math.sqrt(5)) / 2))))
    return max(ASKS_LEAST if bench == 'ask-latency' else 1000, int(n * wanted / seconds))


def calibrate(command, case, options):
    """The N for a case: what takes about the wanted time. Few runs, each long enough to tell from the one before."""
    bench, wanted = case.bench, options.seconds
    if bench.startswith('spawn'):
        return options.spawned
    n = FIRST_FIB if bench == 'fib' else max(1000, int(FIRST_RATE[bench] * wanted / 10))
    for _ in range(8):
        sample = run_once(command, case, n, options.limit)
        if sample.seconds >= wanted / 12:
            break
        grown = next_n(bench, n, sample.seconds, wanted / 4)
        n = min(grown, n + 6) if bench == 'fib' else min(grown, n * 50)
    return next_n(bench, n, sample.seconds, wanted)


# --- the whole


class Ticks:
    """What the CPUs did since it was made: shares of their time that the hypervisor took, and that others here took."""

    def __init__(self):
        self.began = self.read()

    @staticmethod
    def read():
        """All ticks, idle ones, stolen ones, and our own and our children's in seconds."""
        with open('/proc/stat', encoding='ascii') as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
        own = sum(usage.ru_utime + usage.ru_stime
                  for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
        return sum(ticks), ticks[3] + ticks[4], ticks[7], own * os.sysconf('SC_CLK_TCK')

    def shares(self):
        """(stolen, others), each of 1."""
        whole, idle, stolen, own = (after - before for before, after in zip(self.began, self.read()))
        whole = max(whole, 1)
        return stolen / whole, max(0.0, (whole - idle - stolen - own) / whole)


class Run:
    """One run of the bench: which programs, how often, and what came of it."""

    def __init__(self, options):
        self.options, self.commands = options, {}
        self.samples, self.n = {}, {}  # By case.
        self.failures, self.absent = {}, {}  # By case or system: why.
        self.shares = []  # Of each round.

    def fail(self, what, why):
        """Told at once, and again at the end."""
        self.failures[what] = str(why)
        tell(f'FAILED: {what}: {why}')

    def build(self):
        """Builds what is asked for."""
        for system in self.options.systems + ['line']:
            try:
                if system == 'line' and len(os.sched_getaffinity(0)) < 2:
                    raise Absent('there is one CPU only')
                builder = BUILDERS[system]
                self.commands[system] = builder(self.options.souk) if system == 'souk' else builder()
            except Absent as why:
                self.absent[system] = str(why)
                tell(f'{report.NAMES[system]} is left out: {why}')
            except (Broken, OSError) as why:
                self.fail(system, why)

    def cases(self):
        """Those of one round, systems next to each other so that a slow minute hits all."""
        found = []
        for bench in self.options.benches:
            for schedulers in self.options.schedulers:
                for system in self.options.systems:
                    shapes = ('local', 'spread')[:schedulers] if system == 'souk' else ('',)
                    found += [Case(bench, schedulers, shape, system) for shape in shapes]
        if 2 in self.options.schedulers:
            found.append(Case('line', 2, '', 'line'))
            for bench in SCALING:
                if bench in self.options.benches and 'souk' in self.options.systems:
                    found += [Case(bench, 1, 'spread', 'souk'), Case(bench, 1, 'two', 'souk')]
        return [case for case in found if case.system in self.commands]

    def measure(self, case):
        """One sample of a case, unless it has failed."""
        if case in self.failures:
            return
        command, base = self.commands[case.system], case._replace(shape='spread') if case.shape == 'two' else case
        try:
            if base not in self.n:
                self.n[base] = calibrate(command, base, self.options)
            runner = run_two if case.shape == 'two' else run_once
            self.samples.setdefault(case, []).append(runner(command, base, self.n[base], self.options.limit))
        except (Broken, OSError) as why:
            self.samples.pop(case, None)
            self.fail(case, why)

    def rounds(self):
        """All rounds, or as many as fit."""
        began, longest = self.options.began, 0.0
        cases = self.cases()
        for number in range(self.options.rounds):
            spent = time.monotonic() - began
            if number and self.options.quick and spent + 1.1 * longest > QUICK_LIMIT_S:
                tell(f'{number} rounds instead of {self.options.rounds}: --quick keeps within ten minutes')
                break
            ticks, here = Ticks(), time.monotonic()
            for case in cases:
                self.measure(case)
            longest = max(longest, time.monotonic() - here) if number else 0.7 * (time.monotonic() - here)
            self.shares.append(ticks.shares())
            tell(f'round {number + 1} of {self.options.rounds}: {time.monotonic() - here:.0f} s, '
                 f'{self.shares[-1][0]:.1%} of the CPUs\' time stolen, {self.shares[-1][1]:.1%} used by others')


def names(known):
    """An option's type: a list with commas of known names."""
    def parse_names(text):
        chosen = [word for word in text.split(',') if word]
        unknown = [word for word in chosen if word not in known]
        if unknown or not chosen:
            raise argparse.ArgumentTypeError(f'{", ".join(unknown) or "nothing"}: known are {", ".join(known)}')
        return [word for word in known if word in chosen]
    return parse_names


def positive(kind):
    """An option's type: a number above 0."""
    def parse_positive(text):
        number = kind(text)
        if not 0 < number < 1e9:
            raise ValueError
        return number
    return parse_positive


class Parser(argparse.ArgumentParser):
    """Exits 64 at misuse, as the other benches do."""

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(64, f'bench: {message}\n')


def options_of(words):
    """The command line."""
    parser = Parser(prog='./run bench actors', description=__doc__.replace('`', ''),
                    formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument('--quick', action='store_true', help='within ten minutes')
    parser.add_argument('--json', action='store_true', help='the last line is an array of results')
    parser.add_argument('--only', dest='benches', type=names(report.BENCHES), default=list(report.BENCHES),
                        metavar='BENCH[,BENCH]', help='only these benchmarks')
    parser.add_argument('--systems', type=names(SYSTEMS), default=list(SYSTEMS), metavar='SYSTEM[,SYSTEM]',
                        help='of ' + ', '.join(SYSTEMS))
    parser.add_argument('--rounds', type=positive(int), help='interleaved rounds; medians count (quick 3, else 5)')
    parser.add_argument('--seconds', type=positive(float), help='aimed length of one run (quick 0.5, else 2)')
    parser.add_argument('--spawned', type=positive(int), metavar='N',
                        help='actors of spawn and spawn-idle (quick 500000, else 1000000)')
    parser.add_argument('--svg', default=os.path.join(OUT, 'actors.svg'), metavar='FILE',
                        help='where the chart goes (default: build/bench-actors/actors.svg)')
    parser.add_argument('--souk', metavar='PROGRAM', help="souk's program (default: build/release/bench/actors_souk)")
    options = parser.parse_args(words)
    options.began = time.monotonic()
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.seconds = options.seconds or (0.5 if options.quick else 2.0)
    options.spawned = options.spawned or SPAWNED[options.quick]
    options.limit = 60 + 20 * options.seconds
    options.schedulers = [1, 2]
    return options


def main(words):
    """Exit status: 0 all ran, 1 something failed, 64 misuse, 130 interrupted."""
    options = options_of(words)

    def interrupt(*_):
        raise KeyboardInterrupt
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    run = Run(options)
    try:
        run.build()
        run.rounds()
    except KeyboardInterrupt:
        tell('interrupted')
        return 130
    results = report.Results(run.samples, run.n)
    print(report.text(results, run))
    try:
        report.chart(results, options.svg)
    except FileNotFoundError:
        tell('no chart: there is no gnuplot (Debian package gnuplot-nox)')
    except (OSError, subprocess.CalledProcessError) as why:
        run.fail('the chart', why)
    else:
        print(f'Chart: {options.svg}')
    for what, why in run.failures.items():
        tell(f'FAILED: {what}: {why}')
    sys.stderr.flush()
    if options.json:
        print(json.dumps(results.rows(), separators=(',', ':')))
    return 1 if run.failures or not results.rows() else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
