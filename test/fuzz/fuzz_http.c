/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz_http.c -- HTTP/1.1 messages, one after the other, requests or answers. What is one message stays one
 * however the bytes arrive: read at once and read in pieces, the same messages are found. And a message that is
 * written anew in the plainest way, with its length, is read as the same.
 *
 * An input is a byte of flags, a number of two bytes from which the pieces follow, and the bytes. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/parse.h"

enum { MESSAGES_MAX = 16, ANSWER = 1, NO_BODY = 2, SMALL = 4, BYTEWISE = 8, CLOSE = 16 };

/* What was made of a stream: each whole message, told in a text, and how it ended. */
struct told {
    char *text[MESSAGES_MAX];
    size_t length[MESSAGES_MAX];
    bool full[MESSAGES_MAX]; /* A length beside its headers may be too much. */
    unsigned count;
    enum souk_parse_result end;
};

static void
start(struct souk_parse *parse, unsigned flags)
{
    souk_parse_start(parse, flags & ANSWER, flags & NO_BODY, flags & SMALL ? 200 : 16 << 10,
                     flags & SMALL ? 60 : 64 << 10);
}

static struct souk_text
span(const char *base, struct souk_span s)
{
    return (struct souk_text){ base + s.at, s.length };
}

/* The message in the plainest form: if it says what it is by other headers than these, it says so twice. */
static void
tell(struct told *told, const struct souk_parse *p, const char *base, unsigned flags)
{
    static const char *const methods[] = { "OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE" };
    FILE *out = open_memstream(&told->text[told->count], &told->length[told->count]);
    souk_assert(out && p->end >= p->head_end && p->head_end + p->body_length == p->end);
    struct souk_text path = span(base, p->path), query = span(base, p->query);
    told->full[told->count] = p->header_count == SOUK_PARSE_HEADERS_MAX || p->head_end > 15 << 10;
    bool bodiless = (flags & NO_BODY) || (p->answer && p->no_body);
    souk_assert(!bodiless || !p->body_length);
    if (flags & ANSWER)
        fprintf(out, "HTTP/1.%d %03u -\r\n", !p->http_1_0, p->status);
    else
        fprintf(out, "%s %.*s%s%.*s HTTP/1.%d\r\n", methods[p->method], (int)path.length, path.at,
                query.at > base && query.at[-1] == '?' ? "?" : "", (int)query.length, query.at, !p->http_1_0);
    for (uint32_t i = 0; i < p->header_count; i++) {
        struct souk_text name = span(base, p->headers[i].name), value = span(base, p->headers[i].value);
        bool framing = name.length == 17 && (name.at[0] | 0x20) == 't' && (name.at[9] | 0x20) == 'e';
        framing |= name.length == 14 && (name.at[0] | 0x20) == 'c' && (name.at[8] | 0x20) == 'l';
        if (framing) continue;
        /* The library takes a name that only begins so for a coding, and suffers no length beside it. */
        told->full[told->count] |= name.length > 17 && (name.at[0] | 0x20) == 't' && (name.at[9] | 0x20) == 'e';
        fwrite(name.at, 1, name.length, out);
        fputc(':', out);
        fwrite(value.at, 1, value.length, out);
        fputs("\r\n", out);
    }
    if (!bodiless) fprintf(out, "Content-Length:%u\r\n", p->body_length);
    fputs("\r\n", out);
    if (p->body_length) fwrite(base + p->head_end, 1, p->body_length, out);
    fclose(out);
    told->count++;
}

/* Reads a stream that comes in pieces, as the server and the client do: what was read is dropped from the front, and
 * the buffer is another after each piece. */
static void
read_stream(struct told *told, struct souk_bytes stream, unsigned flags, uint64_t seed, bool at_once)
{
    struct souk_parse parse;
    uint32_t length = 0;
    size_t taken = 0;
    char *base = fuzz_copy(NULL, 0);
    *told = (struct told){ .end = SOUK_PARSE_MORE };
    start(&parse, flags);
    while (told->end == SOUK_PARSE_MORE && taken < stream.length) {
        size_t most = flags & BYTEWISE ? 1 : 1 + fuzz_chance(&seed) % (fuzz_chance(&seed) % 4 ? 16 : 400);
        size_t piece = at_once || most > stream.length - taken ? stream.length - taken : most;
        char *wider = malloc(length + piece);
        souk_assert(wider);
        memcpy(wider, base, length);
        memcpy(wider + length, (const char *)stream.at + taken, piece);
        free(base);
        base = wider;
        taken += piece;
        length += (uint32_t)piece;
        while (length && (told->end = souk_parse_feed(&parse, base, &length)) == SOUK_PARSE_DONE) {
            souk_assert(parse.end <= length && parse.header_count <= SOUK_PARSE_HEADERS_MAX);
            if (told->count == MESSAGES_MAX) break;
            tell(told, &parse, base, flags);
            length -= parse.end;
            memmove(base, base + parse.end, length);
            start(&parse, flags);
            told->end = SOUK_PARSE_MORE;
        }
    }
    if (told->end == SOUK_PARSE_MORE && length && (flags & CLOSE)) {
        told->end = souk_parse_finish(&parse);
        if (told->end == SOUK_PARSE_DONE && told->count < MESSAGES_MAX) tell(told, &parse, base, flags);
    }
    free(base);
}

/* What was told is read as itself, and as one message. */
static void
read_again(const struct told *told, unsigned flags)
{
    for (unsigned i = 0; i < told->count; i++) {
        struct told again;
        if (told->full[i]) continue;
        struct souk_bytes message = { told->text[i], told->length[i] };
        read_stream(&again, message, flags & (ANSWER | NO_BODY), 0, true);
        souk_assert(again.count == 1 && again.end == SOUK_PARSE_MORE);
        souk_assert(again.length[0] == told->length[i] && !memcmp(again.text[0], told->text[i], told->length[i]));
        free(again.text[0]);
    }
}

void
fuzz_http(const uint8_t *at, size_t length)
{
    struct fuzz_input in = { at, length };
    unsigned flags = fuzz_byte(&in);
    uint64_t seed = fuzz_number(&in, 2);
    struct souk_bytes stream = { in.at, in.left };
    struct told whole, pieces;
    read_stream(&whole, stream, flags, 0, true);
    read_stream(&pieces, stream, flags, seed, false);
    /* For what reason a stream is refused may depend on how far it was seen, but not that it is. */
    souk_assert(whole.count == pieces.count);
    souk_assert((whole.end <= SOUK_PARSE_DONE) == (pieces.end <= SOUK_PARSE_DONE));
    for (unsigned i = 0; i < whole.count; i++)
        souk_assert(whole.length[i] == pieces.length[i] && !memcmp(whole.text[i], pieces.text[i], whole.length[i]));
    if (!(flags & SMALL)) read_again(&whole, flags);
    for (unsigned i = 0; i < whole.count; i++) {
        free(whole.text[i]);
        free(pieces.text[i]);
    }
}

FUZZ_ENTRY(http)
