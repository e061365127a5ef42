/* SPDX-License-Identifier: Apache-2.0 */
/* wire/keys.h -- CURVE keys in files: the node's own, and a directory of those who may connect. For wire/ alone.
 *
 * A file is a certificate as czmq and python3-zmq write it (a line `public-key = "..."`, in the secret file also
 * `secret-key = "..."`), or holds the 40 characters of one key and nothing else. */
#ifndef SOUK_WIRE_KEYS_H
#define SOUK_WIRE_KEYS_H

#include "wire/socket.h"

/* Reads the key of that name ("public-key", "secret-key") from a file. SOUK_ERR_MISSING: no such file;
 * SOUK_ERR_MALFORMED: no such key in it; SOUK_ERR_IO. */
souk_err souk_keys_read(const char *path, const char *name, char key[SOUK_WIRE_KEY]) SOUK_MUST_CHECK;

/* Who may connect. Zeroed: nobody. */
struct souk_keys { char (*at)[SOUK_WIRE_KEY]; size_t count; int64_t changed; };

/* Reads all public keys of a directory, if it has changed since the last time; files that hold none are left out.
 * SOUK_ERR_MISSING: no such directory (then nobody is in); SOUK_ERR_MEMORY. */
souk_err souk_keys_load(struct souk_keys *keys, const char *directory) SOUK_MUST_CHECK;
/* Whether a key is among them. */
bool souk_keys_have(const struct souk_keys *keys, const char *key);
void souk_keys_drop(struct souk_keys *keys);

#endif
