/* SPDX-License-Identifier: Apache-2.0 */
/* test/model/parking.pml -- how a worker falls asleep and who wakes it (node/node.c serve() and park(), work/worker.c
 * souk_worker_wake() and souk_worker_post(), call_thieves(), work/commit.c tell_workers(), work/keeper.c begin).
 *
 * One worker takes from its inbox, runs shards of its ready ring, lets exits go and parks; a poster fills the inbox, a
 * colleague fills the journal's ring and calls thieves, the journal makes positions durable, the keeper begins a
 * checkpoint, and a push into the queued shard may be half done, so that a slice ends with nothing done. The mailbox is
 * a counter here (mailbox.pml looks into it), the bell an eventfd. Nobody is saved by the clock, but for one: what came
 * from outside while the journal's ring was full waits for the worker's tick.
 * Claims: when all others rest and the worker sleeps, its inbox and its ready ring are empty, no exit of it is durable,
 * it has seen the checkpoint, nothing from outside waits, and it has looked for shards to steal since it was called; and
 * of those who find it parked one rings, once. Defines that Spin must find:
 *   FLAG_AFTER_LOOK   the worker says that it is parked after it has looked;
 *   WAKE_BEFORE_POST  a poster looks at the flag before he pushes;
 *   TELL_TOO_EARLY    the journal looks for sleepers before it stores `durable`;
 *   WAKE_BY_STORE     who finds the flag up stores it down instead of exchanging it;
 *   SILENCE_FIRST     the worker empties the bell between its look and its sleep;
 *   NO_READY_LOOK     the look leaves out the ready ring;
 *   NO_DURABLE_LOOK   ... `durable`;
 *   NO_EPOCH_LOOK     ... the checkpoint;
 *   NO_TICK           nothing but the bell ends a sleep. */

#define POSTS 2
#define RING 1          /* As much may be filled and not durable. */

byte inbox = 0, incoming = 0, ready = 0, theirs = 0;
bool half = false;      /* A push into our shard is half done: whoever takes the shard puts it back. */
byte filled = 0, durable = 0;
byte dep = 0;           /* What our exit waits for; 0: there is none. */
bool has_exits = false;
bool epoch = false, seen = false;
bool parked = false, bell = false;
/* What the claims need to know. */
bool asleep = false, stop = false;
bool telling = false;   /* The journal is not yet done with what it made durable. */
bool owed = false;      /* This time parked nobody has taken the flag down yet. */
bool called = false;    /* As a thief, and has not tried to steal since. */
byte ended = 0;

inline wake(as_thief)
{
    if
    :: parked ->
#ifdef WAKE_BY_STORE
        d_step { parked = false; assert(owed); owed = false; called = called || as_thief };
        bell = true
#else
        if
        :: d_step { parked -> parked = false; assert(owed); owed = false; called = called || as_thief };
            bell = true
        :: else
        fi
#endif
    :: else
    fi
}

proctype poster()
{
    byte n = 0;
    do
    :: n < POSTS ->
#ifdef WAKE_BEFORE_POST
        wake(false);
        inbox++;
#else
        inbox++;
        wake(false);
#endif
        n++
    :: else -> break
    od;
    ended++
}

proctype colleague()
{
    theirs = 2;
    if                          /* call_thieves(): more than he can do at once. */
    :: theirs >= 2 -> wake(true)
    :: else
    fi;
    filled++;                   /* A batch of his. */
    do
    :: d_step { theirs > 0 -> theirs-- }
    :: d_step { ready > 0 -> ready-- }          /* Steals from us. */
    :: theirs == 0 -> break
    od;
    ended++
}

proctype pusher()
{
    half = true;
    half = false;
    ended++
}

proctype keeper()
{
    epoch = true;
    wake(false);
    ended++
}

proctype journal()
{
    do
    :: filled > durable ->
#ifdef TELL_TOO_EARLY
        telling = true;
        if :: has_exits -> wake(false) :: else fi;
        d_step { durable = filled; telling = false }
#else
        d_step { durable = filled; telling = true };
        if :: has_exits -> wake(false) :: else fi;
        telling = false
#endif
    :: stop -> break
    od
}

/* What came from outside makes a batch and an exit, and may leave a shard with a backlog. */
inline slice()
{
    if
    :: filled - durable >= RING -> called = false /* The journal's ring is full: a thief could do no more. */
    :: else ->
        if
        :: ready > 0 ->
            if
            :: half                             /* hold() has put it back. */
            :: d_step { !half && ready > 0 -> ready-- }; did = true
            :: ready == 0                       /* Stolen. */
            fi
        :: else
        fi;
        if
        :: incoming > 0 ->
            incoming--;
            d_step { filled++; dep = filled };
            has_exits = true;
            if :: ready == 0 -> ready++ :: true fi;
            did = true
        :: else ->
            if
            :: !did ->
                d_step {                        /* steal() */
                    called = false;
                    if :: theirs > 0 -> theirs--; did = true :: else fi
                }
            :: else
            fi
        fi
    fi
}

inline park()
{
#ifndef FLAG_AFTER_LOOK
    d_step { parked = true; owed = true };
#endif
    work = (inbox > 0);
#ifndef NO_READY_LOOK
    if :: !work -> work = (ready > 0) :: else fi;
#endif
#ifndef NO_DURABLE_LOOK
    if :: !work && dep -> work = (dep <= durable) :: else fi;
#endif
#ifndef NO_EPOCH_LOOK
    if :: !work -> work = (seen != epoch) :: else fi;
#endif
#ifdef FLAG_AFTER_LOOK
    d_step { parked = true; owed = true };
#endif
#ifdef SILENCE_FIRST
    bell = false;
#endif
    if
    :: work -> bell = false                     /* Polls, but does not wait. */
    :: else ->
        asleep = true;
        if
        :: d_step { bell -> bell = false; asleep = false }
#ifndef NO_TICK
        :: d_step { incoming > 0 && filled - durable < RING -> asleep = false }
#endif
        :: stop -> asleep = false
        fi
    fi;
    d_step { parked = false; owed = false; work = false }
}

proctype worker()
{
    bool did, work;
    do
    :: stop -> break
    :: else ->
        did = false;
        seen = epoch;
        do
        :: d_step { inbox > 0 -> inbox--; incoming++; did = true }
        :: inbox == 0 -> break
        od;
        slice();
        if                                      /* release_exits() */
        :: dep && dep <= durable -> d_step { dep = 0; did = true }
        :: else
        fi;
        if :: !dep -> has_exits = false :: else fi;
        bell = false;                           /* Polls, but does not wait. */
        if
        :: did
        :: else -> park()
        fi
    od
}

init
{
    atomic {
        if                                      /* One more beside these: all three at once are too many states. */
        :: run colleague()
        :: run pusher()
        :: run keeper()
        fi;
        run poster(); run journal(); run worker()
    };
    atomic {
#ifdef NO_TICK
        (ended == 2 && filled == durable && !telling && asleep && !bell) ->
#else
        (ended == 2 && filled == durable && !telling && asleep && !bell && incoming == 0) ->
#endif
        assert(inbox == 0);
        assert(ready == 0);
        assert(dep == 0);
        assert(seen == epoch);
        assert(incoming == 0);
        assert(!called);
        stop = true
    };
    (_nr_pr == 1)
}
