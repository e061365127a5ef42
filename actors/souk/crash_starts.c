/* SPDX-License-Identifier: Apache-2.0 */
/* souk/crash_starts.c -- faults of a start: a random one of its calls.
 *
 * A start of the same data makes about the same calls each time, and the main thread makes them; so the last start,
 * whose calls were counted, says which numbers there are to draw from. */
#include "crash_inside.h"

#include <errno.h>
#include <string.h>

/* Everything in the data directory. */
static struct shim_rule
any_file(const struct crash *crash)
{
    struct shim_rule rule = { .times = 1, .threads = SHIM_MAIN };
    const char *slash = strrchr(crash->stage->data, '/');
    snprintf(rule.pattern, sizeof rule.pattern, "%.100s/*", slash ? slash + 1 : crash->stage->data);
    return rule;
}

void
souk_crash_count_start(struct crash *crash)
{
    if (!crash->shim.control)
        return;
    struct shim_rule rule = any_file(crash);
    rule.calls = SHIM_ALL;
    rule.act = SHIM_COUNT;
    souk_crash_shim_arm(&crash->shim, CRASH_COUNT_PLACE, rule);
}

enum shim_act
souk_crash_some_kill(struct crash *crash)
{
    static const enum shim_act acts[] = { SHIM_KILL_BEFORE, SHIM_KILL_AFTER, SHIM_KILL_TORN };
    return acts[souk_crash_draw(crash, 3)];
}

void
souk_crash_kill_a_start(struct crash *crash)
{
    struct shim_rule rule = any_file(crash);
    rule.calls = SHIM_ALL;
    rule.act = souk_crash_some_kill(crash);
    rule.bytes = 1 + (uint32_t)souk_crash_draw(crash, 200);
    rule.after = souk_crash_draw(crash, crash->start_calls);
    souk_crash_shim_arm(&crash->shim, 0, rule);
}

void
souk_crash_fail_a_start(struct crash *crash)
{
    struct shim_rule rule = any_file(crash);
    rule.calls = SHIM_ALL & ~(uint32_t)SHIM_UNLINK;
    rule.act = SHIM_FAIL;
    rule.error = EIO;
    rule.after = souk_crash_draw(crash, crash->start_calls);
    souk_crash_shim_arm(&crash->shim, 0, rule);
}
