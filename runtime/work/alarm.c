/* SPDX-License-Identifier: Apache-2.0 */
/* work/alarm.c -- what comes to volatile actors at a time: wakes, periods, deadlines of asks, and the runtime's own.
 * Called by slice.c and lives.c, on the thread that holds the shard, in whose wheel the alarms stand. */
#include "work/partition.h"

void
souk_lives_set_deadlines(struct souk_worker *w)
{
    struct souk_slice *s = &w->slice;
    for (uint32_t i = 0; i < s->asking_count; i++) {
        const struct souk_asking *asking = &s->asking[i];
        struct souk_shard *shard = souk_shard_of(w->partition, asking->actor.key);
        const struct souk_live *live = souk_live_find(&shard->population, asking->actor);
        struct souk_open *open = live ? souk_open_find(live, asking->number) : NULL;
        if (!open || (open->class != SOUK_OPEN_ASK && open->class != SOUK_OPEN_GATHER) || open->alarm)
            continue; /* Ended, answered, or taken back and the number used anew. */
        struct souk_alarm alarm = { .actor = asking->actor, .number = asking->number };
        open->alarm = souk_shard_arm(shard, w->heap, alarm, open->due_ms);
    }
    s->asking_count = 0;
}

void
souk_lives_disarm(void *self, struct souk_alarm *alarm)
{
    struct souk_worker *w = self;
    souk_wheel_cancel(&souk_shard_of(w->partition, alarm->actor.key)->wheel, &alarm->timer);
    if (alarm->wake) souk_message_free(w->heap, alarm->wake);
    souk_heap_free(w->heap, alarm, sizeof *alarm);
}

/* A signal to the actor from the runtime, at a time. */
void
souk_lives_signal_at(struct souk_worker *w, struct souk_shard *shard, struct souk_live *live, enum souk_signal signal,
          uint64_t due_ms)
{
    struct souk_message *m = souk_message_new(w->heap, SOUK_SIGNAL, 0);
    m->to = souk_live_ref(live);
    m->tag = signal;
    struct souk_extra *x = souk_live_extra(live, w->heap);
    x->pause = souk_shard_arm(shard, w->heap, (struct souk_alarm){ .actor = m->to, .wake = m }, due_ms);
}

void
souk_lives_watch_idle(struct souk_worker *w, struct souk_shard *shard, struct souk_live *live)
{
    souk_lives_signal_at(w, shard, live, SOUK_SIGNAL_IDLE, w->slice.now_ms + live->kind->policy->idle_ms);
}

void
souk_lives_wake(struct souk_worker *w, struct souk_message *m)
{
    struct souk_shard *shard = souk_shard_of(w->partition, m->to.key);
    struct souk_live *live = souk_live_find(&shard->population, m->to);
    struct souk_open *open = live ? souk_open_find(live, m->asker.number) : NULL;
    if (!open) { /* Cancelled in the same turn. */
        souk_message_free(w->heap, m);
        return;
    }
    struct souk_alarm alarm = { .wake = m, .actor = m->to, .number = open->number, .period_ms = m->refusal };
    open->alarm = souk_shard_arm(shard, w->heap, alarm, m->due_ms);
    m->refusal = 0;
}

static void
ring_period(struct souk_worker *w, struct souk_shard *shard, struct souk_live *live, struct souk_alarm *alarm)
{
    struct souk_open *open = souk_open_find(live, alarm->number);
    uint64_t due_ms = alarm->timer.due_ms + alarm->period_ms;
    if (due_ms <= w->slice.now_ms) due_ms = w->slice.now_ms + alarm->period_ms; /* Late ticks are not made up for. */
    souk_wheel_add(&shard->wheel, &alarm->timer, due_ms);
    if (open->pending) return;
    open->pending = true;
    struct souk_message *m = souk_message_new(w->heap, SOUK_WAKE, alarm->wake->length);
    memcpy(m, alarm->wake, sizeof *m + m->length);
    souk_lives_deliver(w, shard, m);
}

void
souk_lives_ring(struct souk_worker *w, struct souk_shard *shard, struct souk_alarm *alarm)
{
    struct souk_live *live = souk_live_find(&shard->population, alarm->actor);
    souk_assert(live); /* Whoever ends calls his alarms off. */
    if (alarm->period_ms) {
        ring_period(w, shard, live, alarm);
        return;
    }
    struct souk_message *m = alarm->wake;
    if (m && m->class == SOUK_SIGNAL) {
        live->extra->pause = NULL;
        if (m->tag == SOUK_SIGNAL_RESTART) {
            souk_message_free(w->heap, m);
            souk_lives_start_again(w, shard, live);
        } else {
            souk_lives_deliver(w, shard, m);
        }
    } else {
        souk_open_find(live, alarm->number)->alarm = NULL;
        if (!m) {
            m = souk_message_new(w->heap, SOUK_OUTCOME, 0);
            m->to = alarm->actor;
            m->asker = (souk_asker){ alarm->actor.key, alarm->actor.kind, alarm->number };
            m->ending = SOUK_LATE;
        }
        souk_lives_deliver(w, shard, m);
    }
    souk_heap_free(w->heap, alarm, sizeof *alarm);
}
