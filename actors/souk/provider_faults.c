/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider_faults.c -- reading --faults, and deciding whom a fault hits. */
#include "provider_faults.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum value { PROBABILITY, MILLISECONDS, MILLISECONDS_AT_PROBABILITY, SECONDS_AT_SECONDS };

static const struct { const char *name; enum value value; size_t offset, at_offset; } known[] = {
    { "decline", PROBABILITY, offsetof(struct provider_faults, decline), 0 },
    { "timeout_after_charge", PROBABILITY, offsetof(struct provider_faults, timeout_after_charge), 0 },
    { "error", PROBABILITY, offsetof(struct provider_faults, error), 0 },
    { "error_after_charge", PROBABILITY, offsetof(struct provider_faults, error_after_charge), 0 },
    { "twice", PROBABILITY, offsetof(struct provider_faults, twice), 0 },
    { "slow", MILLISECONDS, offsetof(struct provider_faults, slow_ms), 0 },
    { "hold", MILLISECONDS, offsetof(struct provider_faults, hold_ms), 0 },
    { "late", MILLISECONDS_AT_PROBABILITY, offsetof(struct provider_faults, late_ms),
      offsetof(struct provider_faults, late) },
    { "down", SECONDS_AT_SECONDS, offsetof(struct provider_faults, down_ms),
      offsetof(struct provider_faults, down_at_ms) },
};

/* A plain decimal number from 0 to `most`, up to `end`. */
static bool
number(const char *at, const char *end, double most, double *out)
{
    char text[32], *stop;
    size_t length = (size_t)(end - at);
    if (length == 0 || length >= sizeof text || strspn(at, "0123456789.") < length)
        return false;
    memcpy(text, at, length);
    text[length] = '\0';
    *out = strtod(text, &stop);
    return *stop == '\0' && isfinite(*out) && *out >= 0 && *out <= most;
}

static bool
set(struct provider_faults *faults, size_t which, const char *at, const char *end)
{
    char *base = (char *)faults;
    double value, second;
    enum value what = known[which].value;
    const char *sign = memchr(at, '@', (size_t)(end - at));
    const char *first_end = sign != NULL ? sign : end;
    if (what == PROBABILITY)
        return number(at, end, 1, (double *)(void *)(base + known[which].offset));
    if ((what == MILLISECONDS && sign != NULL) || !number(at, first_end, 1e9, &value))
        return false;
    *(uint64_t *)(void *)(base + known[which].offset) = (uint64_t)(what == SECONDS_AT_SECONDS ? value * 1000 : value);
    if (what == MILLISECONDS)
        return true;
    second = what == SECONDS_AT_SECONDS ? 2 : 0.02;
    if (sign != NULL && !number(sign + 1, end, what == SECONDS_AT_SECONDS ? 1e6 : 1, &second))
        return false;
    if (what == SECONDS_AT_SECONDS)
        *(uint64_t *)(void *)(base + known[which].at_offset) = (uint64_t)(second * 1000);
    else
        *(double *)(void *)(base + known[which].at_offset) = second;
    return true;
}

bool
souk_provider_faults_parse(struct provider_faults *faults, const char *text, char *why, size_t why_size)
{
    const size_t count = sizeof known / sizeof *known;
    for (const char *at = text; *text != '\0';) {
        const char *end = at + strcspn(at, ",");
        const char *equals = memchr(at, '=', (size_t)(end - at));
        size_t length = equals != NULL ? (size_t)(equals - at) : (size_t)(end - at), which = 0;
        while (which < count && (strlen(known[which].name) != length || memcmp(known[which].name, at, length) != 0))
            which++;
        if (which == count || equals == NULL || !set(faults, which, equals + 1, end)) {
            const char *problem = which == count ? "there is no such fault" : "the value is missing or makes no sense";
            snprintf(why, why_size, "--faults: %.*s: %s", (int)(end - at), at, problem);
            return false;
        }
        if (*end == '\0')
            return true;
        at = end + 1;
    }
    return true;
}

void
souk_provider_faults_seed(struct provider_faults *faults, uint64_t seed)
{
    uint64_t halves[2] = { souk_hash_mix(seed), souk_hash_mix(seed ^ UINT64_C(0x9e3779b97f4a7c15)) };
    memcpy(faults->seed.bytes, halves, sizeof faults->seed.bytes);
}

bool
souk_provider_faults_hit(const struct provider_faults *faults, const char *name, double probability,
                         struct souk_text key)
{
    if (probability <= 0)
        return false;
    struct souk_key of_name = souk_hash_key(&faults->seed, name, strlen(name));
    struct souk_key drawn = souk_hash_pair(&faults->seed, of_name, souk_hash_key(&faults->seed, key.at, key.length));
    return (double)(drawn.high >> 11) * 0x1p-53 < probability;
}
