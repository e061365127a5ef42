/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz.c -- see fuzz.h. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

uint8_t
fuzz_byte(struct fuzz_input *in)
{
    if (!in->left) return 0;
    in->left--;
    return *in->at++;
}

uint64_t
fuzz_number(struct fuzz_input *in, unsigned bytes)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < bytes; i++) number = number << 8 | fuzz_byte(in);
    return number;
}

struct souk_bytes
fuzz_bytes(struct fuzz_input *in, size_t most)
{
    struct souk_bytes taken = { in->at, in->left < most ? in->left : most };
    in->at += taken.length;
    in->left -= taken.length;
    return taken;
}

void *
fuzz_copy(const void *at, size_t length)
{
    void *copy = malloc(length ? length : 1);
    souk_assert(copy);
    if (length) memcpy(copy, at, length);
    return copy;
}

uint64_t
fuzz_chance(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void
fuzz_quiet(void)
{
    static FILE *nowhere;
    if (!nowhere) nowhere = fopen("/dev/null", "we");
    souk_assert(nowhere);
    stderr = nowhere; /* souk_panic() writes to the descriptor itself. */
}

/* ---- JSON. ---- */

struct judge { const char *at, *end; };

static void
blanks(struct judge *j)
{
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\t' || *j->at == '\n' || *j->at == '\r')) j->at++;
}

static bool
takes(struct judge *j, char c)
{
    if (j->at == j->end || *j->at != c) return false;
    j->at++;
    return true;
}

/* How many UTF-8 bytes the character at `at` has; 0: it is none. By decoding it and looking at the number. */
static unsigned
character(const char *at, const char *end)
{
    const unsigned char *b = (const unsigned char *)at;
    unsigned length = b[0] < 0x80 ? 1 : b[0] >> 5 == 6 ? 2 : b[0] >> 4 == 14 ? 3 : b[0] >> 3 == 30 ? 4 : 0;
    if (!length || end - at < (long)length) return 0;
    uint32_t code = length == 1 ? b[0] : b[0] & (0x7fu >> length);
    for (unsigned i = 1; i < length; i++) {
        if (b[i] >> 6 != 2) return 0;
        code = code << 6 | (b[i] & 0x3f);
    }
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    return code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : length;
}

/* The unit after \u; -1: it isn't four digits. */
static int
unit(struct judge *j)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        if (j->at == j->end) return -1;
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = *j->at ? strchr(digits, *j->at) : NULL;
        if (!digit) return -1;
        value = value * 16 + (int)(digit - digits) % 16;
        j->at++;
    }
    return value;
}

static bool
escape(struct judge *j)
{
    if (j->at == j->end) return false;
    char c = *j->at++;
    if (c != 'u') return c && strchr("\"\\/bfnrt", c);
    int first = unit(j);
    if (first < 0 || (first >= 0xdc00 && first <= 0xdfff)) return false;
    if (first < 0xd800 || first > 0xdbff) return true;
    if (!takes(j, '\\') || !takes(j, 'u')) return false;
    int second = unit(j);
    return second >= 0xdc00 && second <= 0xdfff;
}

static bool
text_of(struct judge *j)
{
    if (!takes(j, '"')) return false;
    while (j->at < j->end && *j->at != '"') {
        unsigned length = character(j->at, j->end);
        if (!length || (unsigned char)*j->at < 0x20) return false;
        bool escaped = *j->at == '\\';
        j->at += length;
        if (escaped && !escape(j)) return false;
    }
    return takes(j, '"');
}

static bool
digits_of(struct judge *j)
{
    const char *from = j->at;
    while (j->at < j->end && *j->at >= '0' && *j->at <= '9') j->at++;
    return j->at > from;
}

static bool
number_of(struct judge *j)
{
    takes(j, '-');
    if (!takes(j, '0') && !digits_of(j)) return false;
    if (takes(j, '.') && !digits_of(j)) return false;
    if (!takes(j, 'e') && !takes(j, 'E')) return true;
    if (!takes(j, '-')) takes(j, '+');
    return digits_of(j);
}

static bool
word_of(struct judge *j, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(j->end - j->at) < length || memcmp(j->at, word, length)) return false;
    j->at += length;
    return true;
}

static bool
value_of(struct judge *j, unsigned depth)
{
    blanks(j);
    if (j->at == j->end) return false;
    char open = *j->at, close = open == '{' ? '}' : ']';
    if (open == '"') return text_of(j);
    if (open == 't') return word_of(j, "true");
    if (open == 'f') return word_of(j, "false");
    if (open == 'n') return word_of(j, "null");
    if (open != '{' && open != '[') return number_of(j);
    if (!depth) return false;
    j->at++;
    blanks(j);
    if (takes(j, close)) return true;
    do {
        blanks(j);
        if (open == '{') {
            if (!text_of(j)) return false;
            blanks(j);
            if (!takes(j, ':')) return false;
        }
        if (!value_of(j, depth - 1)) return false;
        blanks(j);
    } while (takes(j, ','));
    return takes(j, close);
}

bool
fuzz_is_json(struct souk_text text, unsigned depth_max)
{
    struct judge j = { text.at, text.at + text.length };
    if (!value_of(&j, depth_max)) return false;
    blanks(&j);
    return j.at == j.end;
}
