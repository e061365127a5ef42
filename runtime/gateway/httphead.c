/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/httphead.c -- status lines and headers of answers. For every answer, so it copies and does not format. */
#include "gateway/httphead.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct souk_text
status_line(unsigned status)
{
    switch (status) {
#define LINE(code, reason)                                                                                             \
    case code:                                                                                                         \
        return SOUK_TEXT("HTTP/1.1 " #code " " reason "\r\n")
        LINE(200, "OK");
        LINE(201, "Created");
        LINE(202, "Accepted");
        LINE(204, "No Content");
        LINE(304, "Not Modified");
        LINE(400, "Bad Request");
        LINE(401, "Unauthorized");
        LINE(402, "Payment Required");
        LINE(403, "Forbidden");
        LINE(404, "Not Found");
        LINE(405, "Method Not Allowed");
        LINE(408, "Request Timeout");
        LINE(409, "Conflict");
        LINE(413, "Content Too Large");
        LINE(415, "Unsupported Media Type");
        LINE(422, "Unprocessable Content");
        LINE(429, "Too Many Requests");
        LINE(431, "Request Header Fields Too Large");
        LINE(500, "Internal Server Error");
        LINE(501, "Not Implemented");
        LINE(502, "Bad Gateway");
        LINE(503, "Service Unavailable");
        LINE(504, "Gateway Timeout");
#undef LINE
    default:
        souk_panic(__FILE__, __LINE__, "an HTTP status that nobody uses");
    }
}

static char *
append(char *to, struct souk_text text)
{
    memcpy(to, text.at, text.length);
    return to + text.length;
}

static char *
append_number(char *to, size_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return append(to, (struct souk_text){ digits + at, sizeof digits - at });
}

size_t
souk_httphead_size(const struct souk_httphead *head)
{
    size_t size = 256 + head->content_type.length;
    for (size_t i = 0; i < head->count; i++)
        size += head->extra[i].name.length + head->extra[i].value.length + 4;
    return size;
}

static char *
append_extra(char *to, const struct souk_http_header *header)
{
    to = append(to, header->name);
    to = append(to, SOUK_TEXT(": "));
    for (size_t i = 0; i < header->value.length; i++) {
        char c = header->value.at[i];
        *to++ = (unsigned char)c < 0x20 || c == 0x7f ? ' ' : c; /* Nobody ends the header early. */
    }
    return append(to, SOUK_TEXT("\r\n"));
}

size_t
souk_httphead_write(const struct souk_httphead *head, char *out)
{
    char *to = append(out, status_line(head->status));
    if (head->date[0] != 0)
        to = append(to, souk_text_of(head->date));
    if (head->content_type.length > 0) {
        to = append(to, SOUK_TEXT("Content-Type: "));
        to = append(to, head->content_type);
        to = append(to, SOUK_TEXT("\r\n"));
    }
    for (size_t i = 0; i < head->count; i++)
        to = append_extra(to, &head->extra[i]);
    if (head->close)
        to = append(to, SOUK_TEXT("Connection: close\r\n"));
    else if (head->keep_alive)
        to = append(to, SOUK_TEXT("Connection: keep-alive\r\n"));
    if (head->status != 204) {
        to = append(to, SOUK_TEXT("Content-Length: "));
        to = append_number(to, head->body_length);
        to = append(to, SOUK_TEXT("\r\n"));
    }
    to = append(to, SOUK_TEXT("\r\n"));
    return (size_t)(to - out);
}

void
souk_httphead_date(char *line, uint64_t wall_ms)
{
    static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (wall_ms == 0 || gmtime_r(&seconds, &utc) == NULL) {
        line[0] = 0;
        return;
    }
    int length = snprintf(line, SOUK_HTTPHEAD_DATE, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[utc.tm_wday],
                          utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    if (length < 0 || length >= SOUK_HTTPHEAD_DATE)
        line[0] = 0;
}
