/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/shedder.c -- the kind shedder of puppet.h. */
#include "puppet_kind.h"

SOUK_STATE(shedder, PUPPET_STATE);
PUPPET_HANDLERS(shedder)
SOUK_VOLATILE(shedder, SHEDDER_TABLE, .on_full = SOUK_SHED_EXPIRED, .queue_max = QUEUE);
