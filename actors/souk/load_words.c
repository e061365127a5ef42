/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_words.c -- the load generator's names, choices, request bodies, and what it reads in answers.
 *
 * Everything follows from the seed and a buyer's number, so that a buyer who repeats himself says the same. */
#define _GNU_SOURCE
#include "load_inside.h"

#include "base/clocktext.h"
#include "base/hash.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where the decimal digits of `number` go; returns their end. */
static char *
digits(char *to, uint64_t number)
{
    char reversed[20];
    unsigned count = 0;
    do {
        reversed[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0)
        *to++ = reversed[--count];
    return to;
}

static struct souk_text
name_of(char *room, char kind, const char *run, uint64_t number)
{
    char *to = room;
    *to++ = kind;
    memcpy(to, run, 8);
    to += 8;
    *to++ = '-';
    to = digits(to, number);
    *to = '\0';
    return (struct souk_text){ room, (size_t)(to - room) };
}

souk_err
souk_load_words_open(souk_load *load)
{
    const struct load_plan *plan = &load->plan;
    snprintf(load->run, sizeof load->run, "%08" PRIx32, (uint32_t)souk_hash_mix(plan->seed + 1));
    load->chance = souk_hash_mix(plan->seed + 2);
    load->watches = calloc(plan->skus, sizeof *load->watches);
    if (!load->watches)
        return SOUK_ERR_MEMORY;
    for (unsigned i = 0; i < plan->skus; i++) {
        load->watches[i].load = load;
        if (plan->sale)
            snprintf(load->watches[i].name, LOAD_NAME_MAX, "%s", plan->sale);
        else
            snprintf(load->watches[i].name, LOAD_NAME_MAX, "rush-%s-%u", load->run, i + 1);
    }
    if (plan->skew == 0 || plan->skus == 1)
        return SOUK_OK;
    load->popularity = calloc(plan->skus, sizeof *load->popularity);
    if (!load->popularity)
        return SOUK_ERR_MEMORY;
    double sum = 0;
    for (unsigned i = 0; i < plan->skus; i++)
        load->popularity[i] = sum += pow(i + 1, -plan->skew);
    for (unsigned i = 0; i < plan->skus; i++)
        load->popularity[i] /= sum;
    return SOUK_OK;
}

uint32_t
souk_load_choose(const souk_load *load, uint64_t number)
{
    unsigned skus = load->plan.skus;
    uint64_t draw = souk_hash_mix(load->plan.seed ^ souk_hash_mix(number + UINT64_C(0x9e3779b97f4a7c15)));
    if (skus == 1)
        return 0;
    if (!load->popularity)
        return (uint32_t)(draw % skus);
    double share = (double)(draw >> 11) * 0x1p-53;
    uint32_t low = 0, high = skus - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (load->popularity[middle] > share)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct souk_text
souk_load_customer(const souk_load *load, uint64_t number, char room[LOAD_NAME_MAX])
{
    return name_of(room, 'c', load->run, load->plan.customers ? number % load->plan.customers : number);
}

struct souk_text
souk_load_key(const souk_load *load, uint64_t number, unsigned attempt, char room[LOAD_NAME_MAX])
{
    struct souk_text key = name_of(room, 'k', load->run, number);
    if (attempt > 0) {
        room[key.length] = '.';
        char *end = digits(room + key.length + 1, attempt);
        *end = '\0';
        key.length = (size_t)(end - room);
    }
    return key;
}

struct souk_text
souk_load_path(const char *before, const char *name, const char *after, char room[LOAD_TARGET_MAX])
{
    char *to = stpcpy(room, before);
    souk_assert(strlen(before) + strlen(name) + strlen(after) < LOAD_TARGET_MAX);
    to = stpcpy(stpcpy(to, name), after);
    return (struct souk_text){ room, (size_t)(to - room) };
}

struct souk_text
souk_load_sale_body(const souk_load *load, unsigned sale, char room[LOAD_BODY_MAX])
{
    const struct load_plan *plan = &load->plan;
    int length = snprintf(room, LOAD_BODY_MAX,
                          "{\"sku\":\"sku-%u\",\"units\":%" PRIu32 ",\"price\":{\"amount\":%" PRId64
                          ",\"currency\":\"%s\"},\"limit_per_customer\":%" PRIu32 ",\"hold_ms\":%" PRIu64 "}",
                          sale + 1, plan->units, plan->price, plan->currency, plan->limit, plan->hold_ms);
    souk_assert(length > 0 && length < LOAD_BODY_MAX);
    return (struct souk_text){ room, (size_t)length };
}

struct souk_text
souk_load_order_body(const souk_load *load, uint64_t number, char room[LOAD_BODY_MAX])
{
    char customer[LOAD_NAME_MAX];
    char *to = stpcpy(room, "{\"customer\":\"");
    souk_load_customer(load, number, customer);
    to = stpcpy(stpcpy(to, customer), "\",\"units\":");
    to = digits(to, load->plan.units_per_order);
    to = stpcpy(to, load->plan.credit ? ",\"payment\":{\"method\":\"credit\"}}"
                                      : ",\"payment\":{\"method\":\"card\",\"token\":\"tok_visa\"}}");
    return (struct souk_text){ room, (size_t)(to - room) };
}

struct souk_text
souk_load_credit_body(const souk_load *load, char room[LOAD_BODY_MAX])
{
    int length = snprintf(room, LOAD_BODY_MAX, "{\"amount\":{\"amount\":%" PRId64 ",\"currency\":\"%s\"}}",
                          load->plan.credit_amount, load->plan.currency);
    souk_assert(length > 0 && length < LOAD_BODY_MAX);
    return (struct souk_text){ room, (size_t)length };
}

bool
souk_load_read(souk_load *load, struct souk_text body, struct load_words *out)
{
    enum { ORDER, STATE, TYPE, REASON, OPENS_AT, UNITS, FREE, HELD, SOLD, FIELDS };
    static const struct souk_json_field fields[FIELDS] = {
        [ORDER] = SOUK_JSON_FIELD("order", SOUK_JSON_TEXT, false, 0, 64, NULL),
        [STATE] = SOUK_JSON_FIELD("state", SOUK_JSON_TEXT, false, 0, 64, NULL),
        [TYPE] = SOUK_JSON_FIELD("type", SOUK_JSON_TEXT, false, 0, 256, NULL),
        [REASON] = SOUK_JSON_FIELD("reason", SOUK_JSON_TEXT, false, 0, 64, NULL),
        [OPENS_AT] = SOUK_JSON_FIELD("opens_at", SOUK_JSON_TEXT, false, 0, 64, NULL),
        [UNITS] = SOUK_JSON_FIELD("units", SOUK_JSON_INTEGER, false, 0, INT64_MAX, NULL),
        [FREE] = SOUK_JSON_FIELD("free", SOUK_JSON_INTEGER, false, 0, INT64_MAX, NULL),
        [HELD] = SOUK_JSON_FIELD("held", SOUK_JSON_INTEGER, false, 0, INT64_MAX, NULL),
        [SOLD] = SOUK_JSON_FIELD("sold", SOUK_JSON_INTEGER, false, 0, INT64_MAX, NULL),
    };
    struct souk_json_value values[FIELDS];
    struct souk_json_fault fault;
    *out = (struct load_words){ 0 };
    if (souk_json_read(load->reader, body, SOUK_JSON_OPEN, fields, FIELDS, values, &fault) != SOUK_OK)
        return false;
    const struct souk_text none = { "", 0 };
    *out = (struct load_words){
        .order = values[ORDER].present ? values[ORDER].text : none,
        .state = values[STATE].present ? values[STATE].text : none,
        .type = values[TYPE].present ? values[TYPE].text : none,
        .reason = values[REASON].present ? values[REASON].text : none,
        .units = values[UNITS].present ? values[UNITS].integer : -1,
        .free = values[FREE].present ? values[FREE].integer : -1,
        .held = values[HELD].present ? values[HELD].integer : -1,
        .sold = values[SOLD].present ? values[SOLD].integer : -1,
    };
    if (values[OPENS_AT].present && souk_clock_parse(values[OPENS_AT].text, &out->opens_at_ms) != SOUK_OK)
        out->opens_at_ms = 0;
    return true;
}

bool
souk_load_read_paid(struct souk_text body, struct souk_text *order)
{
    static const char paid[] = "\"state\":\"paid\"", before[] = "\"order\":\"";
    const char *at = memmem(body.at, body.length, before, sizeof before - 1);
    if (!at || !memmem(body.at, body.length, paid, sizeof paid - 1))
        return false;
    at += sizeof before - 1;
    size_t left = (size_t)(body.at + body.length - at);
    const char *end = memchr(at, '"', left);
    if (!end || end == at || end - at > 64)
        return false;
    *order = (struct souk_text){ at, (size_t)(end - at) };
    return true;
}
