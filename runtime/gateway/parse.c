/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/parse.c -- HTTP/1.x messages; the only file that knows libhttp-parser.
 *
 * The library reads heads only. Debian builds it in its lenient mode, in which it lets pass control characters, names
 * with spaces, folded lines and chunk sizes that end in "\rX"; so each head is checked again here once it is
 * complete, and bodies, whose framing is simple when one is strict, are read by this file. */
#include "gateway/parse.h"

#include <http_parser.h>
#include <string.h>

enum stage { HEAD, LENGTH, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, UNTIL_CLOSE, COMPLETE };

_Static_assert(sizeof(http_parser) <= sizeof(((struct souk_parse *)0)->engine), "the library's state must fit");

enum { FRAMING_SLACK = 64 * 1024, CHUNK_LINE_MAX = 256 };

/* The characters of a field's name (RFC 9110, token). */
static const bool token_chars[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool
equals_lower(const char *at, const char *lower_case, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (lower(at[i]) != lower_case[i])
            return false;
    return true;
}

/* The library calls with pieces; they lie side by side because the message does. */
static void
span_grow(struct souk_parse *parse, struct souk_span *span, const char *at, size_t length)
{
    uint32_t offset = (uint32_t)(at - parse->base);
    if (span->length == 0)
        span->at = offset;
    else if (span->at + span->length != offset)
        parse->folded = true;
    span->length += (uint32_t)length;
}

static int
on_url(http_parser *engine, const char *at, size_t length)
{
    struct souk_parse *parse = engine->data;
    span_grow(parse, &parse->path, at, length);
    return 0;
}

static int
on_field(http_parser *engine, const char *at, size_t length)
{
    struct souk_parse *parse = engine->data;
    if (parse->was_value || parse->header_count == 0) {
        if (parse->header_count == SOUK_PARSE_HEADERS_MAX) {
            parse->too_many = true;
            return 1;
        }
        parse->headers[parse->header_count++] = (struct souk_parse_header){ 0 };
        parse->was_value = false;
    }
    span_grow(parse, &parse->headers[parse->header_count - 1].name, at, length);
    return 0;
}

static int
on_value(http_parser *engine, const char *at, size_t length)
{
    struct souk_parse *parse = engine->data;
    parse->was_value = true;
    if (length > 0)
        span_grow(parse, &parse->headers[parse->header_count - 1].value, at, length);
    return 0;
}

static int
on_head(http_parser *engine)
{
    http_parser_pause(engine, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url, .on_header_field = on_field, .on_header_value = on_value, .on_headers_complete = on_head
};

void
souk_parse_start(struct souk_parse *parse, bool answer, bool no_body, uint32_t head_max, uint32_t body_max)
{
    memset(parse, 0, offsetof(struct souk_parse, headers));
    memset((char *)parse + offsetof(struct souk_parse, engine), 0, sizeof *parse - offsetof(struct souk_parse, engine));
    http_parser *engine = (http_parser *)(void *)parse->engine;
    http_parser_init(engine, answer ? HTTP_RESPONSE : HTTP_REQUEST);
    engine->data = parse;
    parse->answer = answer;
    parse->no_body = no_body;
    parse->head_max = head_max;
    parse->body_max = body_max;
}

static struct souk_text
text(const char *base, struct souk_span span)
{
    return (struct souk_text){ base + span.at, span.length };
}

unsigned
souk_parse_find(const struct souk_parse *parse, const char *base, struct souk_text name, struct souk_text *value)
{
    unsigned found = 0;
    for (uint32_t i = 0; i < parse->header_count; i++) {
        const struct souk_parse_header *header = &parse->headers[i];
        if (header->name.length == name.length && equals_lower(base + header->name.at, name.at, name.length) &&
            found++ == 0)
            *value = text(base, header->value);
    }
    return found;
}

bool
souk_parse_has_token(struct souk_text list, struct souk_text token)
{
    const char *at = list.at, *end = list.at + list.length;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma == NULL ? end : comma;
        const char *next = comma == NULL ? end : comma + 1;
        while (at < stop && (*at == ' ' || *at == '\t'))
            at++;
        while (stop > at && (stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        if ((size_t)(stop - at) == token.length && equals_lower(at, token.at, token.length))
            return true;
        at = next;
    }
    return false;
}

/* Every line ends in CR LF and none continues the one before. */
static bool
lines_strict(const char *base, uint32_t end)
{
    const char *at = base, *stop = base + end;
    while ((at = memchr(at, '\n', (size_t)(stop - at))) != NULL) {
        if (at == base || at[-1] != '\r')
            return false;
        at++;
        if (at == stop)
            return true;
        if (*at == ' ' || *at == '\t')
            return false;
    }
    return false; /* The head didn't end in a line end. */
}

/* Names are tokens, values have no control characters; trailing blanks are cut off. */
static bool
headers_strict(struct souk_parse *parse, const char *base)
{
    for (uint32_t i = 0; i < parse->header_count; i++) {
        struct souk_parse_header *header = &parse->headers[i];
        if (header->name.length == 0)
            return false;
        for (uint32_t j = 0; j < header->name.length; j++)
            if (!token_chars[(unsigned char)base[header->name.at + j]])
                return false;
        for (uint32_t j = 0; j < header->value.length; j++) {
            unsigned char c = (unsigned char)base[header->value.at + j];
            if ((c < 0x20 && c != '\t') || c == 0x7f)
                return false;
        }
        while (header->value.length > 0) {
            char last = base[header->value.at + header->value.length - 1];
            if (last != ' ' && last != '\t')
                break;
            header->value.length--;
        }
    }
    return true;
}

static bool
target_split(struct souk_parse *parse, const char *base)
{
    for (uint32_t i = 0; i < parse->path.length; i++) {
        unsigned char c = (unsigned char)base[parse->path.at + i];
        if (c <= 0x20 || c >= 0x7f)
            return false;
    }
    const char *mark = memchr(base + parse->path.at, '?', parse->path.length);
    if (mark != NULL) {
        uint32_t before = (uint32_t)(mark - base) - parse->path.at;
        parse->query.at = parse->path.at + before + 1;
        parse->query.length = parse->path.length - before - 1;
        parse->path.length = before;
    }
    return parse->path.length > 0;
}

/* The headers that say where the body ends and what becomes of the connection. */
static bool
framing_headers(struct souk_parse *parse, const char *base)
{
    unsigned hosts = 0, codings = 0, lengths = 0;
    bool close = false, keep = false;
    for (uint32_t i = 0; i < parse->header_count; i++) {
        struct souk_text name = text(base, parse->headers[i].name), value = text(base, parse->headers[i].value);
        if (name.length == 4 && equals_lower(name.at, "host", 4)) {
            hosts++;
        } else if (name.length == 6 && equals_lower(name.at, "expect", 6)) {
            parse->expect_continue = souk_parse_has_token(value, SOUK_TEXT("100-continue"));
        } else if (name.length == 10 && equals_lower(name.at, "connection", 10)) {
            close |= souk_parse_has_token(value, SOUK_TEXT("close"));
            keep |= souk_parse_has_token(value, SOUK_TEXT("keep-alive"));
        } else if (name.length == 14 && equals_lower(name.at, "content-length", 14)) {
            if (lengths++ > 0 || value.length == 0 || value.length > 18)
                return false;
            for (size_t j = 0; j < value.length; j++) {
                if (value.at[j] < '0' || value.at[j] > '9')
                    return false;
                parse->wanted = parse->wanted * 10 + (uint64_t)(value.at[j] - '0');
            }
        } else if (name.length == 17 && equals_lower(name.at, "transfer-encoding", 17)) {
            if (codings++ > 0 || value.length != 7 || !equals_lower(value.at, "chunked", 7))
                return false;
        }
    }
    parse->chunked = codings > 0;
    parse->length_given = lengths > 0;
    parse->keep_alive = !close && (!parse->http_1_0 || keep);
    if (codings > 0 && (lengths > 0 || parse->http_1_0))
        return false;
    return parse->answer || (parse->http_1_0 ? hosts <= 1 : hosts == 1);
}

static enum souk_http_method
method_of(const http_parser *engine)
{
    switch (engine->method) {
    case HTTP_GET:
        return SOUK_HTTP_GET;
    case HTTP_HEAD:
        return SOUK_HTTP_HEAD;
    case HTTP_POST:
        return SOUK_HTTP_POST;
    case HTTP_PUT:
        return SOUK_HTTP_PUT;
    case HTTP_DELETE:
        return SOUK_HTTP_DELETE;
    default:
        return SOUK_HTTP_OTHER;
    }
}

/* The library says that the head ended before `end`: judge it and choose how the body is read. */
static enum souk_parse_result
head_judge(struct souk_parse *parse, const char *base, uint32_t end)
{
    const http_parser *engine = (const http_parser *)(const void *)parse->engine;
    if (end > parse->head_max)
        return SOUK_PARSE_HEAD_TOO_LARGE;
    if (parse->folded || engine->http_major != 1 || engine->http_minor > 1 || !lines_strict(base, end) ||
        !headers_strict(parse, base))
        return SOUK_PARSE_MALFORMED;
    parse->http_1_0 = engine->http_minor == 0;
    parse->head_done = true;
    parse->head_end = parse->fed = end;
    if (!framing_headers(parse, base))
        return SOUK_PARSE_MALFORMED;
    if (parse->answer) {
        parse->status = engine->status_code;
        if (parse->status < 200 || parse->status == 204 || parse->status == 304)
            parse->no_body = true;
    } else {
        /* What follows CONNECT is no message, so nobody could say where the next one begins. */
        if (engine->method == HTTP_CONNECT || !target_split(parse, base))
            return SOUK_PARSE_MALFORMED;
        parse->method = method_of(engine);
    }
    if (parse->no_body) {
        parse->wanted = 0;
        parse->stage = LENGTH;
    } else if (parse->chunked) {
        parse->stage = CHUNK_SIZE;
        parse->wanted = 0;
    } else if (parse->answer && !parse->length_given) {
        parse->stage = UNTIL_CLOSE;
        parse->keep_alive = false;
    } else {
        if (parse->wanted > parse->body_max)
            return SOUK_PARSE_BODY_TOO_LARGE;
        parse->stage = LENGTH;
    }
    return SOUK_PARSE_DONE;
}

/* A first word of capitals and a blank is a method that we don't know, all else isn't HTTP. */
static bool
looks_like_method(const char *base, uint32_t length)
{
    uint32_t i = 0;
    while (i < length && (base[i] == '\r' || base[i] == '\n'))
        i++;
    uint32_t first = i;
    while (i < length && base[i] >= 'A' && base[i] <= 'Z')
        i++;
    return i > first + 1 && i < length && base[i] == ' ' && i + 1 < length && base[i + 1] == '/';
}

static enum souk_parse_result
head_feed(struct souk_parse *parse, const char *base, uint32_t length)
{
    http_parser *engine = (http_parser *)(void *)parse->engine;
    if (parse->fed == length)
        return SOUK_PARSE_MORE; /* To the library, no bytes would mean the end of the stream. */
    size_t used = http_parser_execute(engine, &settings, base + parse->fed, length - parse->fed);
    enum http_errno error = HTTP_PARSER_ERRNO(engine);
    if (error == HPE_PAUSED) /* At the head's last byte. */
        return head_judge(parse, base, parse->fed + (uint32_t)used + 1);
    if (parse->too_many || error == HPE_HEADER_OVERFLOW)
        return SOUK_PARSE_HEAD_TOO_LARGE;
    if (error == HPE_INVALID_METHOD && looks_like_method(base, length))
        return SOUK_PARSE_METHOD;
    if (error != HPE_OK)
        return SOUK_PARSE_MALFORMED;
    parse->fed = length;
    return length >= parse->head_max ? SOUK_PARSE_HEAD_TOO_LARGE : SOUK_PARSE_MORE;
}

/* One line of framing, without its CR LF; NULL while it isn't complete. Lines are short, so a bad one is seen soon. */
static const char *
framing_line(struct souk_parse *parse, const char *base, uint32_t length, uint32_t *line_length, bool *bad)
{
    const char *at = base + parse->fed;
    const char *end = memchr(at, '\n', length - parse->fed);
    uint32_t size = end == NULL ? length - parse->fed : (uint32_t)(end - at) + 1;
    *bad = size > CHUNK_LINE_MAX || (end != NULL && (size < 2 || end[-1] != '\r'));
    if (end == NULL || *bad)
        return NULL;
    parse->framing += size;
    parse->fed += size;
    *line_length = size - 2;
    return at;
}

/* A chunk's size in hexadecimal, and perhaps an extension, which nobody uses: only its characters are checked. */
static bool
chunk_size(const char *at, uint32_t length, uint64_t *size)
{
    uint32_t i = 0;
    *size = 0;
    for (; i < length && i < 8; i++) {
        char c = lower(at[i]);
        if (c >= '0' && c <= '9')
            *size = *size * 16 + (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            *size = *size * 16 + (uint64_t)(c - 'a') + 10;
        else
            break;
    }
    if (i == 0 || (i < length && at[i] != ';'))
        return false;
    for (; i < length; i++)
        if (((unsigned char)at[i] < 0x20 && at[i] != '\t') || at[i] == 0x7f)
            return false;
    return true;
}

static enum souk_parse_result
chunk_data(struct souk_parse *parse, char *base, uint32_t length)
{
    uint32_t here = length - parse->fed;
    if (here > parse->wanted)
        here = (uint32_t)parse->wanted;
    uint32_t to = parse->head_end + parse->body_length;
    if (to != parse->fed)
        memmove(base + to, base + parse->fed, here);
    parse->body_length += here;
    parse->fed += here;
    parse->wanted -= here;
    if (parse->wanted > 0)
        return SOUK_PARSE_MORE;
    parse->stage = CHUNK_END;
    return SOUK_PARSE_DONE;
}

/* One step of a chunked body. DONE: take the next step. */
static enum souk_parse_result
chunk_step(struct souk_parse *parse, char *base, uint32_t length)
{
    if (parse->stage == CHUNK_DATA)
        return chunk_data(parse, base, length);
    uint32_t size = 0;
    bool bad = false;
    const char *line = framing_line(parse, base, length, &size, &bad);
    if (bad)
        return SOUK_PARSE_MALFORMED;
    if (line == NULL)
        return SOUK_PARSE_MORE;
    if (parse->framing > parse->body_max + FRAMING_SLACK)
        return SOUK_PARSE_BODY_TOO_LARGE;
    if (parse->stage == CHUNK_END) {
        parse->stage = CHUNK_SIZE;
        return size == 0 ? SOUK_PARSE_DONE : SOUK_PARSE_MALFORMED;
    }
    if (parse->stage == TRAILER) { /* Trailers are read over: nothing of ours may come that late. */
        if (size == 0)
            parse->stage = COMPLETE;
        return SOUK_PARSE_DONE;
    }
    if (!chunk_size(line, size, &parse->wanted))
        return SOUK_PARSE_MALFORMED;
    if (parse->wanted > parse->body_max - parse->body_length)
        return SOUK_PARSE_BODY_TOO_LARGE;
    parse->stage = parse->wanted == 0 ? TRAILER : CHUNK_DATA;
    return SOUK_PARSE_DONE;
}

/* Closes the gap that framing left between the decoded body and the bytes not yet read. */
static void
chunk_squeeze(struct souk_parse *parse, char *base, uint32_t *length)
{
    uint32_t to = parse->head_end + parse->body_length;
    memmove(base + to, base + parse->fed, *length - parse->fed);
    *length -= parse->fed - to;
    parse->fed = to;
}

enum souk_parse_result
souk_parse_feed(struct souk_parse *parse, char *base, uint32_t *length)
{
    souk_assert(parse->fed <= *length);
    parse->base = base;
    if (parse->stage == HEAD) {
        enum souk_parse_result result = head_feed(parse, base, *length);
        if (result != SOUK_PARSE_DONE)
            return result;
    }
    if (parse->stage == LENGTH) {
        uint32_t here = *length - parse->head_end;
        if (here < parse->wanted) {
            parse->fed = *length;
            return SOUK_PARSE_MORE;
        }
        parse->body_length = (uint32_t)parse->wanted;
        parse->end = parse->fed = parse->head_end + parse->body_length;
        parse->stage = COMPLETE;
        return SOUK_PARSE_DONE;
    }
    if (parse->stage == UNTIL_CLOSE) {
        parse->body_length = *length - parse->head_end;
        parse->fed = *length;
        return parse->body_length > parse->body_max ? SOUK_PARSE_BODY_TOO_LARGE : SOUK_PARSE_MORE;
    }
    souk_assert(parse->chunked);
    enum souk_parse_result result = SOUK_PARSE_DONE;
    while (result == SOUK_PARSE_DONE && parse->stage != COMPLETE)
        result = chunk_step(parse, base, *length);
    if (result != SOUK_PARSE_DONE && result != SOUK_PARSE_MORE)
        return result;
    chunk_squeeze(parse, base, length);
    parse->end = parse->fed;
    return result;
}

enum souk_parse_result
souk_parse_finish(struct souk_parse *parse)
{
    if (parse->stage != UNTIL_CLOSE)
        return SOUK_PARSE_MALFORMED;
    parse->end = parse->fed;
    parse->stage = COMPLETE;
    return SOUK_PARSE_DONE;
}
