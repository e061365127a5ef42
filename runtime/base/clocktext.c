/* SPDX-License-Identifier: Apache-2.0 */
/* base/clocktext.c -- RFC 3339, by hand.
 *
 * Called for what shops write (when a sale opens) and what souk answers. The C library's functions depend on locale
 * and time zone, and accept more than the RFC. Days are counted in the proleptic Gregorian calendar, by Howard
 * Hinnant's civil-days algorithm. */
#include "base/clocktext.h"

#define MS_DAY INT64_C(86400000)
#define LAST_MS (INT64_C(253402300800000) - 1) /* the end of the year 9999 */

static int64_t
days_of(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2; /* The year begins in March, so that the leap day is its last. */
    int64_t era = year / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static unsigned
days_in(unsigned year, unsigned month)
{
    static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* What is left of the text. */
struct rest {
    const char *at, *end;
};

static bool
digit_next(const struct rest *rest)
{
    return rest->at < rest->end && *rest->at >= '0' && *rest->at <= '9';
}

/* Exactly `count` digits that make a number from min to max. */
static bool
number(struct rest *rest, unsigned count, unsigned min, unsigned max, unsigned *out)
{
    unsigned value = 0;
    for (; count; count--, rest->at++) {
        if (!digit_next(rest))
            return false;
        value = value * 10 + (unsigned)(*rest->at - '0');
    }
    *out = value;
    return value >= min && value <= max;
}

/* One of two characters, of which the second is the first in lower case, or the same. */
static bool
mark(struct rest *rest, char a, char b)
{
    if (rest->at == rest->end || (*rest->at != a && *rest->at != b))
        return false;
    rest->at++;
    return true;
}

/* The fraction of a second, if there is one. */
static bool
fraction(struct rest *rest, unsigned *ms)
{
    *ms = 0;
    if (!mark(rest, '.', '.'))
        return true;
    if (!digit_next(rest))
        return false;
    for (unsigned worth = 100; digit_next(rest); worth /= 10, rest->at++)
        *ms += (unsigned)(*rest->at - '0') * worth;
    return true;
}

/* Z or +hh:mm, in minutes east of UTC. */
static bool
offset(struct rest *rest, int *minutes)
{
    *minutes = 0;
    if (mark(rest, 'Z', 'z'))
        return true;
    bool west = rest->at < rest->end && *rest->at == '-';
    unsigned hour, minute;
    if (!mark(rest, '+', '-') || !number(rest, 2, 0, 23, &hour) || !mark(rest, ':', ':') ||
        !number(rest, 2, 0, 59, &minute))
        return false;
    *minutes = (int)(hour * 60 + minute) * (west ? -1 : 1);
    return true;
}

souk_err
souk_clock_parse(struct souk_text text, uint64_t *wall_ms)
{
    *wall_ms = 0;
    if (text.length == 0)
        return SOUK_ERR_MALFORMED;
    struct rest rest = { text.at, text.at + text.length };
    unsigned year, month, day, hour, minute, second, ms;
    int east;
    if (!number(&rest, 4, 0, 9999, &year) || !mark(&rest, '-', '-') || !number(&rest, 2, 1, 12, &month) ||
        !mark(&rest, '-', '-') || !number(&rest, 2, 1, days_in(year, month), &day) || !mark(&rest, 'T', 't') ||
        !number(&rest, 2, 0, 23, &hour) || !mark(&rest, ':', ':') || !number(&rest, 2, 0, 59, &minute) ||
        !mark(&rest, ':', ':') || !number(&rest, 2, 0, 60, &second) || !fraction(&rest, &ms) ||
        !offset(&rest, &east) || rest.at != rest.end)
        return SOUK_ERR_MALFORMED;

    bool leap = second == 60;
    int64_t minutes = (int64_t)hour * 60 + minute - east;
    int64_t at = days_of(year, month, day) * MS_DAY + minutes * 60000 + (leap ? 60000 : second * 1000 + ms);
    if (at < 0 || at > LAST_MS || (leap && at % MS_DAY != 0))
        return SOUK_ERR_MALFORMED;
    *wall_ms = (uint64_t)at;
    return SOUK_OK;
}

/* Writes `count` digits at `at`. */
static void
digits(char *at, unsigned count, uint64_t value)
{
    for (; count; count--, value /= 10)
        at[count - 1] = (char)('0' + value % 10);
}

struct souk_text
souk_clock_format(uint64_t wall_ms, char out[SOUK_CLOCK_TEXT_BYTES])
{
    uint64_t at = wall_ms > (uint64_t)LAST_MS ? (uint64_t)LAST_MS : wall_ms;
    uint64_t of_day = at % (uint64_t)MS_DAY, days = at / (uint64_t)MS_DAY + 719468;
    uint64_t era = days / 146097, of_era = days % 146097;
    uint64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t march = (5 * of_year + 2) / 153;
    uint64_t month = march < 10 ? march + 3 : march - 9;

    static const char form[SOUK_CLOCK_TEXT_BYTES] = "0000-00-00T00:00:00.000Z";
    for (unsigned i = 0; i < SOUK_CLOCK_TEXT_BYTES; i++)
        out[i] = form[i];
    digits(out, 4, year_of_era + era * 400 + (month <= 2));
    digits(out + 5, 2, month);
    digits(out + 8, 2, of_year - (153 * march + 2) / 5 + 1);
    digits(out + 11, 2, of_day / 3600000);
    digits(out + 14, 2, of_day / 60000 % 60);
    digits(out + 17, 2, of_day / 1000 % 60);
    digits(out + 20, 3, of_day % 1000);
    return (struct souk_text){ out, SOUK_CLOCK_TEXT_BYTES - 1 };
}
