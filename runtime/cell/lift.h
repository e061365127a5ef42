/* SPDX-License-Identifier: Apache-2.0 */
/* cell/lift.h -- events of a kind's past, as what they have become, for whoever reads the journal and doesn't apply it.
 * (Replay needs no encoding in between: what SOUK_ACTOR() makes lifts an event and applies it at once.) */
#ifndef SOUK_CELL_LIFT_H
#define SOUK_CELL_LIFT_H

#include <souk/actor.h>

/* The row of that event, also of one of the past; NULL: the kind doesn't know it. */
const struct souk_row *souk_event_row(const struct souk_kind *kind, uint32_t tag);
/* Replaces an event of the past by what it has become: its tag, and a body in scratch. Any other stays as it is. False
 * when the body doesn't fit its table, or an assertion of the lift function failed. Not in a turn: it catches what
 * fails. */
bool souk_lift(const struct souk_kind *kind, uint32_t *tag, struct souk_bytes *body, struct souk_scratch *scratch);

#endif
