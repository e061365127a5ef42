# SPDX-License-Identifier: Apache-2.0
"""What an author of a kind gets wrong is a compile error that names the culprit."""
import os
import shutil
import subprocess
import unittest

ROOT = os.environ.get('SOUK_ROOT') or os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')

KIND = '''
#include <souk/actor.h>
#define LAMP_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)  \\
    RECORD(lamp_view, F(1, bool, on))                                       \\
    REFUSAL(1, lamp_broken, "it is broken")                                 \\
    COMMAND(1, lamp_turn, public, F(1, bool, on) F(2, u32, watts))          \\
    COMMAND(2, lamp_other, internal, F(1, key, other))                      \\
    REPLY(3, lamp_turned, lamp_turn)                                        \\
    QUERY(1, lamp_show, lamp_view, )                                        \\
    EVENT(1, lamp_went, F(1, bool, on))
SOUK_PROTOCOL(lamp, 9, LAMP_TABLE);
#define LAMP_STATE(F, L, M) F(1, bool, on)
SOUK_STATE(lamp, LAMP_STATE);
static souk_verdict
decide_lamp_turn(const struct lamp *l, const struct lamp_turn *c, souk_turn *turn)
{
    if (l->on == c->on) return lamp_broken;
    souk_emit(turn, lamp_went, .on = c->on);
    return SOUK_ACCEPT;
}
static souk_verdict
decide_lamp_other(const struct lamp *l, const struct lamp_other *c, souk_turn *turn)
{
    souk_ask(turn, souk_ref(lamp, c->other), lamp_turned, SOUK_WITHIN_MS(10), lamp_turn, .on = l->on, .watts = 3);
    return SOUK_ACCEPT;
}
static souk_verdict
decide_lamp_turned(const struct lamp *l SOUK_UNUSED, const struct souk_outcome *o, souk_turn *turn SOUK_UNUSED)
{
    return o->ending == SOUK_DONE ? SOUK_ACCEPT : lamp_broken;
}
static souk_verdict
answer_lamp_show(const struct lamp *l, const struct lamp_show *q SOUK_UNUSED, const souk_turn *turn SOUK_UNUSED,
                 struct lamp_view *view)
{
    view->on = l->on;
    return SOUK_ACCEPT;
}
static void apply_lamp_went(struct lamp *l, const struct lamp_went *e) { l->on = e->on; }
static void check_lamp(const struct lamp *l SOUK_UNUSED) {}
SOUK_ACTOR(lamp, LAMP_TABLE);
'''

VOLATILE = '''
#include <souk/volatile.h>
#define LAMP_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)  \\
    RECORD(lamp_view, F(1, bool, on))                                       \\
    COMMAND(1, lamp_turn, public, F(1, bool, on) F(2, u32, watts))          \\
    COMMAND(2, lamp_other, internal, F(1, key, other))                      \\
    REPLY(3, lamp_turned, lamp_turn)                                        \\
    REPLY(4, lamp_gone, souk_down)                                          \\
    QUERY(1, lamp_show, lamp_view, )
SOUK_PROTOCOL(lamp, 9, LAMP_TABLE);
#define LAMP_STATE(F, L, M) F(1, bool, on)
SOUK_STATE(lamp, LAMP_STATE);
static souk_verdict
on_lamp_turn(struct lamp *l, const struct lamp_turn *c, souk_turn *turn)
{
    l->on = c->on;
    souk_link(turn, souk_spawn(turn, lamp, SOUK_NEAR, lamp_turn, .on = false, .watts = 1));
    souk_cancel(turn, souk_every(turn, 10, lamp_turn, .on = l->on, .watts = 2));
    return SOUK_ACCEPT;
}
static souk_verdict
on_lamp_other(struct lamp *l, const struct lamp_other *c, souk_turn *turn)
{
    uint32_t all = souk_gather(turn, lamp_turned, SOUK_WITHIN_MS(10));
    souk_ask_among(turn, all, souk_ref(lamp, c->other), lamp_turn, .on = l->on, .watts = 3);
    souk_monitor(turn, souk_ref(lamp, c->other), lamp_gone);
    souk_trap(turn, lamp_gone);
    return SOUK_ACCEPT;
}
static souk_verdict
on_lamp_turned(struct lamp *l SOUK_UNUSED, const struct souk_outcome *o, souk_turn *turn SOUK_UNUSED)
{
    return o->ending == SOUK_DONE ? SOUK_ACCEPT : SOUK_FAILED;
}
static souk_verdict
on_lamp_gone(struct lamp *l SOUK_UNUSED, const struct souk_outcome *o SOUK_UNUSED, souk_turn *turn SOUK_UNUSED)
{
    return SOUK_ACCEPT;
}
static souk_verdict
answer_lamp_show(const struct lamp *l, const struct lamp_show *q SOUK_UNUSED, const souk_turn *turn SOUK_UNUSED,
                 struct lamp_view *view)
{
    view->on = l->on;
    return SOUK_ACCEPT;
}
SOUK_VOLATILE(lamp, LAMP_TABLE, .on_fault = SOUK_RESTART, .queue_max = 100);
'''

EAR = '''
#include <souk/topic.h>
#define EAR_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)   \\
    COMMAND(1, ear_start, public, )                                         \\
    COMMAND(2, ear_happened, internal, SOUK_HAPPENED(F))
SOUK_PROTOCOL(ear, 10, EAR_TABLE);
#define EAR_STATE(F, L, M) F(1, bool, on)
SOUK_STATE(ear, EAR_STATE);
static souk_verdict
on_ear_start(struct ear *self SOUK_UNUSED, const struct ear_start *c SOUK_UNUSED, souk_turn *turn)
{
    souk_subscribe(turn, ear_happened, SOUK_EVENTS(lamp_went), .after = SOUK_FROM_NOW);
    return SOUK_ACCEPT;
}
static souk_verdict
on_ear_happened(struct ear *self, const struct ear_happened *c, souk_turn *turn)
{
    struct lamp_went e;
    if (souk_event_read(turn, c, lamp_went, &e)) self->on = e.on;
    return SOUK_ACCEPT;
}
SOUK_VOLATILE(ear, EAR_TABLE);
'''

TEST = KIND.replace('souk/actor.h', 'souk/sim.h') + '''
void test(void);
void
test(void)
{
    souk_kit *kit = souk_kit_open(&lamp_kind, "hall");
    SOUK_GIVEN(kit, lamp_went, .on = true);
    SOUK_WHEN(kit, lamp_other, .other = souk_kit_id(1));
    SOUK_THEN_ASKS(kit, souk_ref(lamp, souk_kit_id(1)), lamp_turned, 10, lamp_turn, .on = true, .watts = 3);
    SOUK_WHEN_LATE(kit, lamp_turned);
    SOUK_THEN_REFUSED(kit, lamp_broken);
    SOUK_WHEN_QUERIED(kit, lamp_show);
    SOUK_THEN_ANSWERED(kit, lamp_view, .on = true);
    souk_kit_close(&kit);
    SOUK_KIT_RANDOM(.kind = &lamp_kind, .id = "hall", .seed = 1);
}
'''

LISTENER = KIND[:KIND.index('#define LAMP_STATE')] + EAR  # A file has one kind.

EMITS = 'souk_emit(turn, lamp_went, .on = c->on, .watts = c->watts)'
# The same lamp after two changes: once it went on without watts, and before that under another word.
AGED = (KIND.replace('EVENT(1, lamp_went, F(1, bool, on))', 'EVENT(3, lamp_went, F(1, bool, on) F(2, u32, watts))')
        .replace('souk_emit(turn, lamp_went, .on = c->on)', EMITS)
        .replace('SOUK_PROTOCOL(lamp, 9, LAMP_TABLE)', '''
#define LAMP_PAST(LIFTED, F, L, O)                          \\
    LIFTED(1, lamp_lit, lamp_went_2, F(1, u64, when))       \\
    LIFTED(2, lamp_went_2, lamp_went, F(1, bool, on) O(2, text, why))
SOUK_PROTOCOL(lamp, 9, LAMP_TABLE, LAMP_PAST)''')
        .replace('SOUK_ACTOR(lamp, LAMP_TABLE)', '''
static struct lamp_went_2
lift_lamp_lit(const struct lamp_lit *old, struct souk_scratch *scratch SOUK_UNUSED)
{
    return (struct lamp_went_2){ .on = old->when > 0 };
}
static struct lamp_went
lift_lamp_went_2(const struct lamp_went_2 *old, struct souk_scratch *scratch SOUK_UNUSED)
{
    return (struct lamp_went){ .on = old->on, .watts = 40 };
}
SOUK_ACTOR(lamp, LAMP_TABLE, LAMP_PAST)'''))

COMPILERS = [c for c in ('gcc', 'clang') if shutil.which(c)]


class CompileErrors(unittest.TestCase):
    kind = KIND

    def said(self, compiler, *changes, text=None):
        text = text or self.kind
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new, 1)
        done = subprocess.run([compiler, '-std=gnu17', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-x', 'c', '-',
                               '-I', os.path.join(ROOT, 'include')], input=text.encode(), capture_output=True, check=False)
        return None if done.returncode == 0 else done.stderr.decode()

    def fails(self, culprit, *changes, text=None):
        for compiler in COMPILERS:
            with self.subTest(compiler=compiler, culprit=culprit):
                self.assertRegex(self.said(compiler, *changes, text=text) or 'it compiles', culprit)

    def test_a_right_kind_compiles(self):
        for compiler in COMPILERS:
            self.assertIsNone(self.said(compiler))

    def test_a_subscriber(self):
        for compiler in COMPILERS:
            self.assertIsNone(self.said(compiler, text=LISTENER))
        for culprit, old, new in (
                ('ear_start', 'souk_subscribe(turn, ear_happened', 'souk_subscribe(turn, ear_start'),
                ('ear_happened: its fields must be', 'SOUK_HAPPENED(F)', 'SOUK_HAPPENED(F) F(10, u32, more)'),
                ('lamp_turn_event', 'SOUK_EVENTS(lamp_went)', 'SOUK_EVENTS(lamp_turn)'),
                ('pointer', 'struct lamp_went e;', 'struct lamp_view e;')):
            self.fails(culprit, (old, new), text=LISTENER)

    def test_a_test(self):
        for compiler in COMPILERS:
            self.assertIsNone(self.said(compiler, text=TEST))
        for culprit, old, new in (
                ('lamp_turn: a required field is not given', ', .on = true, .watts = 3);', ', .on = true);'),
                ('[\'‘]watt[\'’]', '.on = true, .watts', '.on = true, .watt'),
                ('lamp_turn_event', 'SOUK_GIVEN(kit, lamp_went, ', 'SOUK_GIVEN(kit, lamp_turn, .watts = 1, '),
                ('lamp_went_command', 'SOUK_WHEN(kit, lamp_other, .other = souk_kit_id(1))',
                 'SOUK_WHEN(kit, lamp_went, .on = true)'),
                ('lamp_turned_answers_lamp_other', 'lamp_turn, .on = true, .watts = 3',
                 'lamp_other, .other = souk_kit_id(1)')):
            self.fails(culprit, (old, new), text=TEST)

    def test_a_missing_handler(self):
        self.fails('decide_lamp_turned', ('decide_lamp_turned(const', 'decide_lamp_turnt(const'))
        self.fails('apply_lamp_went', ('apply_lamp_went(struct', 'apply_lamp_want(struct'))
        self.fails('answer_lamp_show', ('answer_lamp_show(const', 'answer_lamp_tell(const'))

    def test_a_handler_with_other_parameters(self):
        self.fails('lamp_other', ('const struct lamp_turn *c', 'const struct lamp_other *c'), ('c->on)', '1)'),
                   ('c->on', '1'))
        self.fails('discards', ('decide_lamp_turn(const struct lamp *l', 'decide_lamp_turn(struct lamp *l'))

    def test_decide_cannot_change_the_state(self):
        self.fails('read-only|const-qualified', ('souk_emit(turn, lamp_went, .on = c->on);', 'l->on = c->on;'))

    def test_a_query_cannot_emit(self):
        self.fails('discards', ('view->on = l->on;', 'souk_emit(turn, lamp_went, .on = l->on);'))

    def test_a_misspelt_or_missing_field(self):
        self.fails('[\'‘]om[\'’]', ('.on = c->on', '.om = c->on'))
        self.fails('lamp_turn: a required field is not given', (', .watts = 3', ''))

    def test_a_command_is_no_event_and_an_ask_has_its_own_reply(self):
        self.fails('lamp_turn_event', ('souk_emit(turn, lamp_went, .on = c->on)', 'souk_emit(turn, lamp_turn, 1, 2)'))
        self.fails('lamp_turned_answers_lamp_other', ('lamp_turn, .on = l->on, .watts = 3',
                                                      'lamp_other, .other = c->other'))

    def test_numbers_count_up(self):
        self.fails('watts', ('F(2, u32, watts)', 'F(3, u32, watts)'))


class PastCompileErrors(CompileErrors):
    """The same for a kind with a past, and what may be wrong with that."""
    kind = AGED

    def test_a_missing_or_mistyped_lift(self):
        self.fails('lift_lamp_lit', ('lift_lamp_lit(const', 'lift_lamp_lid(const'))
        self.fails('lamp_lit', ('(const struct lamp_lit *old', '(const struct lamp_went *old'), ('old->when > 0', 'old->on'))
        self.fails('struct lamp_went_2', ('struct lamp_went_2\nlift_lamp_lit', 'struct lamp_went\nlift_lamp_lit'),
                   ('(struct lamp_went_2){ .on = old->when > 0 }', '(struct lamp_went){ .on = old->when > 0 }'))
        self.fails('discards', ('lift_lamp_lit(const struct', 'lift_lamp_lit(struct'))

    def test_the_past_cannot_be_emitted_or_subscribed_to(self):
        self.fails('lamp_went_2_event', (EMITS, 'souk_emit(turn, lamp_went_2, .on = c->on)'))

    def test_it_leads_to_an_event_of_today(self):
        self.fails('souk_happens_lamp_turn', ('lamp_lit, lamp_went_2,', 'lamp_lit, lamp_turn,'))
        self.fails('lamp_went_2: is lifted to no event of a higher number',
                   ('lamp_went_2, lamp_went,', 'lamp_went_2, lamp_lit,'))

    def test_its_numbers_are_its_own(self):
        self.fails('duplicate', ('LIFTED(1, lamp_lit', 'LIFTED(3, lamp_lit'))

    def test_both_tables_are_needed(self):
        self.fails('lamp_lit', ('SOUK_PROTOCOL(lamp, 9, LAMP_TABLE, LAMP_PAST)', 'SOUK_PROTOCOL(lamp, 9, LAMP_TABLE)'))

    def test_a_missing_handler(self):
        self.fails('apply_lamp_went', ('apply_lamp_went(struct', 'apply_lamp_want(struct'))

    def test_a_misspelt_or_missing_field(self):
        self.fails('[\'‘]wen[\'’]', ('old->when', 'old->wen'))
        self.fails('lamp_went: a required field is not given', (', .watts = c->watts', ''))

    def test_decide_cannot_change_the_state(self):
        self.fails('read-only|const-qualified', (EMITS, 'l->on = c->on'))

    def test_a_command_is_no_event_and_an_ask_has_its_own_reply(self):
        self.fails('lamp_turn_event', (EMITS, 'souk_emit(turn, lamp_turn, 1, 2)'))


class VolatileCompileErrors(CompileErrors):
    """The same for volatile kinds."""
    kind = VOLATILE

    def test_a_missing_handler(self):
        self.fails('on_lamp_turned', ('on_lamp_turned(struct', 'on_lamp_turnt(struct'))
        self.fails('on_lamp_other', ('on_lamp_other(struct', 'on_lamp_another(struct'))
        self.fails('answer_lamp_show', ('answer_lamp_show(const', 'answer_lamp_tell(const'))

    def test_a_handler_with_other_parameters(self):
        self.fails('lamp_other', ('const struct lamp_turn *c', 'const struct lamp_other *c'), ('c->on', '1'))

    def test_an_event(self):
        self.fails('lamp_went: a volatile kind has no events',
                   ('    QUERY(1, lamp_show, lamp_view, )', '    QUERY(1, lamp_show, lamp_view, ) EVENT(1, lamp_went, )'))

    def test_decide_cannot_change_the_state(self):
        self.fails('read-only|const-qualified', ('view->on = l->on;', 'l->on = view->on;'))

    def test_a_query_cannot_emit(self):
        self.fails('discards', ('view->on = l->on;', 'souk_stop(turn, souk_self(turn), 0);'))

    def test_a_misspelt_or_missing_field(self):
        self.fails('[\'‘]om[\'’]', ('.on = false', '.om = false'))
        self.fails('lamp_turn: a required field is not given', (', .watts = 2', ''))

    def test_a_command_is_no_event_and_an_ask_has_its_own_reply(self):
        self.fails('lamp_turned_answers_souk_down', ('c->other), lamp_gone', 'c->other), lamp_turned'))
        self.fails('lamp_gone_answers_lamp_turn',
                   ('souk_gather(turn, lamp_turned, SOUK_WITHIN_MS(10))',
                    'souk_ask(turn, souk_ref(lamp, c->other), lamp_gone, 1, lamp_turn, .on = 1, .watts = 1)'))

    def test_options_have_names(self):
        self.fails('queue_most', ('.queue_max', '.queue_most'))


if __name__ == '__main__':
    unittest.main()
