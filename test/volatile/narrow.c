/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/narrow.c -- the kind narrow of puppet.h. */
#include "puppet_kind.h"

SOUK_STATE(narrow, PUPPET_STATE);
PUPPET_HANDLERS(narrow)
SOUK_VOLATILE(narrow, NARROW_TABLE, .queue_max = QUEUE);
