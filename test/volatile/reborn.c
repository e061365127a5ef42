/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/reborn.c -- the kind reborn of puppet.h. */
#include "puppet_kind.h"

SOUK_STATE(reborn, PUPPET_STATE);
PUPPET_HANDLERS(reborn)
SOUK_VOLATILE(reborn, REBORN_TABLE, .on_fault = SOUK_RESTART);
