/* SPDX-License-Identifier: Apache-2.0 */
/* money.c -- currencies and checked sums; see money.h. */
#include "money.h"

#include <string.h>

/* ISO 4217's active codes by their number of decimal places. Those that name no spendable money (XAU, XDR, XTS, ...)
 * are left out. */
static const struct { int exponent; const char *codes; } currencies[] = {
    { 2, "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
         "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
         "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
         "MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP "
         "SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER "
         "ZAR ZMW ZWG" },
    { 0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF" },
    { 3, "BHD IQD JOD KWD LYD OMR TND" },
    { 4, "CLF UYW" },
};

int
money_exponent(struct souk_text currency)
{
    if (currency.length != 3) return -1;
    for (size_t i = 0; i < sizeof currencies / sizeof currencies[0]; i++)
        for (const char *code = currencies[i].codes;; code += 4) {
            if (!memcmp(code, currency.at, 3)) return currencies[i].exponent;
            if (!code[3]) break;
        }
    return -1;
}

bool
money_currency_known(struct souk_text currency)
{
    return money_exponent(currency) >= 0;
}

uint32_t
money_pack(struct souk_text currency)
{
    if (currency.length != 3) return 0;
    const unsigned char *c = (const unsigned char *)currency.at;
    return (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
}

struct souk_text
money_unpack(uint32_t packed, char letters[3])
{
    if (!packed) return (struct souk_text){ NULL, 0 };
    letters[0] = (char)(packed >> 16 & 0x7f);
    letters[1] = (char)(packed >> 8 & 0x7f);
    letters[2] = (char)(packed & 0x7f);
    return (struct souk_text){ letters, 3 };
}

bool
money_add(int64_t a, int64_t b, int64_t *out)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return false;
    *out = sum;
    return true;
}

bool
money_subtract(int64_t a, int64_t b, int64_t *out)
{
    int64_t difference;
    if (__builtin_sub_overflow(a, b, &difference)) return false;
    *out = difference;
    return true;
}

bool
money_multiply(int64_t price, uint32_t units, int64_t *out)
{
    int64_t product;
    if (__builtin_mul_overflow(price, (int64_t)units, &product)) return false;
    *out = product;
    return true;
}

bool
money_split(int64_t total, const uint32_t *weights, uint32_t count, int64_t *shares)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < count; i++) all += weights[i];
    if (!all || total < 0) return false;
    int64_t left = total;
    for (uint32_t i = 0; i < count; i++) {
        shares[i] = (int64_t)((unsigned __int128)total * weights[i] / all);
        left -= shares[i];
    }
    /* Fewer are left than there are shares. Each round takes the largest remainder that comes after the last one taken,
     * so no memory is needed to know whose turn has been. */
    uint64_t last_remainder = UINT64_MAX;
    uint32_t last = 0;
    for (; left > 0; left--) {
        uint64_t best_remainder = 0;
        uint32_t best = count;
        for (uint32_t i = 0; i < count; i++) {
            uint64_t remainder = (uint64_t)((unsigned __int128)total * weights[i] % all);
            bool taken = remainder > last_remainder || (remainder == last_remainder && i <= last);
            if (!taken && (best == count || remainder > best_remainder)) best = i, best_remainder = remainder;
        }
        souk_assert(best < count);
        shares[best]++;
        last = best;
        last_remainder = best_remainder;
    }
    return true;
}
