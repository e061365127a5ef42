/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/phoenix.c -- the kind phoenix of puppet.h. */
#include "puppet_kind.h"

SOUK_STATE(phoenix, PUPPET_STATE);
PUPPET_HANDLERS(phoenix)
SOUK_VOLATILE(phoenix, PHOENIX_TABLE, .on_fault = SOUK_RESTART, .restarts_max = 6, .within_ms = 10000,
              .backoff_ms = 100, .backoff_max_ms = 800);
