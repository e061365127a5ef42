/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/puppet.c -- the kind puppet of puppet.h. */
#include "puppet_kind.h"

SOUK_STATE(puppet, PUPPET_STATE);
PUPPET_HANDLERS(puppet)
SOUK_VOLATILE(puppet, PUPPET_TABLE, .on_fault = SOUK_STOP);
