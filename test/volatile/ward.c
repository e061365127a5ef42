/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/ward.c -- the kind ward of puppet.h. */
#include "puppet_kind.h"

SOUK_STATE(ward, PUPPET_STATE);
PUPPET_HANDLERS(ward)
SOUK_VOLATILE(ward, WARD_TABLE, .with_parent = true);
