/* SPDX-License-Identifier: Apache-2.0 */
/* codec/build.h -- bodies from what people and other languages write: a msgpack map by field names, or words such as
 * units=2. Led by a message's layout. Pure; any thread. */
#ifndef SOUK_CODEC_BUILD_H
#define SOUK_CODEC_BUILD_H

#include <souk/protocol.h>

/* Turns a scanned msgpack map {field: value} into the positional form in `out`. Records inside may be maps or arrays.
 * Values are taken as they are: the row's decoder judges them. SOUK_ERR_MALFORMED (a field that is unknown or missing,
 * named in `why`, which may be NULL); SOUK_ERR_TOO_LARGE when `room` bytes are too few. */
souk_err souk_build_from_map(const struct souk_layout *layout, struct souk_bytes map, uint8_t *out, size_t room,
                             size_t *length, char *why, size_t why_size) SOUK_MUST_CHECK;
/* Builds a body from `count` words "field=value". Numbers are decimal; a bool is true or false; a key 32 hexadecimal
 * digits, bytes any even number of them; a list its elements with commas between them, or list.0=first list.1=second;
 * a record's fields are record.field=value, a list's records list.0.field=value. A word that no field wants, or a value
 * that does not suit its field, is SOUK_ERR_MALFORMED; SOUK_ERR_TOO_LARGE: `room` is too small; both say why. */
souk_err souk_build_from_words(const struct souk_layout *layout, const char *const *words, size_t count, uint8_t *out,
                               size_t room, size_t *length, char *why, size_t why_size) SOUK_MUST_CHECK;

#endif
