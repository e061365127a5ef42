/* SPDX-License-Identifier: Apache-2.0 */
/* souk/crash_starts.c -- faults of a start: a random one of its calls, or the compaction that LevelDB does behind it.
 *
 * A start of the same data makes about the same calls each time, and the main thread makes them; so the last start,
 * whose calls were counted, says which numbers there are to draw from. LevelDB compacts when it has four tables at the
 * top, and each start makes one: so small data are enough, and a few starts. */
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

/* Before it, after it, or in the middle. */
static enum shim_act
some_kill(struct crash *crash)
{
    static const enum shim_act acts[] = { SHIM_KILL_BEFORE, SHIM_KILL_AFTER, SHIM_KILL_TORN };
    return acts[souk_crash_draw(crash, 3)];
}

void
souk_crash_kill_a_start(struct crash *crash)
{
    struct shim_rule rule = any_file(crash);
    rule.calls = SHIM_ALL;
    rule.act = some_kill(crash);
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

/* A table of the vault, or the note that a table has taken others' place, which every compaction ends with. */
static struct shim_rule
compaction(struct crash *crash)
{
    struct shim_rule rule = { .times = 1, .threads = SHIM_OTHERS };
    bool table = souk_crash_draw(crash, 2) == 0;
    rule.calls = souk_crash_draw(crash, 2) == 0 ? SHIM_WRITE : SHIM_SYNC;
    strcpy(rule.pattern, table ? "vault/*.ldb" : "MANIFEST-*");
    return rule;
}

void
souk_crash_kill_a_compaction(struct crash *crash)
{
    struct shim_rule rule = compaction(crash);
    rule.act = some_kill(crash);
    rule.bytes = 1 + (uint32_t)souk_crash_draw(crash, 1000);
    souk_crash_shim_arm(&crash->shim, 0, rule);
}

void
souk_crash_fail_a_compaction(struct crash *crash)
{
    struct shim_rule rule = compaction(crash);
    rule.act = SHIM_FAIL;
    rule.error = EIO;
    souk_crash_shim_arm(&crash->shim, 0, rule);
}
