/* SPDX-License-Identifier: Apache-2.0 */
/* souk/ask.c -- `souk ask`: finds the node, builds the body from field=value words, prints the answer as JSON; main.c
 * calls it. It knows the messages by the tables that it was built with, so a node of another version may know more. */
#include "ask.h"

#include "address_parts.h"
#include "codec/build.h"
#include "codec/dump.h"
#include "gateway/json.h"
#include <souk/client.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

enum { BODY_MAX = 64 << 10, FILE_MAX_BYTES = 4096, REFUSED = 1, WITHIN_MS = 5000, CONNECT_MS = 2000 };

static const char usage_text[] =
    "usage: souk ask (--data DIR | --ready-file FILE | --endpoint ENDPOINT) [--within MS] KIND KEY[,PART] MESSAGE\n"
    "                [field=value ...]\n"
    "       souk ask --list [KIND]\n"
    "Sends one command or query to an actor of a running node and prints the answer as JSON.\n"
    "  --data DIR          the node's data directory\n"
    "  --ready-file FILE   the node's ready file\n"
    "  --endpoint ENDPOINT where it listens; tcp also needs\n"
    "  --key FILE          our own CURVE secret key, and\n"
    "  --server-key FILE   the node's public key\n"
    "  --within MS         how long to wait for the answer (default 5000)\n"
    "  --list              the kinds with their messages and fields\n"
    "KEY: sale SALE, stock SALE,SKU, quota SALE,CUSTOMER, order CUSTOMER,KEY or the order's name, account CUSTOMER or\n"
    "book,BOOK. A comma inside a part is written \\,\n"
    "Exits with 0 when accepted, 1 when refused, 69 when there is no answer, 64 for a request that makes no sense.\n";

struct asking {
    const char *data, *ready_file, *endpoint, *key_file, *server_key_file;
    uint32_t within_ms;
    bool help, list;
    char found[FILE_MAX_BYTES]; /* The endpoint, when a file told it. */
    char key[1024];
    struct souk_text parts[SOUK_ADDRESS_PARTS];
    size_t parts_count;
    const struct souk_row *row;
    int status; /* Of the answer; -1: none yet. */
};

/* The subcommand that was called: `dead` is one in other words. */
static const char *called = "ask";

static int
complain(int status, const char *what, const char *which)
{
    fprintf(stderr, "souk %s: %s%s%s\n", called, what, which ? ": " : "", which ? which : "");
    return status;
}

/* ---- What can be asked. ---- */

static bool
can_be_asked(const struct souk_row *row)
{
    return row->is_public && (row->class == SOUK_COMMAND || row->class == SOUK_QUERY);
}

static int
list(const char *only)
{
    static const char *const types[] = { "", "bool", "u32", "u64", "i64", "key", "text", "bytes", "asker", "record" };
    if (only && !souk_address_kind(souk_text_of(only))) return complain(EX_USAGE, "there is no such kind", only);
    for (const struct souk_kind *const *kind = souk_wire_kinds; *kind; kind++) {
        if (only && strcmp((*kind)->name, only)) continue;
        for (const struct souk_row *const *row = (*kind)->rows; *row; row++) {
            if (!can_be_asked(*row)) continue;
            printf("%s %s", (*kind)->name, (*row)->name);
            const struct souk_field *field = (*row)->layout->fields();
            for (uint32_t i = 0; i < (*row)->layout->count; i++, field++)
                printf(field->shape == SOUK_OPTIONAL ? " [%s=%s%s]" : " %s=%s%s", field->name, types[field->type],
                       field->shape == SOUK_LIST ? ",..." : "");
            printf("\n");
        }
    }
    return EX_OK;
}

/* ---- Where. ---- */

static bool
read_file(const char *path, char text[FILE_MAX_BYTES], size_t *length)
{
    FILE *file = fopen(path, "re");
    if (!file) return false;
    *length = fread(text, 1, FILE_MAX_BYTES - 1, file);
    bool good = !ferror(file) && *length < FILE_MAX_BYTES - 1;
    fclose(file);
    text[*length] = 0;
    return good;
}

static bool
read_ready_file(const char *path, char out[FILE_MAX_BYTES])
{
    static const struct souk_json_field fields[] = { SOUK_JSON_FIELD("zmq", SOUK_JSON_TEXT, true, 1, 512, NULL) };
    char text[FILE_MAX_BYTES];
    size_t length;
    struct souk_json_value value;
    struct souk_json_fault fault;
    if (!read_file(path, text, &length)) return false;
    souk_json_reader *reader = souk_json_reader_open();
    bool good = reader && !souk_json_read(reader, (struct souk_text){ text, length }, SOUK_JSON_OPEN, fields, 1, &value,
                                          &fault);
    if (good) snprintf(out, FILE_MAX_BYTES, "%.*s", (int)value.text.length, value.text.at);
    souk_json_reader_close(&reader);
    return good;
}

/* Fills in the endpoint; EX_OK, or the status. */
static int
find_endpoint(struct asking *a)
{
    char path[FILE_MAX_BYTES];
    size_t length;
    if (a->endpoint) return EX_OK;
    a->endpoint = a->found;
    if (a->ready_file) {
        if (read_ready_file(a->ready_file, a->found)) return EX_OK;
        return complain(EX_UNAVAILABLE, "no node has written this ready file", a->ready_file);
    }
    if (!a->data) return complain(EX_USAGE, "say where: --data, --ready-file or --endpoint", NULL);
    int room = snprintf(path, sizeof path, "%s/souk.endpoint", a->data);
    if (room < 0 || (size_t)room >= sizeof path || !read_file(path, a->found, &length))
        return complain(EX_UNAVAILABLE, "no node is running on", a->data);
    a->found[strcspn(a->found, "\n")] = 0;
    return EX_OK;
}

/* ---- What. ---- */

static int
split_key(struct asking *a, const char *key)
{
    if (strlen(key) >= sizeof a->key) return complain(EX_USAGE, "the key is too long", NULL);
    a->parts_count = souk_address_split(souk_text_of(key), a->key, a->parts);
    return a->parts_count ? EX_OK : complain(EX_USAGE, "the key has too many parts", key);
}

static int
find_row(struct asking *a, const char *kind_name, const char *message)
{
    const struct souk_kind *kind = souk_address_kind(souk_text_of(kind_name));
    if (!kind) return complain(EX_USAGE, "there is no such kind", kind_name);
    for (const struct souk_row *const *row = kind->rows; *row; row++)
        if (can_be_asked(*row) && !strcmp((*row)->name, message)) a->row = *row;
    if (a->row) return EX_OK;
    fprintf(stderr, "souk ask: %s has no public message %s (souk ask --list %s)\n", kind_name, message, kind_name);
    return EX_USAGE;
}

/* ---- The answer. ---- */

static int
print_body(const struct souk_layout *layout, struct souk_bytes body)
{
    size_t length = 0;
    char *text = NULL;
    souk_err err = souk_dump(layout, body, NULL, 0, &length);
    if (err == SOUK_ERR_TOO_LARGE && (text = malloc(length + 1)))
        err = souk_dump(layout, body, text, length + 1, &length);
    if (!err) puts(text);
    free(text);
    return err ? complain(EX_PROTOCOL, "the answer makes no sense", souk_err_text(err)) : EX_OK;
}

static void
take(void *arg, const struct souk_client_answer *answer)
{
    struct asking *a = arg;
    if (answer->ending == SOUK_DONE) {
        if (answer->body.length) a->status = print_body(a->row->view, answer->body);
        else a->status = puts("null") < 0 ? EX_IOERR : EX_OK;
        return;
    }
    static const struct souk_text away[] = { SOUK_TEXT("souk_overloaded"), SOUK_TEXT("souk_disk_full"),
                                             SOUK_TEXT("souk_closed"), SOUK_TEXT("souk_late") };
    char memory[1024];
    souk_json_writer w;
    struct souk_text text;
    souk_json_init(&w, memory, sizeof memory);
    souk_json_object_open(&w);
    souk_json_put_text(&w, "refusal", answer->refusal);
    souk_json_put_text(&w, "sentence", answer->sentence);
    souk_json_object_close(&w);
    if (!souk_json_done(&w, &text)) printf("%.*s\n", (int)text.length, text.at);
    a->status = answer->ending == SOUK_REFUSED ? REFUSED : EX_UNAVAILABLE;
    for (size_t i = 0; i < sizeof away / sizeof away[0]; i++)
        if (souk_text_equal(answer->refusal, away[i])) a->status = EX_UNAVAILABLE;
}

static uint64_t
now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int
ask(struct asking *a, struct souk_bytes body)
{
    souk_client *client;
    struct souk_client_options options = { .endpoint = a->endpoint, .key_file = a->key_file,
                                           .server_key_file = a->server_key_file };
    souk_err err = souk_client_open(&client, &options);
    if (err == SOUK_ERR_USAGE) return complain(EX_USAGE, "no such endpoint, or no such keys", a->endpoint);
    if (err) return complain(err == SOUK_ERR_MISSING ? EX_NOINPUT : EX_OSERR, souk_err_text(err), a->key_file);
    struct souk_client_request request = {
        .id = 1, .kind_number = a->row->kind, .key = a->parts, .key_count = a->parts_count,
        .message = souk_text_of(a->row->name), .body = body, .within_ms = a->within_ms,
    };
    a->status = -1;
    err = souk_client_add(client, &request);
    if (!err) err = souk_client_flush(client, CONNECT_MS);
    uint64_t end = now_ms() + a->within_ms + CONNECT_MS;
    while (!err && a->status < 0 && now_ms() < end) souk_client_poll(client, 100, take, a);
    souk_client_close(&client);
    if (err == SOUK_ERR_BUSY) return complain(EX_UNAVAILABLE, "nobody listens on", a->endpoint);
    if (err) return complain(EX_USAGE, souk_err_text(err), NULL);
    return a->status < 0 ? complain(EX_UNAVAILABLE, "no answer came in time", NULL) : a->status;
}

/* ---- The command line. ---- */

/* EX_OK, or the status to exit with. */
static int
read_options(struct asking *a, int argc, char **argv)
{
    enum { DATA = 256, READY_FILE, ENDPOINT, KEY, SERVER_KEY, WITHIN, LIST };
    static const struct option options[] = {
        { "data", required_argument, NULL, DATA }, { "ready-file", required_argument, NULL, READY_FILE },
        { "endpoint", required_argument, NULL, ENDPOINT }, { "key", required_argument, NULL, KEY },
        { "server-key", required_argument, NULL, SERVER_KEY }, { "within", required_argument, NULL, WITHIN },
        { "list", no_argument, NULL, LIST }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, "+h", options, NULL)) != -1;) {
        char *end;
        unsigned long number;
        switch (option) {
        case DATA: a->data = optarg; break;
        case READY_FILE: a->ready_file = optarg; break;
        case ENDPOINT: a->endpoint = optarg; break;
        case KEY: a->key_file = optarg; break;
        case SERVER_KEY: a->server_key_file = optarg; break;
        case LIST: a->list = true; break;
        case 'h': a->help = true; break;
        case WITHIN:
            errno = 0;
            number = strtoul(optarg, &end, 10);
            if (errno || *end || !number || number > 600000)
                return complain(EX_USAGE, "--within takes 1 to 600000", optarg);
            a->within_ms = (uint32_t)number;
            break;
        default: fputs(usage_text, stderr); return EX_USAGE;
        }
    }
    return EX_OK;
}

int
souk_ask_main(int argc, char **argv)
{
    static uint8_t body[BODY_MAX];
    struct asking a = { .within_ms = WITHIN_MS };
    char why[256];
    size_t length;
    called = argv[0];
    int status = read_options(&a, argc, argv);
    if (status) return status;
    if (a.help) return fputs(usage_text, stdout) < 0 ? EX_IOERR : EX_OK;
    argc -= optind;
    argv += optind;
    if (a.list) return list(argc ? argv[0] : NULL);
    if (argc < 3) {
        fputs(usage_text, stderr);
        return EX_USAGE;
    }
    status = find_row(&a, argv[0], argv[2]);
    if (!status) status = split_key(&a, argv[1]);
    if (!status) status = find_endpoint(&a);
    if (status) return status;
    if (souk_build_from_words(a.row->layout, (const char *const *)argv + 3, (size_t)(argc - 3), body, sizeof body,
                              &length, why, sizeof why))
        return complain(EX_USAGE, why, NULL);
    return ask(&a, (struct souk_bytes){ body, length });
}
