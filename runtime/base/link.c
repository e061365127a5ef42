/* SPDX-License-Identifier: Apache-2.0 */
/* base/link.c -- the journal's chain of hashes: the only file that knows libxxhash.
 *
 * Called for each batch as it is written and as it is read back, so it must be fast and need not be secret. */
#include "base/hash.h"

/* The state's layout is wanted only to keep it on the stack: the hash then takes no memory. */
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

struct souk_link
souk_hash_link(struct souk_link previous, const void *at, size_t length)
{
    XXH128_canonical_t head; /* The same bytes on every machine. */
    XXH128_canonicalFromHash(&head, (XXH128_hash_t){ .low64 = previous.low, .high64 = previous.high });

    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH_errorcode failed = XXH3_128bits_reset(&state);
    souk_assert(failed == XXH_OK);
    failed = XXH3_128bits_update(&state, &head, sizeof head);
    souk_assert(failed == XXH_OK);
    if (length) {
        failed = XXH3_128bits_update(&state, at, length);
        souk_assert(failed == XXH_OK);
    }
    XXH128_hash_t hash = XXH3_128bits_digest(&state);
    return (struct souk_link){ .high = hash.high64, .low = hash.low64 };
}
