/* SPDX-License-Identifier: Apache-2.0 */
/* test/work/test_progress.c -- a recovery that takes longer than a second says each second how far it is; a quick one
 * says nothing. The world's clock makes it slow: it moves with each look. */
#include "store/memory.h"
#include "work/partition.h"
#include "world/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the first three of them above it. */
#include <cmocka.h>

#define TICKER_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)   \
    COMMAND(1, ticker_tick, public, )                                          \
    EVENT(1, ticker_ticked, )
SOUK_PROTOCOL(ticker, 3, TICKER_TABLE);

#define TICKER_STATE(F, L, M) F(1, u32, ticks)
SOUK_STATE(ticker, TICKER_STATE);

static souk_verdict
decide_ticker_tick(const struct ticker *t SOUK_UNUSED, const struct ticker_tick *c SOUK_UNUSED, souk_turn *turn)
{
    souk_emit(turn, ticker_ticked);
    return SOUK_ACCEPT;
}

static void
apply_ticker_ticked(struct ticker *t, const struct ticker_ticked *e SOUK_UNUSED)
{
    t->ticks++;
}

static void
check_ticker(const struct ticker *t SOUK_UNUSED)
{
}

SOUK_ACTOR(ticker, TICKER_TABLE);

enum { GROUPS = 10 };

static struct souk_sim_world sim;
static uint64_t step_ns;

static uint64_t
monotonic_ns(void *self SOUK_UNUSED)
{
    return sim.now_ns += step_ns;
}

static struct souk_partition *
open_partition(souk_memory_store *store)
{
    static const struct souk_kind *const kinds[] = { &ticker_kind, NULL };
    struct souk_partition_options options = { .world = &sim.world, .kinds = kinds, .workers = 1 };
    struct souk_partition *p;
    assert_int_equal(souk_memory_store_journal(store, &options.journal), SOUK_OK);
    assert_int_equal(souk_memory_store_vault(store, &options.vault), SOUK_OK);
    assert_int_equal(souk_partition_open(&p, &options, NULL, 0), SOUK_OK);
    assert_int_equal(souk_partition_settle(p), SOUK_OK);
    return p;
}

static void
done(struct souk_request *request SOUK_UNUSED, const struct souk_reply *reply SOUK_UNUSED)
{
}

/* What a recovery on the store says on stderr, when each look at the clock takes so long. */
static void
listen(souk_memory_store *store, uint64_t each_ns, char *said, size_t size)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stderr);
    int before = dup(STDERR_FILENO);
    assert_true(before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    souk_memory_store_crash(store);
    step_ns = each_ns;
    struct souk_partition *p = open_partition(store);
    step_ns = 0;
    souk_partition_close(&p);
    fflush(stderr);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    rewind(file);
    said[fread(said, 1, size - 1, file)] = 0;
    fclose(file);
}

static void
a_slow_recovery_says_how_far_it_is(void **state)
{
    (void)state;
    static struct souk_request requests[GROUPS];
    char said[8192];
    souk_sim_world_init(&sim, 1);
    sim.world.monotonic_ns = monotonic_ns;
    souk_memory_store *store = souk_memory_store_open();
    struct souk_partition *p = open_partition(store);
    for (unsigned i = 0; i < GROUPS; i++) { /* Each one a group of its own. */
        requests[i] = (struct souk_request){ .to = souk_ref(ticker, ((souk_key){ 1, 1 })), .row = &ticker_tick_command,
                                             .within_ms = 60000, .done = done };
        assert_int_equal(souk_worker_ask_with(p->workers[0], &requests[i], &(struct ticker_tick){}), SOUK_OK);
        while (souk_worker_step(p->workers[0]) || souk_commit_step(p)) {}
    }
    assert_int_equal(atomic_load(&p->durable), GROUPS);
    souk_partition_close(&p);

    listen(store, 1000, said, sizeof said);
    assert_string_equal(said, "");
    listen(store, 600000000, said, sizeof said);
    unsigned lines = 0;
    for (const char *at = said; (at = strstr(at, "souk: recovering: ")); at++) lines++;
    assert_true(lines >= 3 && lines < GROUPS);
    assert_non_null(strstr(said, "% of the journal since the last checkpoint"));
    souk_memory_store_close(&store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_slow_recovery_says_how_far_it_is) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
