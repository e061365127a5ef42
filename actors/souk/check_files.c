/* SPDX-License-Identifier: Apache-2.0 */
/* souk/check_files.c -- a provider's ledger and the acks of buyers, from files of JSON lines; see check.h.
 *
 * Both are written by programs that may be killed, so a last line without its end is left out. Anything else that isn't
 * as described is an error: a checker must not guess. */
#define _GNU_SOURCE
#include "check.h"

#include "gateway/json.h"

#include "address.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file that is being read, and the list that it becomes. */
struct lines {
    const char *path;
    const struct souk_secret *secret;
    souk_json_reader *reader;
    void *at;
    size_t size, count, room;
    char *why;
    size_t why_size;
    uint64_t number;
};

/* Room for one more entry, zeroed. NULL: no memory. */
static void *
add(struct lines *lines)
{
    if (lines->count == lines->room) {
        size_t room = lines->room ? 2 * lines->room : 1024;
        void *at = realloc(lines->at, room * lines->size);
        if (!at) return NULL;
        lines->at = at;
        lines->room = room;
    }
    return memset((uint8_t *)lines->at + lines->count++ * lines->size, 0, lines->size);
}

static souk_err
malformed(const struct lines *lines, const char *what)
{
    snprintf(lines->why, lines->why_size, "%s, line %" PRIu64 ": %s", lines->path, lines->number, what);
    return SOUK_ERR_MALFORMED;
}

/* The key that a public name says; a hash of what is none, which is then nobody's key. */
static souk_key
key_of_name(const struct lines *lines, struct souk_text name)
{
    souk_key key;
    return address_read_name(name, &key) ? key : souk_hash_key(lines->secret, name.at, name.length);
}

/* ---- Lines. ---- */

enum { LEDGER_INTENT, LEDGER_KEY, LEDGER_OP, LEDGER_AMOUNT, LEDGER_CURRENCY, LEDGER_ORDER, LEDGER_AT, LEDGER_FIELDS };

static souk_err
ledger_line(struct lines *lines, struct souk_text line)
{
    static const struct souk_json_field fields[LEDGER_FIELDS] = {
        [LEDGER_INTENT] = SOUK_JSON_FIELD("intent", SOUK_JSON_TEXT, true, 1, 255, NULL),
        [LEDGER_KEY] = SOUK_JSON_FIELD("key", SOUK_JSON_TEXT, true, 0, 255, NULL),
        [LEDGER_OP] = SOUK_JSON_FIELD("op", SOUK_JSON_TEXT, true, 1, 32, NULL),
        [LEDGER_AMOUNT] = SOUK_JSON_FIELD("amount", SOUK_JSON_INTEGER, true, 0, INT64_MAX, NULL),
        [LEDGER_CURRENCY] = SOUK_JSON_FIELD("currency", SOUK_JSON_TEXT, true, 3, 3, NULL),
        [LEDGER_ORDER] = SOUK_JSON_FIELD("order", SOUK_JSON_TEXT, true, 0, 255, NULL),
        [LEDGER_AT] = SOUK_JSON_FIELD("at", SOUK_JSON_INTEGER, true, 0, INT64_MAX, NULL),
    };
    static const struct { const char *name; enum souk_check_op op; } ops[] = {
        { "authorise", SOUK_CHECK_AUTHORISE }, { "capture", SOUK_CHECK_CAPTURE }, { "cancel", SOUK_CHECK_CANCEL },
        { "refund", SOUK_CHECK_REFUND }, { "decline", SOUK_CHECK_DECLINE },
    };
    struct souk_json_value values[LEDGER_FIELDS];
    struct souk_json_fault fault;
    souk_err err = souk_json_read(lines->reader, line, SOUK_JSON_OPEN, fields, LEDGER_FIELDS, values, &fault);
    if (err) return err == SOUK_ERR_MEMORY ? err : malformed(lines, "not an entry of a provider's ledger");
    struct souk_check_effect *effect = add(lines);
    if (!effect) return SOUK_ERR_MEMORY;
    struct souk_text intent = values[LEDGER_INTENT].text;
    effect->intent = souk_hash_key(lines->secret, intent.at, intent.length);
    effect->key = key_of_name(lines, values[LEDGER_KEY].text);
    effect->order = key_of_name(lines, values[LEDGER_ORDER].text);
    effect->amount = values[LEDGER_AMOUNT].integer;
    memcpy(effect->currency, values[LEDGER_CURRENCY].text.at, 3);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (souk_text_equal(values[LEDGER_OP].text, souk_text_of(ops[i].name))) effect->op = ops[i].op;
    return effect->op ? SOUK_OK : malformed(lines, "an unknown op");
}

enum { ACK_ORDER, ACK_CUSTOMER, ACK_KEY, ACK_STATUS, ACK_SALE, ACK_UNITS, ACK_FIELDS };

/* The order's key follows from customer and idempotency key; a name that says another is a line about nobody. */
static souk_err
ack_line(struct lines *lines, struct souk_text line)
{
    static const struct souk_json_field fields[ACK_FIELDS] = {
        [ACK_ORDER] = SOUK_JSON_FIELD("order", SOUK_JSON_TEXT, true, 0, 64, NULL),
        [ACK_CUSTOMER] = SOUK_JSON_FIELD("customer", SOUK_JSON_TEXT, true, 1, 255, NULL),
        [ACK_KEY] = SOUK_JSON_FIELD("key", SOUK_JSON_TEXT, true, 1, 255, NULL),
        [ACK_STATUS] = SOUK_JSON_FIELD("status", SOUK_JSON_INTEGER, true, 100, 599, NULL),
        [ACK_SALE] = SOUK_JSON_FIELD("sale", SOUK_JSON_TEXT, false, 1, 255, NULL),
        [ACK_UNITS] = SOUK_JSON_FIELD("units", SOUK_JSON_INTEGER, false, 1, INT32_MAX, NULL),
    };
    struct souk_json_value values[ACK_FIELDS];
    struct souk_json_fault fault;
    souk_err err = souk_json_read(lines->reader, line, SOUK_JSON_OPEN, fields, ACK_FIELDS, values, &fault);
    if (err) return err == SOUK_ERR_MEMORY ? err : malformed(lines, "not an ack");
    struct souk_check_ack *ack = add(lines);
    if (!ack) return SOUK_ERR_MEMORY;
    const struct souk_secret *secret = lines->secret;
    struct souk_text customer = values[ACK_CUSTOMER].text, key = values[ACK_KEY].text, name = values[ACK_ORDER].text;
    souk_key scope = souk_hash_pair(secret, souk_hash_key(secret, "order", 5),
                                    souk_hash_key(secret, customer.at, customer.length));
    souk_key order = souk_hash_pair(secret, scope, souk_hash_key(secret, key.at, key.length));
    ack->order = name.length ? key_of_name(lines, name) : order;
    if (!souk_key_equal(ack->order, order)) return malformed(lines, "the customer and the key don't lead to the order");
    ack->status = (uint32_t)values[ACK_STATUS].integer;
    if (values[ACK_UNITS].present) ack->units = (uint32_t)values[ACK_UNITS].integer;
    if (values[ACK_SALE].present) {
        struct souk_text sale = values[ACK_SALE].text;
        ack->sale = souk_hash_key(secret, sale.at, sale.length);
    }
    return SOUK_OK;
}

/* ---- Files. ---- */

static souk_err
read_lines(struct lines *lines, FILE *file, souk_err (*take)(struct lines *lines, struct souk_text line))
{
    char *line = NULL;
    size_t size = 0;
    souk_err err = SOUK_OK;
    for (ssize_t n; !err && (n = getline(&line, &size, file)) > 0;) {
        lines->number++;
        if (line[n - 1] != '\n') break; /* Cut short, so it was never said. */
        if (n > 1) err = take(lines, (struct souk_text){ line, (size_t)n - 1 });
    }
    if (!err && ferror(file)) {
        snprintf(lines->why, lines->why_size, "%s cannot be read: %s", lines->path, strerror(errno));
        err = SOUK_ERR_IO;
    }
    free(line);
    return err;
}

static souk_err
read_file(struct lines *lines, souk_err (*take)(struct lines *lines, struct souk_text line))
{
    FILE *file = fopen(lines->path, "re");
    if (!file) {
        snprintf(lines->why, lines->why_size, "%s cannot be read: %s", lines->path, strerror(errno));
        return errno == ENOENT ? SOUK_ERR_MISSING : SOUK_ERR_IO;
    }
    lines->reader = souk_json_reader_open();
    souk_err err = lines->reader ? read_lines(lines, file, take) : SOUK_ERR_MEMORY;
    souk_json_reader_close(&lines->reader);
    (void)fclose(file);
    if (!err) return SOUK_OK;
    if (err == SOUK_ERR_MEMORY) snprintf(lines->why, lines->why_size, "%s: %s", lines->path, souk_err_text(err));
    free(lines->at);
    return err;
}

souk_err
souk_check_read_ledger(const char *path, const struct souk_secret *secret, struct souk_check_effect **out,
                       size_t *count, char *why, size_t why_size)
{
    struct lines lines = { .path = path, .secret = secret, .size = sizeof **out, .why = why, .why_size = why_size };
    souk_err err = read_file(&lines, ledger_line);
    *out = err ? NULL : lines.at;
    *count = err ? 0 : lines.count;
    return err;
}

souk_err
souk_check_read_acks(const char *path, const struct souk_secret *secret, struct souk_check_ack **out, size_t *count,
                     char *why, size_t why_size)
{
    struct lines lines = { .path = path, .secret = secret, .size = sizeof **out, .why = why, .why_size = why_size };
    souk_err err = read_file(&lines, ack_line);
    *out = err ? NULL : lines.at;
    *count = err ? 0 : lines.count;
    return err;
}
