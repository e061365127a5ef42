# SPDX-License-Identifier: Apache-2.0
"""A node and a provider for tests: started on free ports in a directory of their own, spoken to over HTTP, ended."""
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = os.environ.get('SOUK_ROOT') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get('SOUK_BIN') or os.path.join(ROOT, 'build', 'release', 'souk')
BUILT = os.access(PROGRAM, os.X_OK)
WHY_NOT = f'{PROGRAM} is not built'
PROBLEM = 'urn:souk:problem:'


class Answer:
    """What came back: status, headers (a dict with names in lower case), the body's bytes, and what they say."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers}

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def problem(self):
        """The name of the problem; None when it is none."""
        if self.headers.get('content-type') != 'application/problem+json':
            return None
        assert self.json['status'] == self.status, self.body
        assert self.json['type'].startswith(PROBLEM), self.body
        return self.json['type'][len(PROBLEM):]

    def __repr__(self):
        return f'{self.status} {self.body!r}'


class Program:
    """A running `souk` with a ready file."""

    def __init__(self, directory, name, *words, environment=None, before=None):
        self.ready = os.path.join(directory, name + '.ready')
        self.log = os.path.join(directory, name + '.log')
        if os.path.exists(self.ready):
            os.remove(self.ready)  # Of one that was killed.
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([PROGRAM, *words, '--ready-file', self.ready], stderr=log,
                                            env=dict(os.environ, **(environment or {})), preexec_fn=before)
        end = time.monotonic() + 20
        while not os.path.exists(self.ready):
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop(signal.SIGKILL)
                raise AssertionError(f'souk {words} does not serve: {self.said()}')
            time.sleep(0.01)
        with open(self.ready, encoding='utf-8') as file:
            self.told = json.load(file)
        self.http = self.told['http']

    def said(self):
        with open(self.log, encoding='utf-8') as log:
            return log.read()

    def stop(self, number=signal.SIGTERM):
        """Ends it; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


class Client:
    """One keep-alive connection to a node."""

    def __init__(self, address):
        host, port = address.rsplit(':', 1)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=30)

    def close(self):
        self.connection.close()

    def ask(self, method, path, body=None, **headers):
        """`body` is bytes as they are, or what becomes JSON. Headers: idempotency_key='k'."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.connection.request(method, path, body, {n.replace('_', '-'): v for n, v in headers.items()})
        response = self.connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())

    def get(self, path, **headers):
        return self.ask('GET', path, **headers)

    def open_sale(self, sale, units=10, **more):
        fields = {'sku': 'sku', 'units': units, 'price': {'amount': 1999, 'currency': 'EUR'}}
        return self.ask('PUT', f'/v1/sales/{sale}', dict(fields, **more))

    def credit(self, customer, amount=1000000, key='credit', currency='EUR'):
        return self.ask('POST', f'/v1/accounts/{customer}/credit', {'amount': {'amount': amount, 'currency': currency}},
                        idempotency_key=key)

    def order(self, sale, customer, key, units=1, token=None, **headers):
        payment = {'method': 'card', 'token': token} if token else {'method': 'credit'}
        return self.ask('POST', f'/v1/sales/{sale}/orders', {'customer': customer, 'units': units, 'payment': payment},
                        idempotency_key=key, **headers)

    def sale(self, sale):
        return self.get(f'/v1/sales/{sale}').json


class Stage:
    """A directory with a node and, if asked for, a provider that has these faults."""

    SECRET = 'whsec_test'

    def __init__(self, *words, faults=None, hooks=True):
        self.directory = tempfile.mkdtemp(prefix='souk-test-')
        self.programs = []
        self.data = os.path.join(self.directory, 'data')
        if faults is not None:
            key, secret = self.write('key', 'sk_test_1\n'), self.write('secret', self.SECRET + '\n')
            faulty = ('--faults', faults) if faults else ()
            provider = self.start('provider', 'provider', '--http', '127.0.0.1:0', *faulty)
            words += ('--provider', f'http://{provider.http}', '--provider-key-file', key)
            words += ('--webhook-secret-file', secret) if hooks else ()
        self.words = words
        self.node = self.serve()

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def start(self, name, *words, **more):
        program = Program(self.directory, name, *words, **more)
        self.programs.append(program)
        return program

    def serve(self):
        return self.start('node', 'serve', '--data', self.data, '--http', '127.0.0.1:0', *self.words)

    def client(self):
        return Client(self.node.http)

    def close(self):
        for program in reversed(self.programs):
            program.stop()
        shutil.rmtree(self.directory)


def until(condition, within_s=10):
    """Waits for something to become true; says whether it did."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
