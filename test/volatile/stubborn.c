/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/stubborn.c -- the kind stubborn of puppet.h. */
#include "puppet_kind.h"

SOUK_STATE(stubborn, PUPPET_STATE);
PUPPET_HANDLERS(stubborn)
SOUK_VOLATILE(stubborn, STUBBORN_TABLE, .on_fault = SOUK_RESUME);
