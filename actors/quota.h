/* SPDX-License-Identifier: Apache-2.0 */
/* quota.h -- how much one customer has of one sale, held and bought, against the sale's limit.
 *
 * Key: turn_quota_key(sale, customer). Spoken to through the sale, which knows the limit and leaves this actor out when
 * there is none. Always held + confirmed <= limit. */
#ifndef ACTORS_QUOTA_H
#define ACTORS_QUOTA_H

#include <souk/protocol.h>

/* quota_held's limit is given when it differs from what the state has. A hold of 0 units is one that was released
 * before it was asked for. */
#define QUOTA_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                                         \
    RECORD(quota_hold_entry, F(1, u32, units))                                                                      \
    RECORD(quota_view, F(1, u32, limit) F(2, u32, held) F(3, u32, confirmed))                                       \
    REFUSAL(301, quota_limit, "more than the sale's limit for one customer")                                        \
    REFUSAL(302, quota_released, "the hold was released before")                                                    \
    REFUSAL(303, quota_unknown, "the customer has taken nothing of this sale")                                      \
    COMMAND(1, quota_hold, internal, F(1, key, reservation) F(2, u32, units) F(3, u32, limit))                      \
    COMMAND(2, quota_release, internal, F(1, key, reservation))                                                     \
    COMMAND(3, quota_confirm, internal, F(1, key, reservation))                                                     \
    QUERY(1, quota_show, quota_view, )                                                                              \
    EVENT(1, quota_held, F(1, key, reservation) F(2, u32, units) O(3, u32, limit))                                  \
    EVENT(2, quota_released, F(1, key, reservation))                                                                \
    EVENT(3, quota_confirmed, F(1, key, reservation))
SOUK_PROTOCOL(quota, 3, QUOTA_TABLE);

#endif
