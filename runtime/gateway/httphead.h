/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/httphead.h -- the head of an answer, rendered by hand for http.c. */
#ifndef SOUK_GATEWAY_HTTPHEAD_H
#define SOUK_GATEWAY_HTTPHEAD_H

#include "gateway/http.h"

enum { SOUK_HTTPHEAD_DATE = 40 };

/* What goes into it. */
struct souk_httphead {
    unsigned status;
    const struct souk_http_header *extra;
    size_t count;
    struct souk_text content_type; /* May be empty. */
    size_t body_length;
    const char *date;       /* A whole header line, or an empty string. */
    bool close, keep_alive; /* What Connection says; neither: it isn't sent. */
};

/* At least as many bytes as souk_httphead_write() writes. */
size_t souk_httphead_size(const struct souk_httphead *head);
/* Writes it, up to the empty line and with it. Returns the bytes written. */
size_t souk_httphead_write(const struct souk_httphead *head, char *out);
/* Renders the Date line for Unix milliseconds into `line` (SOUK_HTTPHEAD_DATE bytes); 0 makes it empty. Cheap while the
 * second stays the same. */
void souk_httphead_date(char *line, uint64_t wall_ms);

#endif
