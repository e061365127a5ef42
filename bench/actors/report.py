# SPDX-License-Identifier: Apache-2.0
"""What bench/actors.py makes of its samples: medians, ratios, tables, aims, JSON and the chart."""
import collections
import os
import statistics
import subprocess

Case = collections.namedtuple('Case', 'bench schedulers shape system')
Sample = collections.namedtuple('Sample', 'n ops seconds extras')

BENCHES = ('ping-pong', 'counting-1', 'counting-8', 'ring', 'spawn', 'spawn-idle', 'big', 'bank', 'chameneos', 'fib',
           'ask-latency')
MESSAGES = ('ping-pong', 'counting-1', 'counting-8', 'ring', 'big', 'bank', 'chameneos')
NAMES = {'souk': 'souk', 'erlang': 'Erlang/OTP', 'caf': 'CAF', 'go': 'Go', 'line': 'the cache line probe'}
PEERS = ('erlang', 'caf', 'go')
SHAPES = ('local', 'spread')
PERCENTILES = ('p50_us', 'p99_us', 'p999_us')
# One way over a cache line, how often must an op cross when its actors are on two cores?
CROSSINGS = {'ping-pong': 2, 'ring': 1}


def case_text(case):
    """A case in words."""
    return f'{case.bench}, {NAMES[case.system]}{" " + case.shape if case.shape else ""}, {case.schedulers} ' \
           f'scheduler{"s" if case.schedulers > 1 else ""}'


Case.__str__ = case_text


class Results:
    """Medians of samples, by case. What wasn't measured is None."""

    def __init__(self, samples, n):
        self.samples, self.n = {case: list(some) for case, some in samples.items() if some}, n

    def cases(self):
        """Those that were measured."""
        return list(self.samples)

    def rate(self, bench, schedulers, system, shape=''):
        """Median of ops per second."""
        some = self.samples.get(Case(bench, schedulers, shape, system))
        return statistics.median(sample.ops / sample.seconds for sample in some) if some else None

    def extra(self, name, bench, schedulers, system, shape=''):
        """Median of something else that the program told."""
        some = [sample.extras[name] for sample in self.samples.get(Case(bench, schedulers, shape, system), ())
                if name in sample.extras]
        return statistics.median(some) if some else None

    def spread_of(self, case):
        """(Largest - least) / median of a case's rates."""
        rates = [sample.ops / sample.seconds for sample in self.samples[case]]
        return (max(rates) - min(rates)) / statistics.median(rates)

    def rows(self):
        """The array of --json: the ten benchmarks."""
        found = []
        for case in sorted(self.samples, key=order):
            usual = case.shape == '' or case.shape == 'local' or (case.shape == 'spread' and case.schedulers == 2)
            if case.bench in BENCHES and case.bench != 'spawn-idle' and usual:
                found.append({'bench': case.bench, 'schedulers': case.schedulers, 'shape': case.shape,
                              'system': case.system,
                              'ops_per_s': round(self.rate(case.bench, case.schedulers, case.system, case.shape), 1),
                              'n': self.samples[case][0].n})
        return found

    def line_ns(self):
        """A cache line's way from core to core."""
        rate = self.rate('line', 2, 'line')
        return 1e9 / rate if rate else None

    def gains(self, bench):
        """What two workers gain over one, and what two processes gain over one."""
        one = self.rate(bench, 1, 'souk', 'spread')
        two, both = self.rate(bench, 2, 'souk', 'spread'), self.rate(bench, 1, 'souk', 'two')
        return (two / one, both / one) if one and two and both else None


def order(case):
    """Benches in their order, fewer schedulers first, souk first."""
    benches, systems = BENCHES + ('line',), tuple(NAMES)
    return benches.index(case.bench), case.schedulers, systems.index(case.system), case.shape


def best(*values):
    """The largest that was measured, or None."""
    known = [value for value in values if value is not None]
    return max(known) if known else None


def ratio(one, other):
    """How often the other fits into the one, or None."""
    return one / other if one is not None and other else None


def ratios(results, bench, schedulers):
    """souk against its peers in one row: local/best of Erlang and CAF, local/Go, spread/best peer."""
    erlang, caf, go = (results.rate(bench, schedulers, peer) for peer in PEERS)
    local = results.rate(bench, schedulers, 'souk', 'local')
    spread = results.rate(bench, schedulers, 'souk', 'spread') if schedulers == 2 else None
    return ratio(local, best(erlang, caf)), ratio(local, go), ratio(spread, best(erlang, caf, go))


def cell(value, form, width):
    """A number, or a dash where there is none."""
    return ('-' if value is None else format(value, form)).rjust(width)


def rates_text(results):
    """The main table, in million operations per second."""
    head = f'{"bench":<12}{"sched.":>7}{"souk local":>12}{"souk spread":>13}{"Erlang":>10}{"CAF":>10}{"Go":>10}' \
           f'{"local/E,C":>11}{"local/Go":>10}{"spread/best":>13}'
    lines = ['Million operations per second, and how many times its peers souk is '
             '(E,C: the better of Erlang and CAF; best: of all three)', '', head]
    for bench in BENCHES:
        for schedulers in (1, 2):
            if not any(case.bench == bench and case.schedulers == schedulers for case in results.cases()):
                continue
            values = [results.rate(bench, schedulers, 'souk', shape) if shape == 'local' or schedulers == 2 else None
                      for shape in SHAPES]
            values += [results.rate(bench, schedulers, peer) for peer in PEERS]
            cells = [cell(None if value is None else value / 1e6, '.3f', width)
                     for value, width in zip(values, (12, 13, 10, 10, 10))]
            times = [cell(value, '.2f', width)
                     for value, width in zip(ratios(results, bench, schedulers), (11, 10, 13))]
            lines.append(f'{bench:<12}{schedulers:>7}' + ''.join(cells + times))
    return lines


def measured(results, bench):
    """The cases of one bench, in order, as the tables name them."""
    return [(case, f'{NAMES[case.system]} {case.shape}'.strip())
            for case in sorted((case for case in results.cases() if case.bench == bench), key=order)]


def latency_text(results):
    """Latency of an ask among busy actors."""
    lines = ['Latency of an ask under load, microseconds', '',
             f'{"system":<16}{"sched.":>7}{"p50":>11}{"p99":>11}{"p99.9":>11}']
    for case, name in measured(results, 'ask-latency'):
        values = [results.extra(extra, *case[:2], case.system, case.shape) for extra in PERCENTILES]
        lines.append(f'{name:<16}{case.schedulers:>7}' + ''.join(cell(value, '.2f', 11) for value in values))
    return lines if len(lines) > 3 else []


def bytes_text(results):
    """Memory of an idle actor."""
    lines = ['Resident bytes of an actor that has had a message and is idle', '',
             f'{"system":<16}{"sched.":>7}{"bytes each":>12}{"actors":>10}']
    for case, name in measured(results, 'spawn-idle'):
        value = results.extra('bytes_each', *case[:2], case.system, case.shape)
        lines.append(f'{name:<16}{case.schedulers:>7}{cell(value, ".0f", 12)}{results.samples[case][0].n:>10}')
    return lines if len(lines) > 3 else []


def gains_text(results):
    """What a second core gives."""
    lines = ['What the second core gives: rate on 2 schedulers / rate on 1; for souk (shape spread) also two processes '
             'of 1 scheduler each', '',
             f'{"bench":<12}{"souk":>8}{"two processes":>15}{"of that":>9}{"Erlang":>10}{"CAF":>8}{"Go":>8}']
    for bench in ('fib', 'chameneos'):
        gains = results.gains(bench) or (None, None)
        peers = [ratio(results.rate(bench, 2, peer), results.rate(bench, 1, peer)) for peer in PEERS]
        if any(value is not None for value in (*gains, *peers)):
            lines.append(f'{bench:<12}{cell(gains[0], ".2f", 8)}{cell(gains[1], ".2f", 15)}'
                         f'{cell(ratio(*gains), ".0%", 9)}' +
                         ''.join(cell(value, '.2f', width) for value, width in zip(peers, (10, 8, 8))))
    return lines if len(lines) > 3 else []


def line_text(results):
    """The limit of a chat between cores."""
    way = results.line_ns()
    if way is None:
        return []
    lines = [f'A cache line takes {way:.0f} ns from core to core. With actors on two cores, no system does more than']
    for bench, crossings in CROSSINGS.items():
        limit, rate = 1e9 / (way * crossings), results.rate(bench, 2, 'souk', 'spread')
        lines.append(f'  {bench:<12}{limit / 1e6:7.2f} million/s' +
                     (f'; souk spread is at {rate / limit:.2f} of that' if rate else ''))
    return lines


def aims(results):
    """What souk sets out to reach: (reached, sentence) for each that could be told from what was measured."""
    found = []

    def judge(what, value, least, form='.2f'):
        if value is not None:
            found.append((value >= least, f'{what}: {value:{form}}, aim {least:{form}}'))
    for bench in MESSAGES + ('spawn',):
        for schedulers in (1, 2):
            over_actors, over_go, over_best = ratios(results, bench, schedulers)
            where = f'{bench} on {schedulers}'
            if bench == 'spawn':
                local = results.rate(bench, schedulers, 'souk', 'local')
                judge(f'{where}, local / best peer', ratio(local, best(*(results.rate(bench, schedulers, peer)
                                                                        for peer in PEERS))), 5)
            else:
                judge(f'{where}, local / better of Erlang and CAF', over_actors, 5)
                judge(f'{where}, local / Go', over_go, 2)
            if schedulers == 2:
                judge(f'{where}, spread / best peer', over_best, 1)
    for shape in SHAPES:
        for schedulers in (1, 2):
            if (shape, schedulers) == ('spread', 1):
                continue
            each = results.extra('bytes_each', 'spawn-idle', schedulers, 'souk', shape)
            if each is not None:
                found.append((each < 200, f'bytes of an idle actor, {shape} on {schedulers}: {each:.0f}, '
                                          f'aim under 200'))
            p99 = results.extra('p99_us', 'ask-latency', schedulers, 'souk', shape)
            for peer in PEERS:
                theirs = results.extra('p99_us', 'ask-latency', schedulers, peer)
                if p99 is not None and theirs is not None:
                    found.append((p99 < theirs, f'p99 of an ask, {shape} on {schedulers}: {p99:.2f} us, {NAMES[peer]} '
                                                f'{theirs:.2f} us'))
    for bench in ('fib', 'chameneos'):
        gains = results.gains(bench)
        if gains:
            judge(f'{bench}: gain of two workers / gain of two processes', ratio(*gains), 0.95)
    return found


def aims_text(results):
    """Those that were missed, and how many were reached."""
    found = aims(results)
    if not found:
        return []
    missed = [sentence for reached, sentence in found if not reached]
    return [f'Aims: {len(found) - len(missed)} of {len(found)} reached' + ('; missed:' if missed else '')] + \
           ['  ' + sentence for sentence in missed]


def text(results, run):
    """All tables. `run` tells about the rounds, and what is missing."""
    stolen = max((shares[0] for shares in run.shares), default=0)
    others = max((shares[1] for shares in run.shares), default=0)
    spreads = sorted(results.spread_of(case) for case in results.cases())
    parts = [[f'Actors: medians of {len(run.shares)} interleaved round{"s" if len(run.shares) != 1 else ""} of runs of '
              f'about {run.options.seconds:g} s; at worst {stolen:.1%} of the CPUs\' time was stolen, {others:.1%} '
              'used by others']]
    if len(run.shares) > 1 and spreads:
        parts[0].append(f'Half of the cases varied by less than {statistics.median(spreads):.0%} between rounds')
    parts += [part(results) for part in (rates_text, latency_text, bytes_text, gains_text, line_text, aims_text)]
    parts.append([f'Left out: {NAMES[system]}: {why}' for system, why in run.absent.items()])
    parts.append([f'FAILED: {what}: {why}' for what, why in run.failures.items()])
    return '\n' + '\n\n'.join('\n'.join(part) for part in parts if part) + '\n'


# --- the chart

SERIES = (  # system, shape, schedulers, colour
    ('souk', 'local', 1, '#0b5394'), ('souk', 'local', 2, '#3d85c6'), ('souk', 'spread', 2, '#9fc5e8'),
    ('erlang', '', 1, '#990000'), ('erlang', '', 2, '#e06666'), ('caf', '', 1, '#38761d'), ('caf', '', 2, '#93c47d'),
    ('go', '', 1, '#7f6000'), ('go', '', 2, '#f1c232'))


def chart_script(results, path):
    """What gnuplot shall draw: a cluster of bars for each bench, operations per second, logarithmic."""
    present = {case.bench for case in results.cases()}
    benches = [bench for bench in BENCHES if bench in present and bench != 'spawn-idle']
    series = [one for one in SERIES if any((case.system, case.shape, case.schedulers) == one[:3]
                                           for case in results.cases())]
    lines = ['$rates << END']
    for bench in benches:
        rates = (results.rate(bench, schedulers, system, shape) for system, shape, schedulers, _ in series)
        lines.append(f'"{bench}" ' + ' '.join('-' if rate is None else f'{rate:.1f}' for rate in rates))
    known = [results.rate(*case[:2], case.system, case.shape) for case in results.cases() if case.bench in benches]
    quoted = path.replace("'", "''")
    lines += ['END',
              "set terminal svg size 1500,640 background '#ffffff' font 'sans-serif,13'", f"set output '{quoted}'",
              "set title 'Operations per second on 1 and 2 schedulers (more is better)'",
              'set style data histograms', 'set style histogram clustered gap 1', 'set style fill solid border 0',
              'set boxwidth 0.95', "set datafile missing '-'", 'set logscale y', "set format y '%.0s%c'",
              f'set yrange [{min(known) / 3:.1f}:{max(known) * 2:.1f}]', 'set grid ytics', 'set xtics nomirror',
              'set key outside bottom center horizontal']
    plots = []
    for column, (system, shape, schedulers, colour) in enumerate(series, 2):
        title = f'{NAMES[system]} {shape} {schedulers}'.replace('  ', ' ')
        plots.append(f"$rates using {column}:xtic(1) title '{title}' linecolor rgb '{colour}'")
    lines.append('plot ' + ', \\\n     '.join(plots))
    return '\n'.join(lines) + '\n'


def chart(results, path):
    """Draws it. FileNotFoundError: there is no gnuplot."""
    if not results.rows():
        raise OSError('there is nothing to draw')
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    subprocess.run(['gnuplot'], input=chart_script(results, path), text=True, check=True)
