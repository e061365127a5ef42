/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/idler.c -- the kind idler of puppet.h. */
#include "puppet_kind.h"

SOUK_STATE(idler, PUPPET_STATE);
PUPPET_HANDLERS(idler)
SOUK_VOLATILE(idler, IDLER_TABLE, .idle_ms = IDLE_MS, .on_fault = SOUK_RESTART);
