/* SPDX-License-Identifier: Apache-2.0 */
/* test/work/test_slice.c -- the order of messages between two actors where workers interleave. One thread plays them
 * all: shards are marked as another worker's by hand, and mailboxes pushed in two halves. */
#include "store/memory.h"
#include "work/partition.h"
#include "world/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

#define NOTER_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)    \
    COMMAND(1, noter_note, public, F(1, u32, number))                          \
    COMMAND(2, noter_send, public, F(1, key, to) F(2, u32, number))            \
    COMMAND(3, noter_free, public, )                                           \
    EVENT(1, noter_noted, F(1, u32, number))
SOUK_PROTOCOL(noter, 3, NOTER_TABLE);

#define NOTER_STATE(F, L, M) L(1, u32, numbers)
SOUK_STATE(noter, NOTER_STATE);

enum { OTHERS = 77 }; /* The shard that another worker has at first. */

static struct souk_partition *partition;
static bool nested;
static uint32_t noted[16], noted_count; /* By the actors of that shard, in the order of their turns. */

static souk_verdict
decide_noter_note(const struct noter *n SOUK_UNUSED, const struct noter_note *c, souk_turn *turn)
{
    if (c->number) noted[noted_count++] = c->number;
    souk_emit(turn, noter_noted, .number = c->number);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_noter_send(const struct noter *n SOUK_UNUSED, const struct noter_send *c, souk_turn *turn)
{
    souk_tell(turn, souk_ref(noter, c->to), noter_note, .number = c->number);
    return SOUK_ACCEPT;
}

/* The other worker lets go, in the middle of our slice; or, as worker 1's, worker 0 does all that he has to do. */
static souk_verdict
decide_noter_free(const struct noter *n SOUK_UNUSED, const struct noter_free *c SOUK_UNUSED,
                  souk_turn *turn SOUK_UNUSED)
{
    if (nested) souk_worker_step(partition->workers[0]);
    else atomic_store(&partition->shards[OTHERS].state, SOUK_SHARD_IDLE);
    return SOUK_ACCEPT;
}

static void
apply_noter_noted(struct noter *n, const struct noter_noted *e)
{
    *souk_add(n, numbers) = e->number;
}

static void
check_noter(const struct noter *n)
{
    (void)n;
}

SOUK_ACTOR(noter, NOTER_TABLE);

struct fixture { struct souk_sim_world world; souk_memory_store *store; souk_journal *journal; souk_vault *vault; };

static int
set_up(void **state)
{
    static const struct souk_kind *const kinds[] = { &noter_kind, NULL };
    static struct fixture f;
    souk_sim_world_init(&f.world, 1);
    f.store = souk_memory_store_open();
    if (souk_memory_store_journal(f.store, &f.journal) || souk_memory_store_vault(f.store, &f.vault)) return 1;
    struct souk_partition_options options = { .world = &f.world.world, .kinds = kinds, .journal = f.journal,
                                              .vault = f.vault, .workers = 2 };
    noted_count = 0;
    *state = &f;
    souk_err err = souk_partition_open(&partition, &options, NULL, 0);
    return (int)(err ? err : souk_partition_settle(partition));
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;
    souk_partition_close(&partition);
    souk_memory_store_close(&f->store);
    return 0;
}

static void
done(struct souk_request *request, const struct souk_reply *reply)
{
    (void)request;
    assert_int_equal(reply->ending, SOUK_DONE);
}

/* Asks an actor of a shard, by a worker. Requests are kept until the end: nobody waits for them. */
static void
ask_by(unsigned worker, struct souk_request *r, uint64_t shard, uint64_t low, const struct souk_row *row,
       const void *message)
{
    *r = (struct souk_request){ .to = souk_ref(noter, ((souk_key){ shard, low })), .row = row, .within_ms = 60000,
                                .done = done };
    assert_int_equal(souk_worker_ask_with(partition->workers[worker], r, message), SOUK_OK);
}

static void
ask(struct souk_request *r, uint64_t shard, uint64_t low, const struct souk_row *row, const void *message)
{
    ask_by(0, r, shard, low, row, message);
}

static void
run_all(void)
{
    for (unsigned n = 0; n < 50; n++) {
        souk_worker_step(partition->workers[0]);
        souk_worker_step(partition->workers[1]);
        souk_commit_step(partition);
    }
}

static void
what_waits_to_be_published_is_not_overtaken(void **state)
{
    (void)state;
    struct souk_request r[10];
    souk_key b = { OTHERS, 1 };
    atomic_store(&partition->shards[OTHERS].state, SOUK_SHARD_HELD);
    ask(&r[0], 1, 1, &noter_send_command, &(struct noter_send){ b, 1 }); /* Must wait: the shard is another's. */
    ask(&r[1], 2, 2, &noter_free_command, &(struct noter_free){});
    for (unsigned i = 2; i < 8; i++) ask(&r[i], 3, 3, &noter_note_command, &(struct noter_note){ 0 });
    ask(&r[8], OTHERS, 9, &noter_note_command, &(struct noter_note){ 0 }); /* Comes when the shard is free. */
    ask(&r[9], 1, 1, &noter_send_command, &(struct noter_send){ b, 2 });
    run_all();
    assert_int_equal(noted_count, 2);
    assert_int_equal(noted[0], 1);
    assert_int_equal(noted[1], 2);
}

/* Worker 1 holds B. Meanwhile worker 0 has A, which sends to B, and lets go of it. Then worker 1 takes A, too. */
static void
what_came_to_a_held_shard_is_not_overtaken(void **state)
{
    (void)state;
    struct souk_request r[11];
    souk_key b = { OTHERS, 1 };
    nested = true;
    ask_by(0, &r[0], 1, 1, &noter_send_command, &(struct noter_send){ b, 1 });
    ask_by(1, &r[1], OTHERS, 9, &noter_note_command, &(struct noter_note){ 0 });
    ask_by(1, &r[2], 2, 2, &noter_free_command, &(struct noter_free){});
    for (unsigned i = 3; i < 9; i++) ask_by(1, &r[i], 3, 3, &noter_note_command, &(struct noter_note){ 0 });
    ask_by(1, &r[9], 1, 1, &noter_send_command, &(struct noter_send){ b, 2 });
    souk_worker_step(partition->workers[1]);
    run_all();
    nested = false;
    assert_int_equal(noted_count, 2);
    assert_int_equal(noted[0], 1);
    assert_int_equal(noted[1], 2);
}

static struct souk_message *
note(uint32_t number)
{
    struct noter_note body = { number };
    size_t length = souk_layout_of_noter_note->encoded(&body);
    struct souk_message *m = souk_message_new(partition->heap, SOUK_TELL, length);
    m->to = souk_ref(noter, ((souk_key){ OTHERS, 1 }));
    m->tag = noter_note_tag;
    souk_layout_of_noter_note->put(m->body, &body);
    return m;
}

/* The first half of a push: its sender stops before the link is there. */
static struct souk_message *
push_half(struct souk_mailbox *box, struct souk_message *m)
{
    return atomic_exchange(&box->tail, m);
}

static void
what_a_half_done_push_hides_is_not_overtaken(void **state)
{
    (void)state;
    struct souk_shard *shard = &partition->shards[OTHERS];
    struct souk_message *first = note(1), *second = note(2);
    struct souk_message *before = push_half(&shard->mailbox, first);
    souk_mailbox_push(&shard->mailbox, second, second);
    struct souk_request r;
    ask(&r, 1, 1, &noter_send_command, &(struct noter_send){ { OTHERS, 1 }, 3 });
    run_all();
    assert_int_equal(noted_count, 0);
    before->next = first;
    run_all();
    assert_int_equal(noted_count, 3);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(noted[i], i + 1);
}

/* A checkpoint that cannot see what lies in a mailbox waits; else its `low` would forget it. */
static void
a_checkpoint_waits_for_a_half_done_push(void **state)
{
    (void)state;
    struct souk_shard *shard = &partition->shards[OTHERS];
    struct souk_request r;
    ask(&r, OTHERS, 1, &noter_note_command, &(struct noter_note){ 1 });
    run_all();
    struct souk_message *hidden = note(2), *before = push_half(&shard->mailbox, hidden);
    atomic_store(&partition->checkpoint_wanted, true);
    for (unsigned n = 0; n < 400; n++) {
        souk_keeper_step(partition);
        run_all();
    }
    assert_int_equal(atomic_load(&partition->checkpoints), 0);
    assert_int_equal(atomic_load(&partition->checkpoint.left), 1);
    before->next = hidden;
    for (unsigned n = 0; n < 400 && !atomic_load(&partition->checkpoints); n++) {
        souk_keeper_step(partition);
        run_all();
    }
    assert_int_equal(atomic_load(&partition->checkpoints), 1);
    assert_int_equal(noted_count, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_waits_to_be_published_is_not_overtaken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_came_to_a_held_shard_is_not_overtaken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_half_done_push_hides_is_not_overtaken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_checkpoint_waits_for_a_half_done_push, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
