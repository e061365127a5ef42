# SPDX-License-Identifier: Apache-2.0
"""The house rules that a machine can check. Each failure names file, line and rule."""
import os
import re
import unittest

ROOT = os.environ.get('SOUK_ROOT') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# A folder includes only what stands before it, and itself.
ROOMS = 'base world codec mail store cell work wire port guard watch gateway node'.split()

# A library's headers, and the one file or folder that may know them. Tests and benchmarks may use any.
LIBRARIES = {
    'libck': (r'ck_\w+\.h', 'runtime/mail/'),
    'libzmq': (r'zmq\.h|zmq_utils\.h', None),
    'libczmq': (r'czmq\.h|z[a-z]+\.h(?<!zmq\.h)', None),
    'msgpack-c': (r'msgpack(/.*)?\.h', None),
    'leveldb': (r'leveldb/.*', None),
    'libsodium': (r'sodium(/.*)?\.h', 'runtime/base/hash.c'),
    'libxxhash': (r'xxhash\.h|xxh3\.h', 'runtime/base/link.c'),
    'libyajl': (r'yajl/.*', None),
    'libcurl': (r'curl/.*', None),
    'http-parser': (r'http_parser\.h', None),
    'libyaml': (r'yaml\.h', None),
    'ncurses': (r'n?curses\.h', None),
    'hiredis': (r'hiredis/.*', 'bench/'),
    'libpq': (r'libpq-fe\.h|postgresql/.*', 'bench/'),
}

LINES_MAX = 600
# file: lines it may have, for the few that are one table or one idea, or alone know a library.
LONGER = {'test/gateway/test_http.c': 760, 'runtime/store/leveldb.c': 630}
COLUMNS_MAX = 120

# What only runtime/world/ may do. (Files and sockets of the wrapped libraries lie behind seams of their own.)
WORLD_ONLY = r'\b(clock_gettime|gettimeofday|getrandom|getentropy|arc4random\w*|rand|srand|random|pthread_create|' \
             r'thrd_create|epoll_\w+|eventfd|timerfd_\w+|nanosleep|usleep|time)\s*\('

# Put together here so that this file does not break its own rule.
UNFINISHED = re.compile(r'\b(' + '|'.join(('TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK')) + r')\b')
MACHINE = re.compile(r'(?<![\w.$}*])/(' + '|'.join(('wo' + 'rk', 'ro' + 'ot', 'ho' + 'me', 't' + 'mp')) + r')/')
SPDX = 'SPDX-License-Identifier: ' + 'Apache-2.0'
SPDX_NEEDED = re.compile(r'(\.(c|h|py|sh|supp|pml)|/?SCons(truct|cript)|(^|/)run[\w-]*)$')


def files():
    """Every text file of the project: its path from the top, and its text."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(f for f in folders if f not in ('build', '__pycache__') and (f[0] != '.' or f == '.ci'))
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), ROOT)
            if name in ('compile_commands.json', 'LICENSE') or name.startswith('.scon'):
                continue
            try:
                with open(os.path.join(ROOT, path), encoding='utf-8') as file:
                    yield path, file.read()
            except (UnicodeDecodeError, FileNotFoundError):
                continue  # Test data; or an editor's file that just went.


def without_comments(text):
    """C with comments and strings blanked, line for line."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
    return pattern.sub(lambda m: re.sub(r'[^\n]', ' ', m.group()), text)


FILES = dict(files())
C_FILES = {path: text for path, text in FILES.items() if path.endswith(('.c', '.h'))}
OURS = {path: text for path, text in C_FILES.items() if path.split('/')[0] in ('include', 'runtime', 'actors')}


def includes(text):
    """Line number, bracket and name of each include."""
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found.group(1), found.group(2)


class Style(unittest.TestCase):
    """One rule a test."""

    def none(self, broken):
        """Fails with the list of what is broken."""
        if broken:
            self.fail('\n' + '\n'.join(broken))

    def test_files_are_found(self):
        self.assertIn('include/souk/base.h', OURS)
        self.assertGreater(len(OURS), 10)

    def test_folders_include_only_what_stands_before_them(self):
        broken = []
        for path, text in OURS.items():
            part, room = path.split('/')[0], path.split('/')[1]
            for number, bracket, name in includes(text):
                first = name.split('/')[0]
                if first in ROOMS and '/' in name:
                    allowed = (part == 'runtime' and room in ROOMS and ROOMS.index(first) <= ROOMS.index(room)) or \
                              (part == 'actors' and room == 'souk')
                elif bracket == '"':
                    allowed = part == 'actors' and ('/' not in name or room == 'souk')
                else:
                    allowed = True
                if part == 'runtime' and room not in ROOMS:
                    broken.append(f'{path}: runtime/{room} is not in the order of folders')
                if not allowed:
                    broken.append(f'{path}:{number}: may not include {name}')
        self.none(broken)

    def test_one_file_knows_each_library(self):
        broken = []
        for library, (pattern, place) in LIBRARIES.items():
            knowers = sorted({path for path, text in OURS.items() for _, bracket, name in includes(text)
                              if bracket == '<' and re.fullmatch(pattern, name)})
            if place:
                broken += [f'{path}: only {place} may know {library}' for path in knowers
                           if not path.startswith(place)]
            elif len(knowers) > 1:
                broken.append(f'{library} is known to more than one file: {", ".join(knowers)}')
        self.none(broken)

    def test_only_the_world_touches_the_world(self):
        broken = []
        for path, text in OURS.items():
            if path.startswith('runtime/world/') or path.startswith('actors/souk/'):
                continue
            for number, line in enumerate(without_comments(text).splitlines(), 1):
                found = re.search(r'(?<![\w.>*(])' + WORLD_ONLY, line)
                if found and not re.search(r'[.>]\s*' + re.escape(found.group(1)) + r'\s*\(', line):
                    broken.append(f'{path}:{number}: {found.group(1)}() belongs in runtime/world')
        self.none(broken)

    def test_files_open_with_license_and_purpose(self):
        broken = []
        for path, text in FILES.items():
            if not SPDX_NEEDED.search(path):
                continue
            lines = text.splitlines()[:3]
            if not any(SPDX in line for line in lines):
                broken.append(f'{path}:1: no line {SPDX}')
            elif path in C_FILES and not (len(lines) > 1 and lines[1].startswith('/* ')):
                broken.append(f'{path}:2: does not say what the file is')
        self.none(broken)

    def test_public_declarations_have_a_comment(self):
        # Names that end in _ are the machinery of a public macro.
        broken = []
        for path, text in OURS.items():
            if not path.endswith('.h') or not path.startswith(('include/souk/', 'runtime/')):
                continue
            lines, plain = text.splitlines(), without_comments(text).splitlines()
            depth, macro = 0, False
            for number, line in enumerate(plain):
                inside_macro, macro = macro, line.endswith('\\')
                declares = depth == 0 and not inside_macro and re.match(r'[a-zA-Z_][\w \t*]*\bsouk_\w*[^_\W]\s*\(', line)
                if not inside_macro and not line.startswith('#'):
                    depth += line.count('{') - line.count('}')
                if not declares or line.startswith(('#', 'typedef', '_Static_assert')):
                    continue
                above = number - 1
                while above >= 0 and lines[above].strip() and not lines[above].rstrip().endswith('*/'):
                    above -= 1
                if above < 0 or not lines[above].rstrip().endswith('*/'):
                    broken.append(f'{path}:{number + 1}: no comment on: {lines[number].strip()}')
        self.none(broken)

    def test_files_are_short(self):
        broken = []
        for path, text in FILES.items():
            count, limit = text.count('\n'), LONGER.get(path, LINES_MAX)
            if path in C_FILES or path.endswith('.py'):
                if count > limit:
                    broken.append(f'{path}: {count} lines, more than {limit}')
        self.none(broken)
        self.none([f'{path}: is in the list of longer files but is not there' for path in LONGER if path not in FILES])

    def test_lines_are_short_and_clean(self):
        broken = []
        for path, text in C_FILES.items():
            for number, line in enumerate(text.splitlines(), 1):
                if len(line) > COLUMNS_MAX:
                    broken.append(f'{path}:{number}: {len(line)} columns')
                if '\t' in line or line != line.rstrip():
                    broken.append(f'{path}:{number}: a tab, or space at the end')
            if not text.endswith('\n'):
                broken.append(f'{path}: no newline at the end')
        self.none(broken)

    def test_nothing_is_left_for_later(self):
        self.none([f'{path}:{number}: {line.strip()}' for path, text in FILES.items()
                   for number, line in enumerate(text.splitlines(), 1) if UNFINISHED.search(line)])

    def test_no_path_of_one_machine(self):
        self.none([f'{path}:{number}: {line.strip()}' for path, text in FILES.items()
                   for number, line in enumerate(text.splitlines(), 1) if MACHINE.search(line)])


if __name__ == '__main__':
    unittest.main()
