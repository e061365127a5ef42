/* SPDX-License-Identifier: Apache-2.0 */
/* test/node/test_crashloop.c -- a message that ends the process each time it is tried is given up in the end: real
 * processes on a real data directory, which die of it. */
#include "work/dead.h"
#include "work/fault.h"
#include <souk/node.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the first three of them above it. */
#include <cmocka.h>

enum { HOUR = 3600000, HERE = 0, CHAINED, ANSWERED, LIVES_MAX = 12 };

static const struct souk_port fuse_port = { "fuse", 1 };

#define BOMB_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)     \
    RECORD(bomb_spark, F(1, u32, how))                                         \
    RECORD(bomb_view, F(1, u32, lit) F(2, u32, told) F(3, u32, ending))        \
    COMMAND(1, bomb_light, public, F(1, u32, how) F(2, bool, null))            \
    COMMAND(2, bomb_fuse, internal, F(1, u32, how) F(2, bool, null))           \
    COMMAND(3, bomb_burst, internal, F(1, bool, null))                         \
    REPLY(4, bomb_told, bomb_burst)                                            \
    REPLY(5, bomb_sparked, bomb_spark)                                         \
    QUERY(1, bomb_show, bomb_view, )                                           \
    EVENT(1, bomb_lit, F(1, u32, how))                                         \
    EVENT(2, bomb_ended, F(1, u32, ending))
SOUK_PROTOCOL(bomb, 5, BOMB_TABLE);

#define BOMB_STATE(F, L, M) F(1, u32, lit) F(2, u32, told) F(3, u32, ending)
SOUK_STATE(bomb, BOMB_STATE);

/* Long enough that it is on disk by then: what a process dies of before it is durable is no message to be counted. */
enum { FUSE_MS = 500 };

static void
die(bool null)
{
    if (!null) abort();
    volatile int *nowhere = NULL;
    *nowhere = 1;
}

static souk_verdict
decide_bomb_light(const struct bomb *b, const struct bomb_light *c, souk_turn *turn)
{
    if (b->lit) return SOUK_ACCEPT;
    if (c->how == ANSWERED) {
        struct bomb_spark spark = { c->how };
        souk_call(turn, &fuse_port, souk_self(turn).key, bomb_sparked, SOUK_WITHIN_MS(HOUR), bomb_spark,
                  .how = spark.how);
    } else {
        souk_wake(turn, FUSE_MS, bomb_fuse, .how = c->how, .null = c->null);
    }
    souk_emit(turn, bomb_lit, .how = c->how);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_bomb_fuse(const struct bomb *b SOUK_UNUSED, const struct bomb_fuse *c, souk_turn *turn)
{
    if (c->how == HERE) die(c->null);
    souk_ref other = { bomb_kind_number, { souk_self(turn).key.high, 77 } };
    souk_ask(turn, other, bomb_told, SOUK_WITHIN_MS(HOUR), bomb_burst, .null = c->null);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_bomb_burst(const struct bomb *b SOUK_UNUSED, const struct bomb_burst *c, souk_turn *turn SOUK_UNUSED)
{
    die(c->null);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_bomb_told(const struct bomb *b SOUK_UNUSED, const struct souk_outcome *outcome, souk_turn *turn)
{
    souk_emit(turn, bomb_ended, .ending = outcome->ending);
    return SOUK_ACCEPT;
}

static souk_verdict
decide_bomb_sparked(const struct bomb *b SOUK_UNUSED, const struct souk_outcome *outcome SOUK_UNUSED,
                    souk_turn *turn SOUK_UNUSED)
{
    die(false);
    return SOUK_ACCEPT;
}

static souk_verdict
answer_bomb_show(const struct bomb *b, const struct bomb_show *q SOUK_UNUSED, const souk_turn *turn SOUK_UNUSED,
                 struct bomb_view *view)
{
    *view = (struct bomb_view){ b->lit, b->told, b->ending };
    return SOUK_ACCEPT;
}

static void
apply_bomb_lit(struct bomb *b, const struct bomb_lit *e SOUK_UNUSED)
{
    b->lit++;
}

static void
apply_bomb_ended(struct bomb *b, const struct bomb_ended *e)
{
    b->told++;
    b->ending = e->ending;
}

static void
check_bomb(const struct bomb *b SOUK_UNUSED)
{
}

SOUK_ACTOR(bomb, BOMB_TABLE);

/* ---- One life of the process. ---- */

static void
spark(void *self, souk_worker *worker, const struct souk_port_call *call)
{
    (void)self;
    souk_port_done(worker, call->ticket, SOUK_DONE, 0, souk_layout_of_bomb_spark, &(struct bomb_spark){ 1 });
}

static struct life {
    souk_worker *worker;
    unsigned how;
    bool null;
    struct souk_request r;
    unsigned asked;
    struct bomb_view view;
    uint64_t letters;
    _Atomic bool over;
} life;

static void ask_next(void);

static void
done(struct souk_request *r, const struct souk_reply *reply)
{
    if (reply->ending == SOUK_DONE && r->row == &bomb_show_query)
        (void)souk_worker_read(life.worker, reply->body, souk_layout_of_bomb_view, &life.view);
    if (reply->ending == SOUK_DONE && r->row == &dead_letters_list_query) {
        struct dead_letters_view view = { 0 };
        (void)souk_worker_read(life.worker, reply->body, souk_layout_of_dead_letters_view, &view);
        life.letters = view.kept;
    }
    ask_next();
}

/* Lights it, and then looks whether it is over, until a letter says so. */
static void
ask_next(void)
{
    static const struct bomb_show show;
    static const struct dead_letters_list list;
    const souk_node *node = souk_worker_node(life.worker);
    struct bomb_light light = { life.how, life.null };
    life.r = (struct souk_request){ .to = souk_ref(bomb, ((souk_key){ 5, 5 })), .row = &bomb_light_command,
                                    .within_ms = 5000, .done = done };
    const void *body = &light;
    if (life.asked && life.asked % 2) {
        life.r.row = &bomb_show_query;
        body = &show;
    } else if (life.asked) {
        if (life.letters && (life.how != CHAINED || life.view.told)) {
            life.over = true;
            return;
        }
        life.r.to = souk_ref(dead_letters, souk_node_key_of(node, SOUK_TEXT("dead_letters")));
        life.r.row = &dead_letters_list_query;
        body = &list;
    }
    life.asked++;
    if (souk_worker_ask_with(life.worker, &life.r, body)) _exit(3);
}

static souk_err
enter(void *self, souk_worker *worker, unsigned number, struct souk_loop *loop)
{
    (void)self, (void)loop;
    if (number) return SOUK_OK;
    life.worker = worker;
    ask_next();
    return SOUK_OK;
}

/* Lives until it dies of the bomb, or has given it up; then it ends with what it has seen. */
static void
live(const char *directory, unsigned how, bool null)
{
    static const struct souk_kind *const kinds[] = { &bomb_kind, NULL };
    static const struct souk_guest guests[] = { { .enter = enter }, { .enter = NULL } };
    static const struct souk_port_driver ports[] = { { &fuse_port, NULL, spark }, { NULL, NULL, NULL } };
    struct souk_options options = { .directory = directory, .kinds = kinds, .guests = guests, .ports = ports,
                                    .workers = 1 };
    static const struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    alarm(20);
    souk_node *node;
    char why[200];
    life = (struct life){ .how = how, .null = null };
    if (souk_node_open(&node, &options, why, sizeof why)) {
        fprintf(stderr, "%s\n", why);
        _exit(2);
    }
    while (!life.over) usleep(1000);
    souk_node_close(&node);
    _exit(life.letters == 1 && (how != CHAINED || (life.view.told == 1 && life.view.ending == SOUK_DEAD)) ? 0 : 4);
}

static unsigned
lives_until_given_up(unsigned how, bool null)
{
    const char *temporary = getenv("TMPDIR");
    char directory[256], command[300];
    snprintf(directory, sizeof directory, "%s/souk-crashloop-XXXXXX", temporary ? temporary : P_tmpdir);
    assert_non_null(mkdtemp(directory));
    unsigned lives = 0;
    for (bool over = false; !over; lives++) {
        assert_true(lives < LIVES_MAX);
        fflush(NULL);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (!pid) live(directory, how, null);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        over = WIFEXITED(status) && !WEXITSTATUS(status);
        if (WIFEXITED(status)) assert_true(over || WEXITSTATUS(status) == 1); /* Of a sanitizer. */
        else assert_int_not_equal(WTERMSIG(status), SIGALRM);
    }
    snprintf(command, sizeof command, "rm -r %s", directory);
    assert_int_equal(system(command), 0);
    return lives;
}

static void
who_aborts_is_given_up(void **state)
{
    (void)state;
    assert_int_equal(lives_until_given_up(HERE, false), 4);
}

static void
who_follows_a_null_is_given_up(void **state)
{
    (void)state;
    assert_int_equal(lives_until_given_up(HERE, true), 4);
}

/* The message that kills is sent and taken in one batch, so it has no id at first. */
static void
who_is_not_on_record_is_found(void **state)
{
    (void)state;
    assert_true(lives_until_given_up(CHAINED, false) <= 7);
}

static void
an_outcome_of_a_port_is_given_up(void **state)
{
    (void)state;
    assert_true(lives_until_given_up(ANSWERED, false) <= 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_aborts_is_given_up),
        cmocka_unit_test(who_follows_a_null_is_given_up),
        cmocka_unit_test(who_is_not_on_record_is_found),
        cmocka_unit_test(an_outcome_of_a_port_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
