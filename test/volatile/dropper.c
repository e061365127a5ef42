/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/dropper.c -- the kind dropper of puppet.h. */
#include "puppet_kind.h"

SOUK_STATE(dropper, PUPPET_STATE);
PUPPET_HANDLERS(dropper)
SOUK_VOLATILE(dropper, DROPPER_TABLE, .on_full = SOUK_DROP_OLDEST, .queue_max = QUEUE);
