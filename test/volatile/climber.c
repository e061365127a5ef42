/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/climber.c -- the kind climber of puppet.h. */
#include "puppet_kind.h"

SOUK_STATE(climber, PUPPET_STATE);
PUPPET_HANDLERS(climber)
SOUK_VOLATILE(climber, CLIMBER_TABLE, .on_fault = SOUK_ESCALATE);
