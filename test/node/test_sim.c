/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/test_sim.c -- the runtime under crashes, from seeds: nothing that was answered is lost, and everything
 * happens once. */
#include "purse.h"

#include <setjmp.h>
#include <souk/sim.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

enum { PURSES = 12, PAYMENTS = 60, FUNDS = 1000 };

static uint64_t
seeds(void)
{
    const char *wanted = getenv("SOUK_SEEDS");
    return wanted ? strtoull(wanted, NULL, 10) : 60;
}

static souk_ref
purse(souk_sim *sim, unsigned i)
{
    char name[16];
    int n = snprintf(name, sizeof name, "purse-%u", i);
    return souk_ref(purse, souk_sim_key_of(sim, (struct souk_text){ name, (size_t)n }));
}

struct payment { struct souk_sim_request r; struct purse_pay pay; souk_ref from; bool done, accepted, lost; };

static void
paid(struct souk_request *request, const struct souk_reply *reply)
{
    struct payment *p = (struct payment *)(void *)request;
    assert_int_not_equal(reply->ending, SOUK_DEAD);
    p->done = reply->ending != SOUK_LATE;
    p->lost = !p->done;
    p->accepted = reply->ending == SOUK_DONE;
    if (reply->ending == SOUK_REFUSED) assert_int_equal(reply->refusal, purse_poor);
}

static void
lost(struct souk_sim_request *r)
{
    ((struct payment *)(void *)r)->lost = true;
}

static void
send(souk_sim *sim, struct payment *p)
{
    p->lost = false;
    p->r = (struct souk_sim_request){
        .request = { .to = p->from, .row = &purse_pay_command, .within_ms = 30000, .done = paid }, .lost = lost };
    p->lost = souk_sim_ask(sim, &p->r, &p->pay) != SOUK_OK; /* Turned away for a while, by a rare chance. */
}

static struct purse_view
show(souk_sim *sim, unsigned i, uint32_t paid_min)
{
    struct purse_view view;
    struct purse_show query = { .paid_min = paid_min };
    struct souk_reply reply =
        souk_sim_tell(sim, purse(sim, i), &purse_show_query, &query, souk_layout_of_purse_view, &view);
    assert_int_equal(reply.ending, SOUK_DONE);
    return view;
}

static uint64_t crashes; /* Of all seeds. */

static uint64_t
run_seed(uint64_t seed, uint32_t crash_one_in)
{
    struct souk_sim_options options = { .seed = seed, .kinds = purse_kinds, .crash_one_in = crash_one_in,
                                        .checkpoint_one_in = 150, .actors_max = seed % 2 ? 256 : 0,
                                        .buggify = seed % 3 == 0 };
    souk_sim *sim = souk_sim_open(&options);
    static struct payment payments[PAYMENTS];
    memset(payments, 0, sizeof payments);
    for (unsigned i = 0; i < PURSES; i++) {
        struct purse_fill fill = { .owner = SOUK_TEXT("somebody"), .amount = FUNDS };
        souk_sim_tell(sim, purse(sim, i), &purse_fill_command, &fill, NULL, NULL);
        struct purse_ring ring = { .times = 3 };
        if (i == 0) souk_sim_tell(sim, purse(sim, i), &purse_ring_command, &ring, NULL, NULL);
    }
    for (unsigned n = 0; n < PAYMENTS; n++) {
        struct payment *p = &payments[n];
        p->from = purse(sim, (unsigned)souk_sim_draw(sim, PURSES));
        p->pay = (struct purse_pay){ .id = { 9, n + 1 }, .to = purse(sim, (unsigned)souk_sim_draw(sim, PURSES)).key,
                                     .amount = 1 + souk_sim_draw(sim, 300) };
        send(sim, p);
        for (uint64_t steps = souk_sim_draw(sim, 6); steps > 0; steps--) souk_sim_step(sim);
    }
    for (bool open = true; open;) {
        open = false;
        for (unsigned n = 0; n < PAYMENTS; n++) {
            if (payments[n].done) continue;
            open = true;
            if (payments[n].lost) send(sim, &payments[n]);
        }
        souk_sim_step(sim);
    }
    assert_true(souk_sim_run(sim, 1000000)); /* Until no timer is left. */
    uint64_t sum = 0, open = 0, reminders = show(sim, 0, 0).reminders;
    for (unsigned i = 0; i < PURSES; i++) {
        struct purse_view view = show(sim, i, 0);
        assert_memory_equal(view.owner.at, "somebody", 8);
        sum += view.balance;
        open += view.open;
    }
    if (sum != PURSES * FUNDS || open) fail_msg("seed %llu: sum %llu, %llu open", (unsigned long long)seed,
                                               (unsigned long long)sum, (unsigned long long)open);
    assert_true(reminders >= 3 && reminders % 3 == 0); /* Each ring that was accepted rings three times. */
    uint64_t trace = souk_sim_counts(sim).trace;
    crashes += souk_sim_counts(sim).crashes;
    assert_int_equal(souk_sim_counts(sim).faults, 0);
    souk_sim_close(&sim);
    return trace;
}

static void
money_is_neither_lost_nor_made(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++) run_seed(seed, 0);
}

static void
nor_under_crashes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++) run_seed(1000 + seed, 40);
    assert_true(crashes >= seeds());
}

static void
a_seed_replays(void **state)
{
    (void)state;
    assert_int_equal(run_seed(5, 60), run_seed(5, 60));
    assert_int_not_equal(run_seed(5, 60), run_seed(6, 60));
}

static void
a_query_waits_for_the_change(void **state)
{
    (void)state;
    struct souk_sim_options options = { .seed = 3, .kinds = purse_kinds };
    souk_sim *sim = souk_sim_open(&options);
    struct purse_fill fill = { .owner = SOUK_TEXT("a"), .amount = 10 };
    souk_sim_tell(sim, purse(sim, 0), &purse_fill_command, &fill, NULL, NULL);
    struct payment p = { .from = purse(sim, 0), .pay = { .id = { 1, 1 }, .to = purse(sim, 1).key, .amount = 3 } };
    send(sim, &p);
    assert_int_equal(show(sim, 0, 1).paid, 1); /* Answered only after the thinker, who takes 5 ms, has taken it. */
    assert_true(p.accepted);
    struct purse_relay relay = { .to = purse(sim, 0).key, .amount = 8 };
    struct purse_receipt receipt;
    struct souk_reply reply = souk_sim_tell(sim, purse(sim, 4), &purse_relay_command, &relay,
                                            souk_layout_of_purse_receipt, &receipt);
    assert_int_equal(reply.ending, SOUK_DONE);
    assert_int_equal(receipt.balance, 15);
    souk_sim_close(&sim);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_waits_for_the_change),
        cmocka_unit_test(money_is_neither_lost_nor_made),
        cmocka_unit_test(nor_under_crashes),
        cmocka_unit_test(a_seed_replays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
