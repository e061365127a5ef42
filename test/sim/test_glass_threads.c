/* SPDX-License-Identifier: Apache-2.0 */
/* test/sim/test_glass_threads.c -- the same glasses on a real node with two workers: the keeper rebuilds states beside
 * the journal and the turns of others. */
#include "souk/sim_glass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka wants the first three of them above it. */
#include <cmocka.h>

enum { GLASSES = 8, EACH = 12, MESSAGES = GLASSES * EACH };

/* What a glass says, one after the other; then it is asked until all that it must hear has come. */
static struct teller {
    struct souk_request r;
    souk_worker *worker;
    unsigned number, said, wanted, heard, strange;
    struct glass_end ends[EACH];
    unsigned ends_count, ends_wanted;
} tellers[GLASSES];

static _Atomic unsigned over;

static unsigned
how_of(unsigned number)
{
    return number % 2 ? GLASS_WELL : number / 2 % GLASS_REPLY;
}

static bool
fails(unsigned how)
{
    return how == GLASS_DECIDE || how == GLASS_FAILED || how == GLASS_APPLY || how == GLASS_CHECK;
}

static unsigned
target_of(unsigned number)
{
    return number * 7 % GLASSES;
}

static souk_ref
glass(unsigned i)
{
    return souk_ref(glass, ((souk_key){ 1000 + i, i + 1 })); /* Each in a shard of its own. */
}

static void say(struct teller *t);

static void
look(struct teller *t, const struct glass_view *view)
{
    t->heard = view->notes.count;
    t->strange = 0;
    for (unsigned i = 0; i < view->notes.count; i++) {
        struct glass_note note = view->notes.at[i];
        bool good = note.from < GLASSES && note.number && target_of(note.number) == t->number &&
                    !fails(how_of(note.number));
        for (unsigned k = 0; k < i; k++) good = good && view->notes.at[k].number != note.number;
        t->strange += !good;
    }
    t->ends_count = view->ends.count < EACH ? view->ends.count : EACH;
    for (unsigned i = 0; i < t->ends_count; i++) t->ends[i] = view->ends.at[i];
}

static void
done(struct souk_request *r, const struct souk_reply *reply)
{
    static _Thread_local struct glass_view view;
    struct teller *t = (struct teller *)(void *)r;
    if (r->row == &glass_say_command) t->said += reply->ending == SOUK_DONE;
    else if (souk_worker_read(t->worker, reply->body, souk_layout_of_glass_view, &view)) look(t, &view);
    bool all = t->heard >= t->wanted && t->ends_count >= t->ends_wanted;
    if (r->row == &glass_show_query && all) atomic_fetch_add(&over, 1);
    else say(t);
}

static void
say(struct teller *t)
{
    unsigned number = 1 + t->number + GLASSES * t->said;
    struct glass_say c = { .from = t->number, .to = glass(target_of(number)).key, .number = number,
                           .how = how_of(number), .asks = true };
    struct glass_show q = { GLASS_WELL, 0 };
    bool says = t->said < EACH;
    t->r = (struct souk_request){ .to = glass(t->number), .row = says ? &glass_say_command : &glass_show_query,
                                  .within_ms = 10000, .done = done };
    if (souk_worker_ask_with(t->worker, &t->r, says ? (const void *)&c : &q)) abort();
}

static souk_err
enter(void *self, souk_worker *worker, unsigned number, struct souk_loop *loop)
{
    (void)self, (void)loop;
    for (unsigned i = number; i < GLASSES; i += 2) {
        tellers[i].worker = worker;
        say(&tellers[i]);
    }
    return SOUK_OK;
}

static void
faults_beside_others(void **state)
{
    (void)state;
    static const struct souk_guest guests[] = { { .enter = enter }, { .enter = NULL } };
    const char *temporary = getenv("TMPDIR");
    char directory[256], command[300], why[200];
    snprintf(directory, sizeof directory, "%s/souk-glass-XXXXXX", temporary ? temporary : P_tmpdir);
    assert_non_null(mkdtemp(directory));
    for (unsigned n = 1; n <= MESSAGES; n++) {
        tellers[target_of(n)].wanted += !fails(how_of(n));
        tellers[(n - 1) % GLASSES].ends_wanted++;
    }
    for (unsigned i = 0; i < GLASSES; i++) tellers[i].number = i;
    struct souk_options options = { .directory = directory, .kinds = glass_kinds, .guests = guests, .workers = 2 };
    souk_node *node;
    alarm(60);
    assert_int_equal(souk_node_open(&node, &options, why, sizeof why), SOUK_OK);
    while (atomic_load(&over) < GLASSES) usleep(1000);
    souk_node_close(&node);
    for (unsigned i = 0; i < GLASSES; i++) {
        struct teller *t = &tellers[i];
        assert_int_equal(t->heard, t->wanted);
        assert_int_equal(t->strange, 0);
        for (unsigned k = 0; k < t->ends_count; k++)
            assert_int_equal(t->ends[k].ending, fails(how_of(t->ends[k].number)) ? SOUK_DEAD : SOUK_DONE);
    }
    snprintf(command, sizeof command, "rm -r %s", directory);
    assert_int_equal(system(command), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(faults_beside_others) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
