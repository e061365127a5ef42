# SPDX-License-Identifier: Apache-2.0
"""/metrics of a real node: promtool is content, and the counts follow what happened."""
import re
import shutil
import subprocess
import unittest

from serving import BUILT, WHY_NOT, Stage

SAMPLE = re.compile(r'^([a-z_]+(?:\{.*\})?) (\S+)$')


@unittest.skipUnless(BUILT, WHY_NOT)
class Metrics(unittest.TestCase):
    """One node with a provider, one worker: counts are exact at once."""

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage('--workers', '1', faults='')
        cls.client = cls.stage.client()

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.stage.close()

    def read(self):
        answer = self.client.get('/metrics')
        self.assertEqual(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
        lines = [line for line in answer.body.decode().splitlines() if not line.startswith('#')]
        samples = [SAMPLE.match(line) for line in lines]
        self.assertTrue(all(samples), lines)
        self.assertEqual(len({sample[1] for sample in samples}), len(samples))
        return {sample[1]: float(sample[2]) for sample in samples}

    @unittest.skipUnless(shutil.which('promtool'), 'promtool (Debian package prometheus) is not installed')
    def test_promtool(self):
        page = self.client.get('/metrics').body
        done = subprocess.run(['promtool', 'check', 'metrics'], input=page, capture_output=True, timeout=30,
                              check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b'', b''))

    def test_counts(self):
        before = self.read()
        self.client.open_sale('counted', 1)
        self.client.credit('ann')
        self.client.order('counted', 'ann', 'a')
        for number in range(3):
            self.client.order('counted', f'poor-{number}', 'a')
        self.client.order('counted', 'ann', 'b', units=0)
        self.client.get('/nowhere')
        after = self.read()

        def rise(name):
            return after[name] - before[name]
        self.assertEqual(rise('souk_order_answers_total{state="paid"}'), 1)
        self.assertEqual(rise('souk_order_refusals_total{problem="sold-out"}'), 3)
        self.assertEqual(rise('souk_order_answers_total{state="refused_by_hint"}'), 2)
        self.assertEqual(rise('souk_order_answer_seconds_count'), 5)
        self.assertEqual(rise('souk_api_problems_total{problem="invalid-field"}'), 1)
        self.assertEqual(rise('souk_api_problems_total{problem="not-found"}'), 1)
        self.assertEqual(rise('souk_sales_total{state="open"}'), 1)
        self.assertEqual(rise('souk_credits_total'), 1)
        self.assertEqual(rise('souk_api_requests_total{route="/v1/sales/{sale}/orders",method="POST"}'), 5)
        self.assertGreater(rise('souk_turns_total'), 8)
        self.assertGreater(rise('souk_group_commits_total'), 0)
        self.assertGreater(rise('souk_group_commit_seconds_count'), 0)
        self.assertEqual(after['souk_mailbox_messages'], 0)
        self.assertEqual(after['souk_journal_position'], after['souk_journal_durable_position'])
        self.assertEqual(after['souk_http_connections'], 1)
        self.assertGreater(after['process_resident_memory_bytes'], 1 << 20)
        self.assertGreater(after['process_open_fds'], 5)
        self.assertGreater(after['process_start_time_seconds'], 1e9)


if __name__ == '__main__':
    unittest.main()
