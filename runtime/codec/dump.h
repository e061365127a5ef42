/* SPDX-License-Identifier: Apache-2.0 */
/* codec/dump.h -- bodies as JSON text, for tools. Pure; any thread. */
#ifndef SOUK_CODEC_DUMP_H
#define SOUK_CODEC_DUMP_H

#include <souk/protocol.h>

/* Renders one encoded body as a JSON object of its layout's fields, or, without a layout, any msgpack value as what it
 * is. Keys and bytes are hexadecimal text, absent fields null. Writes at most `room` bytes with a final zero byte, and
 * says in `length` (without the zero) how many it takes. SOUK_ERR_TOO_LARGE when that doesn't fit;
 * SOUK_ERR_MALFORMED. */
souk_err souk_dump(const struct souk_layout *layout, struct souk_bytes body, char *out, size_t room,
                   size_t *length) SOUK_MUST_CHECK;
/* The same for a state as a snapshot has it, by the kind's fields (struct souk_kind.state). A map becomes an object by
 * the keys. */
souk_err souk_dump_state(const struct souk_field *fields, uint32_t count, struct souk_bytes state, char *out,
                         size_t room, size_t *length) SOUK_MUST_CHECK;

#endif
