/* SPDX-License-Identifier: Apache-2.0 */
/* test/evolve/test_versions.c -- data that one version of a kind has written, read by another: the newer reads it all,
 * the older refuses what it cannot know, before it writes. On real data directories, each life of which is a process,
 * and in the simulator, where a till grows up in a crash. */
#include "store/data.h"
#include "store/file.h"
#include "till1.h"
#include "till2.h"
#include "till3.h"
#include "work/partition.h"

#include <setjmp.h>
#include <souk/sim.h>
#include <souk/topic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the four above it. */
#include <cmocka.h>

enum { HOUR = 3600000, SKUS = 4, ASKS_MAX = 32, LISTING = 16384 };

static const struct souk_kind *const first[] = { &till1_kind, NULL };
static const struct souk_kind *const second[] = { &till2_kind, NULL };
static const struct souk_kind *const third[] = { &till3_kind, NULL };
static char directory[64], data[80];

/* ---- A life: a process with a node that is told some things and asked for a view of two tills. ---- */

struct ask { const struct souk_row *row; unsigned till; const void *message; };

/* How the view of any of the versions is read: by the longest. */
struct seen { struct till2_view view; char owner[16], currency[8]; };

struct life {
    const struct ask *asks;
    unsigned count, next;
    bool killed;            /* It ends without closing the node. */
    unsigned hear;          /* It subscribes to sales, and waits for so many. */
    bool done;
    souk_worker *worker;
    struct souk_request request;
    /* In memory that outlives the process. */
    struct told { souk_err err; char why[300]; struct seen tills[2]; unsigned heard; int64_t heard_sum; } *told;
};

static struct life life;

static void
keep_text(char *out, size_t size, struct souk_text text)
{
    assert_true(text.length < size);
    if (text.length) memcpy(out, text.at, text.length);
    out[text.length] = 0;
}

static void next(void);

static void
answered(struct souk_request *request, const struct souk_reply *reply)
{
    const struct ask *ask = &life.asks[life.next++];
    souk_assert(reply->ending == SOUK_DONE);
    if (ask->row->class == SOUK_QUERY) {
        struct seen *seen = &life.told->tills[ask->till];
        bool fits = souk_worker_read(life.worker, reply->body, souk_layout_of_till2_view, &seen->view);
        souk_assert(fits);
        keep_text(seen->owner, sizeof seen->owner, seen->view.owner);
        keep_text(seen->currency, sizeof seen->currency, seen->view.currency);
    }
    (void)request;
    next();
}

static void
next(void)
{
    life.done = life.next == life.count;
    if (life.done) return;
    const struct ask *ask = &life.asks[life.next];
    souk_key key = souk_node_key_of(souk_worker_node(life.worker), ask->till ? SOUK_TEXT("b") : SOUK_TEXT("a"));
    life.request = (struct souk_request){ .to = { TILL, key }, .row = ask->row, .within_ms = 30000, .done = answered };
    souk_err err = souk_worker_ask_with(life.worker, &life.request, ask->message);
    souk_assert(!err);
}

static bool
happened(struct souk_subscription *s, souk_worker *worker, const struct souk_happened *h)
{
    struct till2_sold sold;
    (void)s;
    bool fits = souk_worker_event_read(worker, h, till2_sold, &sold);
    souk_assert(fits && sold.parts.count == 1 && souk_text_equal(sold.currency, SOUK_TEXT("EUR")));
    life.told->heard++;
    life.told->heard_sum += sold.parts.at[0].units * sold.parts.at[0].price;
    return true;
}

static struct souk_subscription subscription = { .happened = happened };

static souk_err
enter(void *self, souk_worker *worker, unsigned number, struct souk_loop *loop)
{
    (void)self;
    (void)number;
    (void)loop;
    life.worker = worker;
    if (life.hear)
        souk_worker_subscribe(worker, &subscription, &(struct souk_topic){ .events = SOUK_EVENTS(till2_sold) });
    next();
    return SOUK_OK;
}

static void
leave(void *self, souk_worker *worker, unsigned number)
{
    (void)self;
    (void)number;
    if (life.hear) souk_worker_unsubscribe(worker, &subscription);
}

static bool
idle(void *self, souk_worker *worker, unsigned number)
{
    (void)self;
    (void)worker;
    (void)number;
    return life.done && life.told->heard >= life.hear;
}

static int
live(const struct souk_kind *const *kinds)
{
    struct souk_guest guests[] = { { .enter = enter, .leave = leave, .idle = idle }, { .enter = NULL } };
    struct souk_options options = { .directory = data, .kinds = kinds, .guests = guests, .workers = 1 };
    souk_node *node;
    life.told->err = souk_node_open(&node, &options, life.told->why, sizeof life.told->why);
    if (life.told->err) return 0;
    souk_node_drain(node, 20000);
    if (life.killed) _exit(life.done ? 0 : 3);
    souk_node_close(&node);
    return life.done && life.told->heard == life.hear ? 0 : 3;
}

/* Lives it; what was told. */
static struct told
run(const struct souk_kind *const *kinds, const struct ask *asks, unsigned count, bool killed, unsigned hear)
{
    struct told *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), out;
    assert_true(told != MAP_FAILED);
    life = (struct life){ .asks = asks, .count = count, .killed = killed, .hear = hear, .told = told };
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) _exit(live(kinds));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    out = *told;
    munmap(told, sizeof *told);
    return out;
}
#define RUN(kinds, asks, killed, hear) run(kinds, asks, sizeof(asks) / sizeof *(asks), killed, hear)

static void
shell(const char *format)
{
    char command[256];
    snprintf(command, sizeof command, format, data);
    assert_int_equal(system(command), 0);
}

/* All files with their sums and times, but for the lock's, which holds the number of who looked last. */
static void
list(char out[LISTING])
{
    char command[256];
    snprintf(command, sizeof command, "cd '%s' && files=$(find . -type f ! -name reserve ! -name lock | sort) && "
             "stat -c '%%n %%s %%y %%z' $files && cksum $files", data);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t length = fread(out, 1, LISTING - 1, pipe);
    out[length] = 0;
    assert_int_equal(pclose(pipe), 0);
    assert_true(length > 100 && length < LISTING - 1);
}

/* The kinds refuse the directory, for this reason, and leave no trace of having looked. */
static void
is_refused(const struct souk_kind *const *kinds, const char *why, bool untouched)
{
    static char before[LISTING], after[LISTING];
    list(before);
    struct told told = run(kinds, NULL, 0, false, 0);
    assert_int_equal(told.err, SOUK_ERR_VERSION);
    if (!strstr(told.why, why)) fail_msg("\"%s\" does not say \"%s\"", told.why, why);
    list(after);
    if (untouched) assert_string_equal(before, after);
}

static souk_key
sku(unsigned n)
{
    return (souk_key){ 5, n + 1 };
}

#define SELL1(n, price_) &(struct till1_sell){ { 5, (n) + 1 }, 2, (price_) }
#define SHOW { &till1_show_query, 0, &(struct till1_show){} }, { &till1_show_query, 1, &(struct till1_show){} }

/* A till `a` with snapshot and later events, and one `b` that sleeps; an alarm of each. Sums 2600 and 600. */
static void
write_first(bool with_alarms)
{
    const struct ask sales[] = {
        { &till1_sell_command, 0, SELL1(0, 100) }, { &till1_sell_command, 0, SELL1(1, 200) },
        { &till1_sell_command, 1, SELL1(0, 300) },
    };
    const struct ask alarms[] = {
        { &till1_remind_command, 0, &(struct till1_remind){ 1 } },
        { &till1_remind_command, 1, &(struct till1_remind){ HOUR } },
    };
    const struct ask more[] = {
        { &till1_sell_command, 0, SELL1(0, 1000) }, { &till1_count_command, 0, &(struct till1_count){} }, SHOW };
    shell("rm -rf '%s'");
    assert_int_equal(RUN(first, sales, false, 0).err, SOUK_OK);
    if (with_alarms) assert_int_equal(RUN(first, alarms, false, 0).err, SOUK_OK);
    struct told told = RUN(first, more, true, 0);
    assert_int_equal(told.err, SOUK_OK);
    assert_int_equal(told.tills[0].view.sum, 2600);
    assert_int_equal(told.tills[0].view.lines, 2);
    assert_int_equal(told.tills[1].view.sum, 600);
}

static void
the_newer_reads_what_the_older_wrote(void **state)
{
    (void)state;
    write_first(true);
    const struct ask look[] = {
        { &till2_show_query, 0, &(struct till2_show){} }, { &till2_show_query, 1, &(struct till2_show){} },
        { &till2_return_command, 0, &(struct till2_return){ { 5, 2 } } },
        { &till2_sell_command, 1, &(struct till2_sell){ .sku = { 5, 9 }, .units = 1, .price = 7 } },
    };
    const struct ask again[] = {
        { &till2_show_query, 0, &(struct till2_show){} }, { &till2_show_query, 1, &(struct till2_show){} },
    };
    struct told told = RUN(second, look, true, 5);
    assert_int_equal(told.err, SOUK_OK);
    const struct seen *a = &told.tills[0], *b = &told.tills[1];
    assert_true(a->view.sum == 2600 && a->view.lines == 2 && a->view.returned == 0);
    assert_string_equal(a->owner, "the first");
    assert_string_equal(a->currency, "EUR"); /* By the event after the snapshot, which was lifted. */
    assert_true(b->view.sum == 600 && b->view.lines == 1 && b->view.counted == 0);
    assert_string_equal(b->currency, ""); /* Its snapshot is older than the field. */
    assert_int_equal(told.heard, 5); /* Who subscribes to sales is told all of them, as what they are now. */
    assert_int_equal(told.heard_sum, 2600 + 600 + 7);
    for (int life_number = 0; life_number < 2; life_number++) { /* From events, then from new snapshots. */
        told = RUN(second, again, false, 0);
        assert_int_equal(told.err, SOUK_OK);
        assert_true(a->view.sum == 2600 && a->view.returned == 2 && b->view.sum == 607 && b->view.lines == 2);
        assert_string_equal(b->currency, "EUR");
        assert_int_equal(a->view.counted, 2); /* It was told to, and its alarm rang. */
        /* In lists of records that have grown since: of the first's turn, and of its alarm if that rang then. */
        assert_true(a->view.found == 7 || a->view.found == 14);
    }
}

static void
the_older_refuses_what_the_newer_wrote(void **state)
{
    (void)state;
    const struct ask sell[] = {
        { &till2_sell_command, 0, &(struct till2_sell){ .sku = { 5, 1 }, .units = 1, .price = 7 } } };
    write_first(false);
    assert_int_equal(run(second, NULL, 0, false, 0).err, SOUK_OK); /* It need not even have written anything. */
    is_refused(first, "till2, state, field 3 lines: its type was till2_line", true);
    is_refused(third, "till2, ", true);
    assert_int_equal(RUN(second, sell, false, 0).err, SOUK_OK);
    is_refused(first, "till2, state, field 3 lines: its type was till2_line", true);
    /* Without the contract: by what is found in the vault, or in the journal. */
    assert_int_equal(RUN(second, sell, true, 0).err, SOUK_OK);
    shell("rm '%s'/contract");
    is_refused(first, "has more in it than this program's till1 knows: a newer program wrote it", false);
    shell("test ! -e '%s'/contract");
    shell("rm -rf '%s'");
    assert_int_equal(RUN(second, sell, true, 0).err, SOUK_OK);
    shell("rm '%s'/contract");
    is_refused(first, "event 3 of till1", false);
    is_refused(first, "at position 1, which this program's till1 lacks", false);
}

static void
a_command_under_way_is_not_lost(void **state)
{
    (void)state;
    const struct ask remind[] = {
        { &till2_remind_command, 0, &(struct till2_remind){ .delay_ms = HOUR, .again = true, .has_again = true } } };
    shell("rm -rf '%s'");
    assert_int_equal(RUN(second, remind, true, 0).err, SOUK_OK);
    shell("rm '%s'/contract");
    is_refused(first, "a command 5 to till1", false);
}

static void
a_snapshot_that_cannot_be_read_is_made_anew(void **state)
{
    (void)state;
    const struct ask look[] = {
        { &till3_show_query, 0, &(struct till3_show){} }, { &till3_show_query, 1, &(struct till3_show){} } };
    write_first(true);
    is_refused(third, "till1, state, field 1 sum: it is field 2 now", true);
    shell("rm '%s'/contract"); /* Of the past: nobody knows that the state was another. */
    for (int life_number = 0; life_number < 2; life_number++) {
        struct told told = RUN(third, look, life_number == 0, 0);
        if (told.err) fail_msg("%s", told.why);
        assert_true(told.tills[0].view.sum == 2600 && told.tills[0].view.lines == 2);
        assert_true(told.tills[1].view.sum == 600 && told.tills[1].view.lines == 1);
        assert_string_equal(told.tills[1].owner, "sold");
    }
}

static void
a_damaged_contract_is_told(void **state)
{
    (void)state;
    write_first(false);
    shell("sed -i 's/\"kind\":\"till1\"/\"kin\":\"till1\"/' '%s'/contract");
    struct told told = run(first, NULL, 0, false, 0);
    assert_int_equal(told.err, SOUK_ERR_CORRUPT);
    assert_non_null(strstr(told.why, "/contract is damaged in line 2"));
    write_first(false); /* What could be read, but is not what was written. */
    shell("sed -i 's/\"type\":\"key\"/\"type\":\"u32\"/' '%s'/contract");
    assert_int_equal(run(first, NULL, 0, false, 0).err, SOUK_ERR_CORRUPT);
    shell("echo '{\"contract\":2,\"kinds\":[],\"more\":1}' > '%s'/contract");
    is_refused(first, "/contract is of a later version", true);
}

/* ---- Later formats, which stand in the directory like a newer souk's. ---- */

static void
open_data(struct souk_data *opened)
{
    char why[300];
    souk_err err = souk_data_open(opened, souk_world_os(), data, false, why, sizeof why);
    if (err) fail_msg("%s", why);
}

static void
put_later_marker(void)
{
    struct souk_data opened;
    uint8_t marker[64] = { 3 };
    souk_store_be64_(marker + 56, souk_hash_link((struct souk_link){ 0, 0 }, marker, 56).low);
    open_data(&opened);
    struct souk_vault_entry entry = { { "m", 1 }, { marker, sizeof marker } };
    assert_int_equal(opened.vault->ops->put(opened.vault, &entry, 1), SOUK_OK);
    souk_data_close(&opened);
}

/* Each snapshot in a later format. */
static souk_err
age(void *arg, struct souk_bytes name, struct souk_bytes value)
{
    souk_vault *vault = arg;
    uint8_t later[256];
    uint64_t number;
    uint32_t kind;
    souk_key key;
    if (!souk_snapshot_parse_name(name, &number, &kind, &key)) return SOUK_OK;
    assert_true(value.length < sizeof later);
    memcpy(later, value.at, value.length);
    later[0] = 2;
    struct souk_vault_entry entry = { name, { later, value.length } };
    return vault->ops->put(vault, &entry, 1);
}

static void
put_later_snapshots(void)
{
    struct souk_data opened;
    open_data(&opened);
    assert_int_equal(opened.vault->ops->each(opened.vault, (struct souk_bytes){ "c", 1 }, age, opened.vault), SOUK_OK);
    souk_data_close(&opened);
}

static void
append(const void *group, size_t length)
{
    struct souk_data opened;
    uint64_t begins, ends;
    open_data(&opened);
    assert_int_equal(opened.journal->ops->bounds(opened.journal, &begins, &ends), SOUK_OK);
    opened.journal->ops->begin(opened.journal, ends); /* That group has one batch. */
    struct souk_bytes part = { group, length };
    assert_int_equal(opened.journal->ops->append(opened.journal, ends + 1, ends + 1, &part, 1), SOUK_OK);
    souk_data_close(&opened);
}

static void
one_sale(void)
{
    const struct ask sell[] = { { &till1_sell_command, 0, SELL1(0, 100) } };
    shell("rm -rf '%s'");
    assert_int_equal(RUN(first, sell, false, 0).err, SOUK_OK);
}

static void
later_formats_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[256];
    one_sale();
    put_later_marker();
    is_refused(first, "the last checkpoint was written by a later version of souk", false);
    write_first(false);
    put_later_snapshots();
    is_refused(first, "has more in it than this program's till1 knows", false);
    one_sale();
    append("SKG2 and something that nobody knows", 36);
    is_refused(first, "the journal has a group of a later format than this, at position 2", false);
    shell("rm -rf '%s'");
    assert_int_equal(run(first, NULL, 0, false, 0).err, SOUK_OK);
    struct souk_memory *memory = souk_memory_open();
    struct souk_batch batch = { .at = NULL };
    souk_batch_begin(&batch, souk_heap_open(memory));
    batch.version = SOUK_BATCH_VERSION + 1;
    souk_batch_seal(&batch, 0, 1, 1);
    souk_group_header(bytes, 1, (struct souk_link){ 0, 0 });
    memcpy(bytes + SOUK_GROUP_HEADER, batch.at, batch.length);
    append(bytes, SOUK_GROUP_HEADER + batch.length);
    souk_memory_close(&memory);
    is_refused(first, "a batch of another version of souk, at position 1", false);
}

static void
a_later_identity_is_refused(void **state)
{
    (void)state;
    one_sale();
    char text[256], sum[32];
    size_t length;
    snprintf(text, sizeof text, "%s/identity", data);
    assert_int_equal(souk_file_read(text, text, sizeof text - 1, &length), SOUK_OK);
    text[length] = 0;
    char *version = strstr(text, "version 1"), *check = strstr(text, "check ");
    assert_true(version && check);
    version[8] = '2';
    snprintf(sum, sizeof sum, "check %016llx\n", (unsigned long long)souk_file_sum(text, (size_t)(check - text)));
    strcpy(check, sum);
    assert_int_equal(souk_file_replace(data, "identity", text, strlen(text)), SOUK_OK);
    is_refused(first, "/identity is of another version of souk", true);
}

/* ---- In the simulator: it grows up in a crash, and crashes on. ---- */

static const struct souk_kind *of_the_day[2];

struct book { int64_t sum[2]; uint32_t units[2][SKUS]; uint32_t sold[2]; };

static void
sell(souk_sim *sim, struct book *book, const struct souk_row *row, unsigned till, unsigned which, uint32_t units)
{
    struct till2_sell as_second = { .sku = sku(which), .units = units, .price = 10 + which };
    struct till1_sell as_first = { as_second.sku, units, as_second.price };
    const void *message = row == &till2_sell_command ? (const void *)&as_second : &as_first;
    souk_ref to = { TILL, souk_sim_key_of(sim, till ? SOUK_TEXT("b") : SOUK_TEXT("a")) };
    struct souk_reply reply = souk_sim_tell(sim, to, row, message, NULL, NULL);
    assert_int_equal(reply.ending, SOUK_DONE);
    book->sum[till] += units * as_second.price;
    book->units[till][which] += units;
}

static struct till2_view
view_of(souk_sim *sim, const struct souk_row *row, unsigned till)
{
    struct till2_view view;
    struct till2_show show = {};
    souk_ref to = { TILL, souk_sim_key_of(sim, till ? SOUK_TEXT("b") : SOUK_TEXT("a")) };
    struct souk_reply reply = souk_sim_tell(sim, to, row, &show, souk_layout_of_till2_view, &view);
    assert_int_equal(reply.ending, SOUK_DONE);
    return view;
}

static void
run_seed(uint64_t seed)
{
    struct souk_sim_options options = { .seed = seed, .kinds = of_the_day, .checkpoint_one_in = 30 };
    of_the_day[0] = &till1_kind;
    souk_sim *sim = souk_sim_open(&options);
    assert_non_null(sim);
    struct book book = { .sum = { 0 } };
    const struct souk_row *sells = &till1_sell_command, *shows = &till1_show_query;
    for (unsigned n = 0; n < 120; n++) {
        if (n == 60) {
            of_the_day[0] = &till2_kind;
            sells = &till2_sell_command;
            shows = &till2_show_query;
        }
        if (n == 60 || souk_sim_draw(sim, 12) == 0) souk_sim_crash(sim);
        sell(sim, &book, sells, (unsigned)souk_sim_draw(sim, 2), (unsigned)souk_sim_draw(sim, SKUS),
             1 + (uint32_t)souk_sim_draw(sim, 5));
        for (unsigned till = 0; till < 2; till++) {
            struct till2_view view = view_of(sim, shows, till);
            uint32_t lines = 0;
            for (unsigned i = 0; i < SKUS; i++) lines += book.units[till][i] > 0;
            assert_int_equal(view.sum, book.sum[till]);
            assert_int_equal(view.lines, lines);
        }
    }
    assert_int_equal(souk_sim_counts(sim).faults, 0);
    souk_sim_close(&sim);
}

static void
it_grows_up_under_crashes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) run_seed(seed);
}

int
main(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/souk-evolve-XXXXXX", base ? base : "/var/tmp");
    if (!mkdtemp(directory)) return 1;
    snprintf(data, sizeof data, "%s/data", directory);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newer_reads_what_the_older_wrote),
        cmocka_unit_test(the_older_refuses_what_the_newer_wrote),
        cmocka_unit_test(a_command_under_way_is_not_lost),
        cmocka_unit_test(a_snapshot_that_cannot_be_read_is_made_anew),
        cmocka_unit_test(a_damaged_contract_is_told),
        cmocka_unit_test(later_formats_are_refused),
        cmocka_unit_test(a_later_identity_is_refused),
        cmocka_unit_test(it_grows_up_under_crashes),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command) ? 1 : failed;
}
