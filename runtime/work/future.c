/* SPDX-License-Identifier: Apache-2.0 */
/* work/future.c -- what a newer program has written and this one cannot know: a recovery that comes upon it refuses, in
 * these words, and has changed nothing. (Most of it is found before, by the contract in the data directory: see
 * node/terms.h.) */
#include "cell/lift.h"
#include "work/recovery.h"

souk_err
souk_recovery_knows_event(struct souk_recovery *r, const struct souk_identity *actor, uint32_t tag, uint64_t position)
{
    const struct souk_kind *kind = actor->kind;
    if (souk_event_row(kind, tag)) return SOUK_OK;
    return souk_recovery_fault(r, SOUK_ERR_VERSION,
                               "the journal has event %u of %s %016llx%016llx at position %llu, which this program's "
                               "%s lacks: a newer program wrote it", tag, kind->name,
                               (unsigned long long)actor->key.high, (unsigned long long)actor->key.low,
                               (unsigned long long)position, kind->name);
}

static bool
knows_command(const struct souk_kind *kind, uint32_t tag)
{
    for (const struct souk_row *const *row = kind->rows; *row; row++)
        if ((*row)->class == SOUK_COMMAND && (*row)->tag == tag) return true;
    return false;
}

souk_err
souk_recovery_knows_sent(struct souk_recovery *r)
{
    for (size_t i = 0; i < r->sent_count; i++) {
        const struct souk_message *m = r->sent[i];
        if (!m->class || m->class == SOUK_OUTCOME) continue; /* Whose row handles an outcome, its ask says. */
        const struct souk_kind *kind = r->p->kinds[m->to.kind];
        if (knows_command(kind, m->tag)) continue;
        return souk_recovery_fault(r, SOUK_ERR_VERSION,
                                   "the journal has a command %u to %s %016llx%016llx, sent at position %llu, which "
                                   "this program's %s lacks: a newer program wrote it", m->tag, kind->name,
                                   (unsigned long long)m->to.key.high, (unsigned long long)m->to.key.low,
                                   (unsigned long long)m->id.position, kind->name);
    }
    return SOUK_OK;
}

souk_err
souk_recovery_knows_snapshot(struct souk_recovery *r, const struct souk_identity *actor, struct souk_bytes snapshot)
{
    const struct souk_kind *kind = actor->kind;
    if (!souk_snapshot_newer(kind, snapshot)) return SOUK_OK;
    return souk_recovery_fault(r, SOUK_ERR_VERSION,
                               "the snapshot of %s %016llx%016llx has more in it than this program's %s knows: a newer "
                               "program wrote it", kind->name, (unsigned long long)actor->key.high,
                               (unsigned long long)actor->key.low, kind->name);
}
