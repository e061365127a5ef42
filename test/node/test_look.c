/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/test_look.c -- looking into a node, in a simulation: what is told of kinds, queues, one actor, faults, dead
 * letters, and the trace. */
#include "codec/dump.h"
#include "purse.h"
#include "toiler.h"

#include <setjmp.h>
#include <souk/inspect.h>
#include <souk/sim.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

static souk_sim *sim;
static const struct souk_kind *kinds[] = { &toiler_kind, NULL, NULL };

/* What the last look told. */
static struct {
    bool done;
    souk_err err;
    unsigned silent;
    struct souk_look_node node;
    struct souk_look_actor actor;
    struct souk_look_letters letters;
    uint8_t state[SOUK_LOOK_STATE_MAX], body[SOUK_LOOK_BODY_MAX];
} told;

static int
open_sim(void **state)
{
    (void)state;
    kinds[1] = purse_kinds[0];
    const struct souk_sim_options options = { .seed = 7, .kinds = kinds, .workers = 3 };
    sim = souk_sim_open(&options);
    return sim ? 0 : -1;
}

static int
close_sim(void **state)
{
    (void)state;
    souk_sim_close(&sim);
    return 0;
}

static souk_ref
toiler(const char *name)
{
    return souk_ref(toiler, souk_sim_key_of(sim, souk_text_of(name)));
}

static void
heard(struct souk_look *look, const struct souk_look_answer *answer)
{
    (void)look;
    told.done = true;
    told.err = answer->err;
    told.silent = answer->silent;
    if (answer->node) told.node = *answer->node;
    if (answer->actor) {
        told.actor = *answer->actor;
        memcpy(told.state, answer->actor->state.at, answer->actor->state.length);
        told.actor.state.at = told.state;
    }
    if (answer->letters) {
        told.letters = *answer->letters;
        if (answer->letters->count && answer->letters->at[0].body.length) {
            memcpy(told.body, answer->letters->at[0].body.at, answer->letters->at[0].body.length);
            told.letters.at[0].body.at = told.body;
        }
    }
}

static void
look(struct souk_look l)
{
    memset(&told, 0, sizeof told);
    l.done = heard;
    assert_int_equal(souk_worker_look(souk_sim_door(sim), &l), SOUK_OK);
    assert_false(told.done); /* Never inside the call. */
    while (!told.done) assert_true(souk_sim_step(sim));
}

/* Asks without waiting for the answer, which a toiler that pauses doesn't give. */
static struct souk_sim_request asked[64];
static unsigned asked_count;

static void
answered(struct souk_request *request, const struct souk_reply *reply)
{
    (void)request;
    (void)reply;
}

static void
ask(souk_ref to, const struct souk_row *row, const void *message)
{
    struct souk_sim_request *r = &asked[asked_count++ % 64];
    *r = (struct souk_sim_request){ .request = { .to = to, .row = row, .within_ms = 60000, .done = answered } };
    assert_int_equal(souk_sim_ask(sim, r, message), SOUK_OK);
}

static void
tell(souk_ref to, const struct souk_row *row, const void *message)
{
    (void)souk_sim_tell(sim, to, row, message, NULL, NULL);
}

static const struct souk_look_kind *
kind(const struct souk_kind *wanted)
{
    for (unsigned i = 0; i < told.node.kinds_count; i++)
        if (told.node.kinds[i].kind == wanted) return &told.node.kinds[i];
    fail();
    return NULL;
}

/* ---- Tests. ---- */

static void
kinds_are_counted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        char name[8];
        snprintf(name, sizeof name, "%u", i);
        tell(toiler(name), &toiler_add_command, &(struct toiler_add){ 1 });
    }
    tell(toiler("0"), &toiler_refuse_command, &(struct toiler_refuse){ 1 });
    tell(souk_ref(purse, souk_sim_key_of(sim, SOUK_TEXT("p"))), &purse_fill_command,
         &(struct purse_fill){ SOUK_TEXT("ann"), 5 });
    look((struct souk_look){ .at = SOUK_LOOK_AT_NODE });
    assert_int_equal(told.err, SOUK_OK);
    assert_int_equal(told.silent, 0);
    assert_int_equal(told.node.kinds_count, 3); /* The runtime's own has no actor yet. */
    assert_int_equal(kind(&toiler_kind)->lives, 20);
    assert_int_equal(kind(&toiler_kind)->turns, 21);
    assert_int_equal(kind(&toiler_kind)->refusals, 1);
    assert_int_equal(kind(&toiler_kind)->waiting, 0);
    assert_int_equal(kind(purse_kinds[0])->lives, 1);
    assert_int_equal(kind(purse_kinds[0])->turns, 1);
    assert_int_equal(told.node.workers_count, 3);
    uint64_t turns = 0;
    for (unsigned i = 0; i < 3; i++) turns += told.node.workers[i].turns;
    assert_int_equal(turns, 22);
    assert_int_equal(told.node.queues_count, 0);
    assert_int_equal(told.node.faults_count, 0);
}

/* One that has failed pauses, and what it is sent waits: a queue that doesn't move while it is looked at. */
static void
queues_and_faults_are_told(void **state)
{
    (void)state;
    for (unsigned deep = 1; deep <= 4; deep++) {
        char name[8];
        snprintf(name, sizeof name, "%u", deep);
        ask(toiler(name), &toiler_break_command, &(struct toiler_break){ 1 });
        souk_sim_pass(sim, 10);
        for (unsigned i = 0; i < deep; i++) ask(toiler(name), &toiler_add_command, &(struct toiler_add){ 1 });
    }
    souk_sim_pass(sim, 10);
    look((struct souk_look){ .at = SOUK_LOOK_AT_NODE, .queues = 3 });
    const struct souk_look_kind *k = kind(&toiler_kind);
    assert_int_equal(k->waiting, 1 + 2 + 3 + 4);
    assert_int_equal(k->depth, 4);
    assert_true(souk_key_equal(k->deepest, toiler("4").key));
    assert_int_equal(k->faults, 4);
    assert_int_equal(k->restarts, 4);
    assert_int_equal(k->letters, 4); /* The message that broke it. */
    assert_int_equal(told.node.queues_count, 3);
    for (unsigned i = 0; i < 3; i++) assert_int_equal(told.node.queues[i].depth, 4 - i);
    assert_false(told.node.estimated);
    assert_int_equal(told.node.faults_count, 4);
    const struct souk_noted *last = &told.node.faults[0];
    assert_ptr_equal(last->kind, &toiler_kind);
    assert_true(souk_key_equal(last->key, toiler("4").key));
    assert_string_equal(last->message, "toiler_break");
    assert_string_equal(last->what, "c->times == 0");
    assert_non_null(strstr(last->file, "toiler.c"));
    look((struct souk_look){ .at = SOUK_LOOK_AT_ACTOR, .actor = toiler("4") });
    assert_true(told.actor.live && told.actor.paused);
    assert_int_equal(told.actor.depth, 4);
}

static void
an_actor_is_shown(void **state)
{
    (void)state;
    char json[512], wanted[256];
    size_t length;
    uint32_t count;
    tell(toiler("1"), &toiler_add_command, &(struct toiler_add){ 41 });
    ask(toiler("1"), &toiler_put_aside_command, &(struct toiler_put_aside){ 1 });
    souk_sim_pass(sim, 10);
    look((struct souk_look){ .at = SOUK_LOOK_AT_ACTOR, .actor = toiler("1") });
    assert_int_equal(told.err, SOUK_OK);
    assert_true(told.actor.live && !told.actor.traced && !told.actor.paused);
    assert_int_equal(told.actor.depth, 1); /* In its stash. */
    const struct souk_field *fields = toiler_kind.state(&count);
    assert_int_equal(souk_dump_state(fields, count, told.actor.state, json, sizeof json, &length), SOUK_OK);
    souk_key key = toiler("1").key;
    snprintf(wanted, sizeof wanted,
             "{\"units\":41,\"name\":\"t\\\"1\\\"\",\"by_key\":{\"%016llx%016llx\":{\"units\":41}}}",
             (unsigned long long)key.high, (unsigned long long)key.low);
    assert_string_equal(json, wanted);
    struct souk_bytes cut = { told.actor.state.at, told.actor.state.length - 1 };
    assert_int_equal(souk_dump_state(fields, count, cut, json, sizeof json, &length), SOUK_ERR_MALFORMED);
    assert_int_equal(souk_dump_state(fields, count, told.actor.state, json, 10, &length), SOUK_ERR_TOO_LARGE);

    souk_ref purse = souk_ref(purse, souk_sim_key_of(sim, SOUK_TEXT("p")));
    tell(purse, &purse_fill_command, &(struct purse_fill){ SOUK_TEXT("ann"), 5 });
    look((struct souk_look){ .at = SOUK_LOOK_AT_ACTOR, .actor = purse });
    assert_true(told.actor.live && told.actor.position);
    fields = purse_kinds[0]->state(&count);
    assert_int_equal(souk_dump_state(fields, count, told.actor.state, json, sizeof json, &length), SOUK_OK);
    assert_non_null(strstr(json, "\"owner\":\"ann\",\"balance\":5,"));

    look((struct souk_look){ .at = SOUK_LOOK_AT_ACTOR, .actor = toiler("nobody") });
    assert_int_equal(told.err, SOUK_OK);
    assert_false(told.actor.live);
    struct souk_look unknown = { .at = SOUK_LOOK_AT_ACTOR, .actor = { 62, { 1, 1 } }, .done = heard };
    assert_int_equal(souk_worker_look(souk_sim_door(sim), &unknown), SOUK_ERR_UNKNOWN);
}

static void
letters_are_listed_and_sent_again(void **state)
{
    (void)state;
    souk_ref to = toiler("1");
    ask(to, &toiler_break_command, &(struct toiler_break){ 1 });
    souk_sim_pass(sim, 10);
    for (unsigned i = 0; i < 10; i++) ask(to, &toiler_add_command, &(struct toiler_add){ 100 + i }); /* It takes 8. */
    souk_sim_pass(sim, 10);
    look((struct souk_look){ .at = SOUK_LOOK_AT_LETTERS });
    assert_true(told.letters.count > 2);
    assert_int_equal(told.letters.ever, told.letters.count);
    const struct souk_look_letter *last = &told.letters.at[0], *first = &told.letters.at[told.letters.count - 1];
    assert_string_equal(first->message, "toiler_break");
    assert_int_equal(first->ending, SOUK_DEAD);
    assert_string_equal(last->message, "toiler_add");
    assert_int_equal(last->ending, SOUK_REFUSED);
    assert_int_equal(last->refusal, SOUK_OVERLOADED);
    assert_true(last->asked && last->row == &toiler_add_command);
    char json[64];
    size_t length;
    assert_int_equal(souk_dump(last->row->layout, last->body, json, sizeof json, &length), SOUK_OK);
    assert_non_null(strstr(json, "{\"units\":10"));

    souk_sim_pass(sim, 120000); /* It lives again, and has done what waited. */
    struct toiler_view before, after;
    (void)souk_sim_tell(sim, to, &toiler_show_query, &(struct toiler_show){ 0 }, souk_layout_of_toiler_view, &before);
    uint64_t id = last->id;
    look((struct souk_look){ .at = SOUK_LOOK_REPLAY, .letter = id });
    assert_int_equal(told.err, SOUK_OK);
    souk_sim_pass(sim, 10);
    (void)souk_sim_tell(sim, to, &toiler_show_query, &(struct toiler_show){ 0 }, souk_layout_of_toiler_view, &after);
    assert_in_range(after.units - before.units, 100, 109);
    look((struct souk_look){ .at = SOUK_LOOK_REPLAY, .letter = id }); /* Once only. */
    assert_int_equal(told.err, SOUK_ERR_MISSING);
    look((struct souk_look){ .at = SOUK_LOOK_REPLAY, .letter = 63 });
    assert_int_equal(told.err, SOUK_ERR_MISSING);
    look((struct souk_look){ .at = SOUK_LOOK_REPLAY, .letter = UINT64_MAX });
    assert_int_equal(told.err, SOUK_ERR_MISSING);
}

static void
a_trace_tells_each_turn(void **state)
{
    (void)state;
    char lines[8192], wanted[400];
    uint64_t first;
    souk_ref to = toiler("1"), other = toiler("2"), purse = souk_ref(purse, souk_sim_key_of(sim, SOUK_TEXT("p")));
    look((struct souk_look){ .at = SOUK_LOOK_TRACE, .actor = to, .on = true });
    assert_int_equal(told.err, SOUK_ERR_MISSING); /* It isn't there yet. */
    tell(to, &toiler_add_command, &(struct toiler_add){ 1 });
    assert_int_equal(souk_worker_trace(souk_sim_door(sim), 0, &first, lines, sizeof lines), 0);
    look((struct souk_look){ .at = SOUK_LOOK_TRACE, .actor = to, .on = true });
    assert_int_equal(told.err, SOUK_OK);
    assert_true(told.actor.traced);
    tell(to, &toiler_pass_on_command, &(struct toiler_pass_on){ other.key, 2 });
    tell(to, &toiler_refuse_command, &(struct toiler_refuse){ 1 });
    size_t length = souk_worker_trace(souk_sim_door(sim), 0, &first, lines, sizeof lines);
    lines[length] = 0;
    assert_int_equal(first, 1);
    char send[120];
    snprintf(send, sizeof send, "{\"kind\":\"toiler\",\"key\":\"%016llx%016llx\",\"message\":\"toiler_add\"}",
             (unsigned long long)other.key.high, (unsigned long long)other.key.low);
    snprintf(wanted, sizeof wanted, "\"message\":\"toiler_pass_on\",\"verdict\":\"accept\",\"sends\":[%s,%s]}\n",
             send, send);
    assert_non_null(strstr(lines, wanted));
    assert_non_null(strstr(lines, "\"message\":\"toiler_refuse\",\"verdict\":\"toiler_tired\",\"sends\":[]}\n"));
    assert_null(strstr(lines, "\"kind\":\"toiler\",\"key\":\"0000")); /* Nor of anybody else. */

    tell(purse, &purse_fill_command, &(struct purse_fill){ SOUK_TEXT("ann"), 50 });
    look((struct souk_look){ .at = SOUK_LOOK_TRACE, .actor = purse, .on = true });
    look((struct souk_look){ .at = SOUK_LOOK_TRACE, .actor = to, .on = false });
    assert_false(told.actor.traced);
    tell(to, &toiler_add_command, &(struct toiler_add){ 1 });
    tell(purse, &purse_pay_command, &(struct purse_pay){ { 1, 1 }, { 2, 2 }, 4 });
    souk_sim_pass(sim, 10);
    length = souk_worker_trace(souk_sim_door(sim), 2, &first, lines, sizeof lines);
    lines[length] = 0;
    assert_int_equal(first, 3);
    assert_null(strstr(lines, "toiler"));
    assert_non_null(strstr(lines, "\"message\":\"purse_pay\",\"verdict\":\"accept\",\"sends\":[{\"kind\":\"purse\""));
    assert_non_null(strstr(lines, "\"message\":\"purse_taken\""));

    ask(other, &toiler_add_command, &(struct toiler_add){ 1 });
    souk_sim_pass(sim, 10);
    look((struct souk_look){ .at = SOUK_LOOK_TRACE, .actor = other, .on = true });
    tell(other, &toiler_pass_on_command, &(struct toiler_pass_on){ to.key, 200 }); /* More than a line has room for. */
    ask(other, &toiler_break_command, &(struct toiler_break){ 1 });
    souk_sim_pass(sim, 10);
    length = souk_worker_trace(souk_sim_door(sim), 0, &first, lines, sizeof lines);
    lines[length] = 0;
    assert_non_null(strstr(lines, "],\"more\":19"));
    assert_non_null(strstr(lines, "\"message\":\"toiler_break\",\"verdict\":\"failed\""));
    assert_true(souk_worker_trace(souk_sim_door(sim), 0, &first, lines, 600) <= 600); /* The last lines. */
    assert_true(first > 1);
}

static void
a_look_can_be_forgotten(void **state)
{
    (void)state;
    memset(&told, 0, sizeof told);
    struct souk_look l = { .at = SOUK_LOOK_AT_NODE, .done = heard };
    assert_int_equal(souk_worker_look(souk_sim_door(sim), &l), SOUK_OK);
    souk_worker_look_forget(souk_sim_door(sim), &l);
    souk_sim_pass(sim, 2000);
    assert_false(told.done);
    struct souk_look many[32];
    unsigned taken = 0;
    for (unsigned i = 0; i < 32; i++) {
        many[i] = (struct souk_look){ .at = SOUK_LOOK_AT_NODE, .done = heard };
        taken += souk_worker_look(souk_sim_door(sim), &many[i]) == SOUK_OK;
    }
    assert_int_equal(taken, 16);
    souk_sim_pass(sim, 2000);
    assert_true(told.done);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kinds_are_counted, open_sim, close_sim),
        cmocka_unit_test_setup_teardown(queues_and_faults_are_told, open_sim, close_sim),
        cmocka_unit_test_setup_teardown(an_actor_is_shown, open_sim, close_sim),
        cmocka_unit_test_setup_teardown(letters_are_listed_and_sent_again, open_sim, close_sim),
        cmocka_unit_test_setup_teardown(a_trace_tells_each_turn, open_sim, close_sim),
        cmocka_unit_test_setup_teardown(a_look_can_be_forgotten, open_sim, close_sim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
