/* SPDX-License-Identifier: Apache-2.0 */
/* port/fetchvalid.c -- what may be fetched; called by fetch.c before anything is copied.
 *
 * curl would take much more: files, other protocols, a header that holds a second one. None of it passes here. */
#include "port/fetchvalid.h"

#include <string.h>

/* Whether all bytes are at least `least` and none is DEL: no line of a request may hide another. */
static bool
clean(struct souk_text text, unsigned char least)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.at[i] < least || (unsigned char)text.at[i] == 0x7f)
            return false;
    return true;
}

bool
souk_fetch_valid(const struct souk_fetch_request *request)
{
    const char *const schemes[] = { "http://", "https://" };
    const struct souk_text url = request->url, method = request->method;
    bool known = false;
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(schemes[i]);
        if (url.length <= length || memcmp(url.at, schemes[i], length) != 0)
            continue;
        const char *slash = memchr(url.at + length, '/', url.length - length);
        size_t authority = slash != NULL ? (size_t)(slash - url.at) - length : url.length - length;
        known = authority > 0 && memchr(url.at + length, '@', authority) == NULL;
    }
    if (!known || !clean(url, 0x21) || memchr(url.at, '#', url.length) != NULL)
        return false;
    if (method.length == 0 || method.length >= SOUK_FETCH_METHOD_MAX || !clean(method, 0x21)
        || request->header_count > SOUK_FETCH_HEADERS_MAX)
        return false;
    for (size_t i = 0; i < request->header_count; i++)
        if (request->headers[i].name.length == 0 || !clean(request->headers[i].name, 0x21)
            || memchr(request->headers[i].name.at, ':', request->headers[i].name.length) != NULL
            || !clean(request->headers[i].value, 0x20))
            return false;
    return true;
}
