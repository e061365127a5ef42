# SPDX-License-Identifier: Apache-2.0
"""`souk contract`: the checked-in contracts of the shop's kinds are this program's, and each change of one that would
keep a reader from reading is found and told whom it breaks."""
import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.environ.get('SOUK_ROOT') or os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
sys.path.insert(0, os.path.join(ROOT, 'test', 'souk'))
from serving import BUILT, PROGRAM, WHY_NOT  # noqa: E402

KEPT = os.path.join(ROOT, 'docs', 'contracts')
REGENERATE = 'if that is meant: souk contract dump --kind {0} > docs/contracts/{0}.json'


def contract(*words):
    """Its exit status, and what it said."""
    done = subprocess.run([PROGRAM, 'contract', *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@unittest.skipUnless(BUILT, WHY_NOT)
class Kept(unittest.TestCase):
    """docs/contracts."""

    def test_nothing_breaks_readers(self):
        status, said, complaint = contract('check', KEPT)
        self.assertEqual(status, 0, said + complaint)

    def test_they_are_up_to_date(self):
        kinds = [kind['kind'] for kind in json.loads(contract('dump')[1])['kinds']]
        self.assertEqual(kinds, ['sale', 'stock', 'quota', 'order', 'payment', 'account', 'dead_letters'])
        self.assertEqual(sorted(os.listdir(KEPT)), sorted(f'{kind}.json' for kind in kinds))
        for kind in kinds:
            status, now, _ = contract('dump', '--kind', kind)
            with open(os.path.join(KEPT, f'{kind}.json'), encoding='utf-8') as file:
                self.assertEqual((status, now), (0, file.read()), REGENERATE.format(kind))


def aged():
    """A contract with one of everything."""
    def field(name, kind, shape='one', **more):
        return dict({'name': name, 'type': kind, 'shape': shape}, **more)

    def row(word, number, name, fields, **more):
        return dict({'class': word, 'number': number, 'name': name}, **more, fields=fields)

    return {'contract': 1, 'kinds': [{
        'kind': 'till', 'number': 9, 'volatile': False,
        'state': [field('sum', 'u64'), field('lines', 'line', 'list'), field('owners', 'line', 'map')],
        'records': [{'name': 'line', 'fields': [field('units', 'u32'), field('price', 'i64', 'optional')]},
                    {'name': 'till_view', 'fields': [field('sum', 'u64'), field('lines', 'line', 'list', cap=8)]}],
        'refusals': [{'code': 1, 'name': 'till_shut', 'sentence': 'it is shut'},
                     {'code': 2, 'name': 'till_full', 'sentence': 'it is full'}],
        'rows': [row('command', 1, 'till_open', [field('owner', 'text'), field('at', 'u32')], public=True),
                 row('command', 2, 'till_count', [field('limit', 'u32'), field('note', 'text', 'optional')],
                     public=False),
                 {'class': 'reply', 'number': 3, 'name': 'till_paid'},
                 row('query', 1, 'till_show', [field('from', 'u32')], view='till_view'),
                 row('event', 1, 'till_opened', [field('owner', 'text'), field('lines', 'line', 'list', cap=8)]),
                 row('event', 2, 'till_summed', [field('sum', 'u32'), field('note', 'text', 'optional')])]}]}


def text_of(tree):
    """As souk contract dump has it, but for space: fields get their numbers, and whether they are required."""
    tree = copy.deepcopy(tree)
    for kind in tree['kinds']:
        for term in [kind] + kind['records'] + kind['rows']:
            state = term is kind
            fields = term.get('state' if state else 'fields', [])
            for number, field in enumerate(fields, 1):
                was = dict(field)
                field.clear()
                field.update({'number': number, **was})
                if not state:
                    field['required'] = was['shape'] != 'optional'
    return json.dumps(tree)


@unittest.skipUnless(BUILT, WHY_NOT)
class Changes(unittest.TestCase):
    """Each kind of change of a contract, and whom it breaks."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def changes(self, change, back=False):
        """From the aged contract to a changed copy, or back: status and what is told."""
        old, new = aged(), aged()
        change(new['kinds'][0], new)
        paths = [self.write('old', text_of(old)), self.write('new', text_of(new))]
        status, said, complaint = contract('check', *(paths[::-1] if back else paths), '--json')
        self.assertIn(status, (0, 1), complaint)
        said = json.loads(said)
        self.assertEqual(said['breaking'], sum(c['breaks'] != 'nothing' for c in said['changes']))
        self.assertEqual(status, said['breaking'] > 0)
        return said['changes']

    def breaks(self, whom, where, why, change, back=False):
        """It is told once, of that place, for that reason, and nothing worse is told."""
        told = self.changes(change, back)
        rank = ('nothing', 'clients', 'data').index
        self.assertTrue(told)
        self.assertEqual(max((c['breaks'] for c in told), key=rank), whom, told)
        found = [c for c in told if c['breaks'] == whom and c['where'] == where]
        self.assertEqual(len(found), 1, told)
        self.assertRegex(found[0]['why'], why)

    def test_the_same_is_no_change(self):
        self.assertEqual(self.changes(lambda kind, _: None), [])

    def test_what_is_added(self):
        new = {'name': 'more', 'type': 'u32', 'shape': 'optional'}
        for place, where in ((lambda k: k['rows'][0]['fields'], 'till, command 1 till_open, field 3 more'),
                             (lambda k: k['rows'][4]['fields'], 'till, event 1 till_opened, field 3 more'),
                             (lambda k: k['records'][0]['fields'], 'till, record line, field 3 more'),
                             (lambda k: k['state'], 'till, state, field 4 more')):
            self.breaks('nothing', where, 'new', lambda kind, _, p=place: p(kind).append(new))
            self.breaks('data', where, 'missing', lambda kind, _, p=place: p(kind).append(new), back=True)
        self.breaks('nothing', 'till, state, field 4 more', 'new',
                    lambda kind, _: kind['state'].append(dict(new, shape='one')))
        event = {'class': 'event', 'number': 3, 'name': 'till_shut', 'fields': []}
        self.breaks('nothing', 'till, event 3 till_shut', 'new', lambda kind, _: kind['rows'].append(event))
        self.breaks('data', 'till, event 3 till_shut', 'missing', lambda kind, _: kind['rows'].append(event), back=True)
        refusal = {'code': 3, 'name': 'till_new', 'sentence': 'x'}
        self.breaks('nothing', 'till', 'new', lambda kind, _: kind['refusals'].append(refusal))

    def test_required_where_it_was_absent(self):
        new = {'name': 'more', 'type': 'u32', 'shape': 'one'}
        for row, whom, where in ((0, 'data', 'command 1 till_open, field 3'),
                                 (3, 'clients', 'query 1 till_show, field 2'),
                                 (4, 'data', 'event 1 till_opened, field 3')):
            self.breaks(whom, f'till, {where} more', 'new and required',
                        lambda kind, _, r=row: kind['rows'][r]['fields'].append(new))
        self.breaks('data', 'till, event 2 till_summed, field 2 note', 'optional and is required',
                    lambda kind, _: kind['rows'][5]['fields'][1].update(shape='one'))

    def test_removed(self):
        for row, whom, where in ((0, 'data', 'command 1 till_open'), (2, 'data', 'reply 3 till_paid'),
                                 (3, 'clients', 'query 1 till_show'), (4, 'data', 'event 1 till_opened')):
            self.breaks(whom, f'till, {where}', 'missing', lambda kind, _, r=row: kind['rows'].pop(r))
        self.breaks('data', 'till, event 2 till_summed, field 2 note', 'missing',
                    lambda kind, _: kind['rows'][5]['fields'].pop())
        self.breaks('data', 'till, state, field 3 owners', 'missing', lambda kind, _: kind['state'].pop())
        self.breaks('data', 'till, record line, field 2 price', 'missing',
                    lambda kind, _: kind['records'][0]['fields'].pop())
        self.breaks('data', 'till', 'kind 9 is missing', lambda _, tree: tree['kinds'].clear())
        self.breaks('nothing', 'till', 'refusal 2 till_full is missing', lambda kind, _: kind['refusals'].pop())

    def test_renumbered(self):
        self.breaks('data', 'till, event 2 till_summed', 'number is 7 now',
                    lambda kind, _: kind['rows'][5].update(number=7))
        self.breaks('data', 'till, command 1 till_open, field 1 owner', 'field 2 now',
                    lambda kind, _: kind['rows'][0]['fields'].reverse())
        self.breaks('data', 'till', 'number was 9 and is 10', lambda kind, _: kind.update(number=10))
        self.breaks('clients', 'till', 'till_full had code 2 and has 5',
                    lambda kind, _: kind['refusals'][1].update(code=5))

    def test_types(self):
        for row, field, where in ((5, 0, 'event 2 till_summed, field 1 sum'),
                                  (1, 0, 'command 2 till_count, field 1 limit')):
            for wide in ('u64', 'i64'):
                self.breaks('nothing', f'till, {where}', 'reads both',
                            lambda kind, _, r=row, f=field, w=wide: kind['rows'][r]['fields'][f].update(type=w))
            for other in ('text', 'key', 'line', 'bool'):
                self.breaks('data', f'till, {where}', 'cannot be read',
                            lambda kind, _, r=row, f=field, o=other: kind['rows'][r]['fields'][f].update(type=o))
        self.breaks('data', 'till, state, field 1 sum', 'u64 and is u32',
                    lambda kind, _: kind['state'][0].update(type='u32'))
        self.breaks('data', 'till, state, field 3 owners', 'a map and is a list',
                    lambda kind, _: kind['state'][2].update(shape='list'))
        self.breaks('clients', 'till, record line, field 1 units', 'old contract',
                    lambda kind, _: kind['records'][0]['fields'][0].update(type='u64'))
        self.breaks('data', 'till, event 1 till_opened, field 1 owner', 'required and is a list',
                    lambda kind, _: kind['rows'][4]['fields'][0].update(shape='list', cap=4))

    def test_caps(self):
        def cap(place, number):
            return lambda kind, _: place(kind).update(cap=number)
        event, record = (lambda k: k['rows'][4]['fields'][1]), (lambda k: k['records'][1]['fields'][1])
        self.breaks('data', 'till, event 1 till_opened, field 2 lines', 'longer lists', cap(event, 7))
        self.breaks('nothing', 'till, event 1 till_opened, field 2 lines', 'was 8 and is 9', cap(event, 9))
        self.breaks('clients', 'till, record till_view, field 2 lines', 'refuses longer', cap(record, 9))

    def test_retired_fields(self):
        self.breaks('nothing', 'till, event 2 till_summed, field 1 sum', 'is optional',
                    lambda kind, _: kind['rows'][5]['fields'][0].update(shape='optional'))
        self.breaks('clients', 'till, record till_view, field 1 sum', 'absence',
                    lambda kind, _: kind['records'][1]['fields'][0].update(shape='optional'))

    def test_names(self):
        self.breaks('nothing', 'till, event 1 till_opened', 'called till_begun',
                    lambda kind, _: kind['rows'][4].update(name='till_begun'))
        self.breaks('nothing', 'till, event 1 till_opened, field 1 owner', 'called who',
                    lambda kind, _: kind['rows'][4]['fields'][0].update(name='who'))
        self.breaks('nothing', 'till, state, field 1 sum', 'called all',
                    lambda kind, _: kind['state'][0].update(name='all'))
        self.breaks('nothing', 'till, command 2 till_count, field 1 limit', 'called most',
                    lambda kind, _: kind['rows'][1]['fields'][0].update(name='most'))
        self.breaks('clients', 'till, command 1 till_open, field 1 owner', 'called who',
                    lambda kind, _: kind['rows'][0]['fields'][0].update(name='who'))
        self.breaks('clients', 'till, command 1 till_open', 'called till_begin',
                    lambda kind, _: kind['rows'][0].update(name='till_begin'))
        self.breaks('clients', 'till', 'called chest', lambda kind, _: kind.update(kind='chest'))

        def rename_record(kind, _):
            kind['records'][0]['name'] = 'item'
            for field in (kind['state'][1], kind['state'][2], kind['records'][1]['fields'][1],
                          kind['rows'][4]['fields'][1]):
                field['type'] = 'item'
        self.breaks('nothing', 'till, record line', 'called item', rename_record)

    def test_who_may_and_what_comes_back(self):
        self.breaks('clients', 'till, command 1 till_open', 'public and is internal',
                    lambda kind, _: kind['rows'][0].update(public=False))
        self.breaks('nothing', 'till, command 2 till_count', 'internal and is public',
                    lambda kind, _: kind['rows'][1].update(public=True))
        self.breaks('clients', 'till, query 1 till_show', 'till_view and is with line',
                    lambda kind, _: kind['rows'][3].update(view='line'))
        self.breaks('clients', 'till', 'code 2 meant till_full and means till_other',
                    lambda kind, _: kind['refusals'][1].update(name='till_other'))
        self.breaks('nothing', 'till', 'another sentence', lambda kind, _: kind['refusals'][1].update(sentence='full'))
        self.breaks('data', 'till', 'is volatile', lambda kind, _: kind.update(volatile=True))
        self.breaks('nothing', 'till', 'is event-sourced', lambda kind, _: kind.update(volatile=True), back=True)

    def test_the_past(self):
        def lift(kind, _):
            kind['rows'][5].update(name='till_summed_1')
            kind['rows'][5]['class'] = 'lifted'
            fields = kind['rows'][5].pop('fields')
            kind['rows'][5].update(becomes='till_summed', fields=fields)
            kind['rows'].append({'class': 'event', 'number': 3, 'name': 'till_summed', 'fields': []})
        self.breaks('nothing', 'till, event 2 till_summed', 'of the past, and becomes till_summed', lift)
        self.breaks('data', 'till, event 3 till_summed', 'missing|number', lift, back=True)

    def test_volatile_kinds_have_only_clients(self):
        old, new = aged(), aged()
        for tree in (old, new):
            tree['kinds'][0]['volatile'] = True
        new['kinds'][0]['rows'][0]['fields'].pop()
        paths = self.write('old', text_of(old)), self.write('new', text_of(new))
        said = json.loads(contract('check', *paths, '--json')[1])
        self.assertEqual([c['breaks'] for c in said['changes']], ['clients'])

    def test_words_for_people(self):
        new = aged()
        new['kinds'][0]['rows'].pop()
        status, said, _ = contract('check', self.write('old', text_of(aged())), self.write('new', text_of(new)))
        self.assertEqual(status, 1)
        self.assertEqual(said, 'breaks data     till, event 2 till_summed: it is missing: what is stored of it cannot be '
                         'read\n'
                         '1 change, 1 of which breaks readers\n')

    def test_what_is_no_contract(self):
        good = text_of(aged())
        for bad in ('', '{', '{}', good[:-1], good + 'x', good.replace('"number": 9', '"number": -9'),
                    good.replace('"u32"', '3'),
                    good.replace('"optional", "required": false', '"optional", "required": true'),
                    good.replace('till_shut', 'till\\nshut'), good.replace('"one"', '"two"')):
            status, said, complaint = contract('check', self.write('bad', bad), '-')
            self.assertEqual((status, said), (65, ''), bad)
            self.assertIn('bad', complaint)
        for end in range(0, len(good), 61):
            self.assertEqual(contract('check', self.write('bad', good[:end]), '-')[0], 65)
        later = self.write('new', good.replace('"contract": 1', '"contract": 2'))
        self.assertIn('later version', contract('check', later)[2])
        self.assertEqual(contract('check', os.path.join(self.folder.name, 'none'))[0], 66)
        self.assertEqual(contract('check', self.folder.name)[0], 66)
        self.assertEqual(contract('check')[0], 64)
        self.assertEqual(contract('dump', '--kind', 'nobody')[0], 64)
        twice = json.loads(good)
        twice['kinds'] *= 2
        self.assertEqual(contract('check', self.write('twice', json.dumps(twice)))[0], 65)


if __name__ == '__main__':
    unittest.main()
