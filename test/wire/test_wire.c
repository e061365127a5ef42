/* SPDX-License-Identifier: Apache-2.0 */
/* test_wire.c -- a node's wire with real sockets: batches, refusals, bad frames, keys, slow clients, draining. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "tally.h"
#include "wire/frame.h"
#include "wire/socket.h"
#include "wire/wire.h"
#include <souk/client.h>
#include <souk/node.h>

static const struct souk_kind *const kinds[] = { &tally_kind, NULL };

struct fixture {
    char directory[300];
    char why[256];
    souk_wire *wire;
    souk_node *node;
    struct souk_guest guests[2];
    souk_client *client;
};

struct answer {
    bool has_id;
    uint64_t id;
    enum souk_ending ending;
    char refusal[64], sentence[256];
    uint8_t body[256];
    size_t body_length;
};
static struct answer answers[1 << 14];
static unsigned answered;

static void
copy_text(char *to, size_t room, struct souk_text text)
{
    snprintf(to, room, "%.*s", (int)text.length, text.at ? text.at : "");
}

static void
take(void *arg, const struct souk_client_answer *a)
{
    (void)arg;
    assert_true(answered < sizeof answers / sizeof answers[0]);
    struct answer *to = &answers[answered++];
    *to = (struct answer){ a->has_id, a->id, a->ending, "", "", { 0 }, a->body.length };
    copy_text(to->refusal, sizeof to->refusal, a->refusal);
    copy_text(to->sentence, sizeof to->sentence, a->sentence);
    assert_true(a->body.length <= sizeof to->body);
    if (a->body.length) memcpy(to->body, a->body.at, a->body.length);
}

static void
await(souk_client *client, unsigned count)
{
    for (int i = 0; i < 400 && answered < count; i++) souk_client_poll(client, 50, take, NULL);
    assert_int_equal(answered, count);
}

static void
make_directory(struct fixture *f, const char *below)
{
    const char *base = getenv("TMPDIR");
    snprintf(f->directory, sizeof f->directory, "%s/souk-wire-XXXXXX", base ? base : P_tmpdir);
    assert_non_null(mkdtemp(f->directory));
    if (!below) return;
    strcat(f->directory, below);
    assert_int_equal(mkdir(f->directory, 0700), 0);
}

static void
start(struct fixture *f, struct souk_wire_options *o)
{
    o->directory = f->directory;
    o->kinds = kinds;
    o->why = f->why;
    o->why_size = sizeof f->why;
    souk_err err = souk_wire_open(&f->wire, o);
    if (err) print_error("%s\n", f->why);
    assert_int_equal(err, SOUK_OK);
    f->guests[0] = souk_wire_guest(f->wire);
    struct souk_options options = { .directory = f->directory, .kinds = kinds, .guests = f->guests, .workers = 1 };
    err = souk_node_open(&f->node, &options, f->why, sizeof f->why);
    if (err) print_error("%s\n", f->why);
    assert_int_equal(err, SOUK_OK);
}

static void
stop(struct fixture *f)
{
    if (f->client) souk_client_close(&f->client);
    souk_node_close(&f->node);
    souk_wire_close(&f->wire);
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", f->directory);
    assert_int_equal(system(command), 0);
}

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    make_directory(f, NULL);
    start(f, &(struct souk_wire_options){ .in_flight_max = 1000 });
    struct souk_client_options o = { .endpoint = souk_wire_endpoint(f->wire) };
    assert_int_equal(souk_client_open(&f->client, &o), SOUK_OK);
    answered = 0;
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    stop(*state);
    free(*state);
    return 0;
}

static const struct souk_text key[] = { { "a", 1 } };

static void
add(souk_client *client, uint64_t id, uint32_t units)
{
    struct souk_client_request r = { .id = id, .key = key, .key_count = 1 };
    struct tally_add body = { .units = units };
    assert_int_equal(souk_client_add_with(client, &r, &tally_add_command, &body), SOUK_OK);
}

static void
batches_are_answered(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 500; i++) add(f->client, i, 2);
    assert_int_equal(souk_client_flush(f->client, 5000), SOUK_OK);
    await(f->client, 500);
    for (uint32_t i = 0; i < 500; i++) {
        assert_int_equal(answers[i].id, i); /* One actor, one client: in order. */
        assert_int_equal(answers[i].ending, SOUK_DONE);
    }
    struct souk_reader in = { .at = answers[499].body, .end = answers[499].body + answers[499].body_length };
    struct tally_view view;
    assert_true(souk_layout_of_tally_view->get(&in, &view));
    assert_int_equal(view.sum, 1000);
    assert_int_equal(view.times, 500);
    struct souk_wire_counts counts;
    souk_wire_count(f->wire, &counts);
    assert_int_equal(counts.requests, 500);
    assert_true(counts.frames_out < 500); /* What becomes ready together leaves together. */
}

static void
refusals_have_names(void **state)
{
    struct fixture *f = *state;
    static const uint8_t map[] = "\x82\xa5units\x05\xa4note\xa2hi", no_list[] = "\x91\x05",
        wrong[] = "\x93\xa1x\xc0\x90",
                         extra[] = "\x83\xa5units\x05\xa5pairs\x90\xa4more\x01",
                         good[] = "\x82\xa5units\x05\xa5pairs\x91\x82\xa5units\x07\xa4name\xa1n";
    struct { struct souk_client_request r; const char *name; } cases[] = {
        { { .kind = SOUK_TEXT("tally"), .message = SOUK_TEXT("tally_add"), .body = { map, sizeof map - 1 } },
          "souk_malformed" },
        { { .kind = SOUK_TEXT("tally"), .message = SOUK_TEXT("tally_add"), .body = { no_list, 2 } }, "souk_malformed" },
        { { .kind = SOUK_TEXT("tally"), .message = SOUK_TEXT("tally_add"), .body = { wrong, 5 } }, "souk_malformed" },
        { { .kind = SOUK_TEXT("tally"), .message = SOUK_TEXT("tally_add"), .body = { extra, sizeof extra - 1 } },
          "souk_malformed" },
        { { .kind = SOUK_TEXT("tally"), .message = SOUK_TEXT("tally_add"), .body = { "\x93\xcd\x10\x00\xc0\x90", 6 } },
          "tally_too_much" },
        { { .kind = SOUK_TEXT("tally"), .message = SOUK_TEXT("tally_reset"), .body = { "\x91\xc3", 2 } },
          "souk_denied" },
        { { .kind = SOUK_TEXT("tally"), .message = SOUK_TEXT("tally_added"), .body = { "\x91\x01", 2 } },
          "souk_unknown" },
        { { .kind = SOUK_TEXT("talli"), .message = SOUK_TEXT("tally_add") }, "souk_unknown_kind" },
        { { .kind_number = 8, .message = SOUK_TEXT("tally_show") }, "souk_unknown_kind" },
        { { .kind = SOUK_TEXT("tally"), .message = SOUK_TEXT("tally_never"), .within_ms = 100 }, "souk_late" },
        { { .kind = SOUK_TEXT("tally"), .message = SOUK_TEXT("tally_show"), .born_ms = 1000 }, "souk_expired" },
        { { .kind = SOUK_TEXT("tally"), .message = SOUK_TEXT("tally_show"), .born_ms = UINT64_MAX }, "souk_expired" },
        { { .kind_number = 9, .message = SOUK_TEXT("tally_show") }, "" },
        { { .kind_number = 9, .message = SOUK_TEXT("tally_add"), .body = { good, sizeof good - 1 } }, "" },
    };
    enum { CASES = sizeof cases / sizeof cases[0] };
    for (unsigned i = 0; i < CASES; i++) {
        cases[i].r.id = i;
        cases[i].r.key = key;
        cases[i].r.key_count = 1;
        assert_int_equal(souk_client_add(f->client, &cases[i].r), SOUK_OK);
    }
    await(f->client, CASES);
    for (unsigned i = 0; i < CASES; i++) {
        unsigned c = (unsigned)answers[i].id;
        if (strcmp(answers[i].refusal, cases[c].name)) print_error("case %u: %s\n", c, answers[i].sentence);
        assert_string_equal(answers[i].refusal, cases[c].name);
        assert_true(answers[i].sentence[0] != 0 || !cases[c].name[0]);
        enum souk_ending ending = !cases[c].name[0] ? SOUK_DONE : SOUK_REFUSED;
        if (!strcmp(cases[c].name, "souk_late")) ending = SOUK_LATE;
        assert_int_equal(answers[i].ending, ending);
        if (c == 0) assert_non_null(strstr(answers[i].sentence, "pairs"));
        if (c == 3) assert_non_null(strstr(answers[i].sentence, "more"));
    }
}

static void
a_key_of_two_parts_or_none_is_refused(void **state)
{
    struct fixture *f = *state;
    struct souk_text parts[] = { { "a", 1 }, { "b", 1 } };
    struct souk_client_request r = { .kind_number = 9, .message = SOUK_TEXT("tally_show"), .key = parts,
                                     .key_count = 2 };
    assert_int_equal(souk_client_add(f->client, &r), SOUK_OK);
    r.key = NULL;
    assert_int_equal(souk_client_add(f->client, &r), SOUK_OK);
    r.address = (souk_key){ 7, 8 };
    assert_int_equal(souk_client_add(f->client, &r), SOUK_OK);
    await(f->client, 3);
    assert_string_equal(answers[0].refusal, "souk_bad_key");
    assert_string_equal(answers[1].refusal, "souk_bad_key");
    assert_int_equal(answers[2].ending, SOUK_DONE);
}

static void
too_much_under_way_is_refused(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 1500; i++) {
        struct souk_client_request r = { .id = i, .kind_number = 9, .message = SOUK_TEXT("tally_never"), .key = key,
                                         .key_count = 1, .within_ms = 300 };
        assert_int_equal(souk_client_add(f->client, &r), SOUK_OK);
    }
    await(f->client, 1500);
    unsigned late = 0, overloaded = 0;
    for (unsigned i = 0; i < 1500; i++) {
        late += answers[i].ending == SOUK_LATE;
        overloaded += !strcmp(answers[i].refusal, "souk_overloaded");
    }
    assert_int_equal(late, 1000);
    assert_int_equal(overloaded, 500);
}

/* ---- Frames that no client of ours sends, straight through libzmq. ---- */

static void *context, *raw;

static void
raw_open(struct fixture *f)
{
    int wait = 5000, none = 0;
    context = zmq_ctx_new();
    raw = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(raw, ZMQ_RCVTIMEO, &wait, sizeof wait);
    zmq_setsockopt(raw, ZMQ_LINGER, &none, sizeof none);
    assert_int_equal(zmq_connect(raw, souk_wire_endpoint(f->wire)), 0);
}

static void
raw_close(void)
{
    zmq_close(raw);
    zmq_ctx_term(context);
}

/* The refusal's name in the answer to a frame; empty when it was accepted. */
static void
raw_ask(const void *frame, size_t length, char name[64])
{
    uint8_t answer[4096];
    assert_int_equal(zmq_send(raw, frame, length, 0), length);
    int got = zmq_recv(raw, answer, sizeof answer, 0);
    assert_true(got > SOUK_WIRE_HEAD);
    struct souk_reader in = { .at = answer + SOUK_WIRE_HEAD + 1, .end = answer + got };
    struct souk_text text = { "", 0 };
    souk_skip_(&in);
    souk_skip_(&in);
    if (*in.at != 0xc0) souk_get_text(&in, &text);
    assert_false(in.bad);
    copy_text(name, 64, text);
}

#define FRAME(literal) (literal), sizeof(literal) - 1

static void
bad_frames_are_answered_and_harm_nobody(void **state)
{
    struct fixture *f = *state;
    char name[64];
    static const struct { const char *frame; size_t length; const char *name; } cases[] = {
        { FRAME(""), "souk_malformed" },
        { FRAME("\xc1"), "souk_malformed" },
        { FRAME("\x92"), "souk_malformed" },
        { FRAME("\x92\x01"), "souk_malformed" },
        { FRAME("\x92\x01\x90"), "souk_malformed" },
        { FRAME("\x92\x02\x91\x90"), "souk_version" },
        { FRAME("\x92\x01\x91\x90"), "souk_malformed" },
        { FRAME("\x92\x01\x91\x91\x05"), "souk_malformed" },
        { FRAME("\x92\x01\x91\xc0"), "souk_malformed" },
        { FRAME("\x92\x01\xdd\xff\xff\xff\xff"), "souk_malformed" },          /* 2^32 requests in no bytes */
        { FRAME("\xdd\x10\x00\x00\x00"), "souk_malformed" },                  /* 2^28 objects in no bytes */
        { FRAME("\xdf\x10\x00\x00\x00"), "souk_malformed" },
        { FRAME("\xc6\xff\xff\xff\xff"), "souk_malformed" },
        { FRAME("\x92\x01\x91\x95\x01\x09\xa1k\xaatally_show\x82\xa1x\x01\xa1x\x01"), "souk_malformed" },
        { FRAME("\x92\x01\x91\x95\x01\x09\xa1k\xaatally_show\xc0\x00"), "souk_malformed" },
        { FRAME("\x92\x01\x91\x95\x01\x09\xa1k\xaatally_show\xa1x"), "souk_malformed" },  /* a text as the body */
        { FRAME("\x92\x01\x91\x95\x01\x09\xa1\xff\xaatally_show\xc0"), "souk_malformed" }, /* not UTF-8 */
        { FRAME("\x92\x01\x91\x95\xff\x09\xa1k\xaatally_show\xc0"), "souk_malformed" },   /* a negative id */
        { FRAME("\x92\x01\x91\x95\x01\x09\xa0\xaatally_show\xc0"), "souk_bad_key" },
        { FRAME("\x92\x01\x91\x95\x01\x09\x90\xaatally_show\xc0"), "souk_bad_key" },
        { FRAME("\x92\x01\x91\x95\x01\x09\xc4\x01k\xaatally_show\xc0"), "souk_bad_key" },
        { FRAME("\x92\x01\x91\x95\x01\x09\xa1k\xaatally_show\xc0"), "" },
        { FRAME("\x93\x01\x91\x98\x01\x09\xa1k\xaatally_show\x90\xc0\xc0\xa3new\xa3new"), "" },
    };
    raw_open(f);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        raw_ask(cases[i].frame, cases[i].length, name);
        if (strcmp(name, cases[i].name)) print_error("case %u\n", i);
        assert_string_equal(name, cases[i].name);
    }
    uint8_t deep[64];
    memset(deep, 0x91, sizeof deep);
    deep[63] = 0xc0;
    raw_ask(deep, sizeof deep, name);
    assert_string_equal(name, "souk_too_large");
    size_t large = 900000;
    uint8_t *many = malloc(large);
    memset(many, 0xc0, large);
    memcpy(many, "\x92\x01\xdd\x00\x0d\xbb\x99", 7); /* more objects than a frame may have */
    raw_ask(many, large, name);
    assert_string_equal(name, "souk_too_large");
    free(many);
    zmq_send(raw, "\x92", 1, ZMQ_SNDMORE); /* more than one part */
    raw_ask("\x92", 1, name);
    assert_string_equal(name, "souk_malformed");
    raw_close();
    raw_open(f); /* Larger than a frame may be: ZeroMQ ends that connection, and makes a new one. */
    uint8_t *huge = calloc(1, SOUK_WIRE_FRAME_MAX + 1);
    zmq_send(raw, huge, SOUK_WIRE_FRAME_MAX + 1, 0);
    free(huge);
    raw_close();
    add(f->client, 1, 1);
    await(f->client, 1);
    assert_int_equal(answers[0].ending, SOUK_DONE);
    struct souk_wire_counts counts;
    souk_wire_count(f->wire, &counts);
    assert_true(counts.malformed >= 20);
    assert_int_equal(counts.too_large, 2);
}

static void
a_client_that_never_reads_is_dropped_not_waited_for(void **state)
{
    struct fixture *f = *state;
    raw_open(f);
    int one = 1;
    zmq_close(raw);
    raw = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(raw, ZMQ_RCVHWM, &one, sizeof one);
    zmq_setsockopt(raw, ZMQ_LINGER, &(int){ 0 }, sizeof(int));
    zmq_setsockopt(raw, ZMQ_RCVBUF, &(int){ 4096 }, sizeof(int));
    zmq_setsockopt(raw, ZMQ_SNDTIMEO, &(int){ 2000 }, sizeof(int));
    assert_int_equal(zmq_connect(raw, souk_wire_endpoint(f->wire)), 0);
    static uint8_t frame[64 << 10];
    struct souk_wire_counts counts = { .dropped = 0 };
    size_t length = SOUK_WIRE_HEAD;
    uint32_t count = 0;
    for (; count < 3000 && length < sizeof frame - 32; count++) {
        memcpy(frame + length, "\x95\x01\x09\xa1k\xaatally_nope\xc0", 17);
        length += 17;
    }
    souk_frame_head(frame, count);
    for (int i = 0; i < 1000 && !counts.dropped; i++) {
        if (zmq_send(raw, frame, length, 0) < 0) break;
        if (i % 16 == 0) usleep(1000);
        souk_wire_count(f->wire, &counts);
    }
    for (int i = 0; i < 2000 && !counts.dropped; i++) {
        usleep(10000);
        souk_wire_count(f->wire, &counts);
    }
    assert_true(counts.dropped > 0);
    add(f->client, 1, 1); /* Others are served meanwhile. */
    await(f->client, 1);
    assert_int_equal(answers[0].ending, SOUK_DONE);
    raw_close();
}

static void
answers_leave_before_the_node_ends(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 300; i++) add(f->client, i, 1);
    assert_int_equal(souk_client_flush(f->client, 5000), SOUK_OK);
    struct souk_wire_counts counts = { .requests = 0 };
    for (int i = 0; i < 2000 && counts.requests < 300; i++) {
        usleep(1000);
        souk_wire_count(f->wire, &counts);
    }
    souk_wire_drain(f->wire);
    souk_node_drain(f->node, 5000);
    add(f->client, 999, 1);
    await(f->client, 301);
    for (unsigned i = 0; i < 301; i++) {
        if (answers[i].id == 999) assert_string_equal(answers[i].refusal, "souk_closed");
        else assert_int_equal(answers[i].ending, SOUK_DONE);
    }
}

static void
a_path_too_long_for_a_socket_goes_elsewhere(void **state)
{
    (void)state;
    struct fixture f = { 0 };
    char below[130], file[400], endpoint[300] = "";
    memset(below, 'x', sizeof below);
    below[0] = '/';
    below[sizeof below - 1] = 0;
    make_directory(&f, below);
    start(&f, &(struct souk_wire_options){ 0 });
    assert_null(strstr(souk_wire_endpoint(f.wire), "xxxx"));
    snprintf(file, sizeof file, "%s/souk.endpoint", f.directory);
    FILE *told = fopen(file, "r");
    assert_non_null(told);
    assert_non_null(fgets(endpoint, sizeof endpoint, told));
    fclose(told);
    endpoint[strcspn(endpoint, "\n")] = 0;
    assert_string_equal(endpoint, souk_wire_endpoint(f.wire));
    struct stat status;
    assert_int_equal(stat(endpoint + 6, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    struct souk_client_options o = { .endpoint = endpoint };
    assert_int_equal(souk_client_open(&f.client, &o), SOUK_OK);
    answered = 0;
    add(f.client, 1, 1);
    await(f.client, 1);
    souk_client_close(&f.client);
    souk_node_close(&f.node);
    assert_int_not_equal(stat(endpoint + 6, &status), 0);
    *strrchr(endpoint, '/') = 0;
    assert_int_not_equal(stat(endpoint + 6, &status), 0); /* The private directory is gone as well. */
    assert_int_not_equal(stat(file, &status), 0);
    souk_wire_close(&f.wire);
    *strstr(f.directory, below) = 0;
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", f.directory);
    assert_int_equal(system(command), 0);
}

/* ---- tcp. ---- */

static void
write_text(const char *directory, const char *name, const char *format, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, format, text, text);
    fclose(file);
}

static void
tcp_admits_known_keys_only(void **state)
{
    (void)state;
    struct fixture f = { 0 };
    char keys[320], clients[400], server_file[400], path[400], public_key[SOUK_WIRE_KEY], secret[SOUK_WIRE_KEY];
    make_directory(&f, NULL);
    struct fixture k = { 0 };
    make_directory(&k, NULL);
    snprintf(keys, sizeof keys, "%s", k.directory);
    snprintf(clients, sizeof clients, "%s/clients", keys);
    assert_int_equal(mkdir(clients, 0700), 0);
    assert_int_equal(souk_key_pair_make(public_key, secret), SOUK_OK);
    write_text(keys, "node.key_secret", "curve\n    secret-key = \"%s\"\n", secret);
    write_text(keys, "node.key", "curve\n    public-key = \"%s\"\n", public_key);
    snprintf(server_file, sizeof server_file, "%s/node.key", keys);
    assert_int_equal(souk_key_pair_make(public_key, secret), SOUK_OK);
    write_text(keys, "known.key_secret", "%s\n", secret);
    write_text(clients, "known.key", "%s\n", public_key);
    assert_int_equal(souk_key_pair_make(public_key, secret), SOUK_OK);
    write_text(keys, "stranger.key_secret", "%s\n", secret);
    snprintf(path, sizeof path, "%s/node.key_secret", keys);

    struct souk_wire_options bare = { .directory = f.directory, .kinds = kinds, .tcp = "tcp://127.0.0.1:*" };
    assert_int_equal(souk_wire_open(&f.wire, &bare), SOUK_ERR_USAGE); /* Without keys: refused. */
    start(&f, &(struct souk_wire_options){ .tcp = "tcp://127.0.0.1:*", .key_file = path, .clients = clients });
    struct souk_client_options o = { .endpoint = souk_wire_endpoint_tcp(f.wire), .server_key_file = server_file };
    static const char *const names[] = { "known.key_secret", "stranger.key_secret", NULL };
    for (unsigned i = 0; i < 3; i++) {
        char own[400];
        snprintf(own, sizeof own, "%s/%s", keys, names[i] ? names[i] : "");
        o.key_file = names[i] ? own : NULL;
        assert_int_equal(souk_client_open(&f.client, &o), SOUK_OK);
        answered = 0;
        add(f.client, 1, 1);
        if (i == 0) await(f.client, 1);
        else for (int n = 0; n < 6; n++) souk_client_poll(f.client, 100, take, NULL);
        assert_int_equal(answered, i == 0);
        souk_client_close(&f.client);
    }
    struct souk_wire_counts counts;
    souk_wire_count(f.wire, &counts);
    assert_true(counts.rejected >= 1);
    assert_int_equal(counts.requests, 1);
    o = (struct souk_client_options){ .endpoint = souk_wire_endpoint(f.wire) }; /* ipc needs no key. */
    assert_int_equal(souk_client_open(&f.client, &o), SOUK_OK);
    answered = 0;
    add(f.client, 1, 1);
    await(f.client, 1);
    stop(&f);
    snprintf(path, sizeof path, "rm -rf '%s'", k.directory);
    assert_int_equal(system(path), 0);
}

static void
a_client_without_a_node_says_busy(void **state)
{
    (void)state;
    souk_client *client;
    struct souk_client_options o = { .endpoint = "ipc://@souk-nobody-is-there" };
    assert_int_equal(souk_client_open(&client, &o), SOUK_OK);
    add(client, 1, 1);
    assert_int_equal(souk_client_flush(client, 50), SOUK_ERR_BUSY);
    souk_client_close(&client);
    o.endpoint = "nonsense";
    assert_int_equal(souk_client_open(&client, &o), SOUK_ERR_USAGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batches_are_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals_have_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_of_two_parts_or_none_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_much_under_way_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_frames_are_answered_and_harm_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_never_reads_is_dropped_not_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_leave_before_the_node_ends, set_up, tear_down),
        cmocka_unit_test(a_path_too_long_for_a_socket_goes_elsewhere),
        cmocka_unit_test(tcp_admits_known_keys_only),
        cmocka_unit_test(a_client_without_a_node_says_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
