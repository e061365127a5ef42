/* SPDX-License-Identifier: Apache-2.0 */
/* test/model/handover.pml -- order while shards change hands (work/slice.c, work/close.c): hold(), drain(), drain_held(), hold_idle(),
 * route(), take_incoming(), give_back(), publish(), let_go(), take_ready(), steal(). shard.pml is the same protocol seen
 * from a single shard, without order.
 *
 * Two workers, each with a ready ring, and two shards. In S lives actor A, which for each GO sends the next number to
 * actor B in T; B sends A a GO for each PING. Each worker gets messages from outside, of either kind. Mailboxes are
 * lists here whose first of a chain may be not yet linked, and then hides itself, what stands before it and all behind
 * (mailbox.pml looks into that). A slice may end after any turn, and with messages left.
 * Claims: a shard is held by one worker and lies in one ring at most; B gets all numbers, each once, in order; when all
 * rest both shards are idle and nothing lies in a mailbox. Defines that Spin must find:
 *   NO_DRAIN_HELD   who takes a shard in mid-slice leaves the mailboxes of those that he holds as they are;
 *   COUNT_LATE      publish() is counted after the shards were let go;
 *   COUNT_AFTER_DRAIN  hold() reads the count after it has emptied the mailbox of the shard itself, which drain_held()
 *                   leaves out: what comes between the two is counted as seen and lies in the mailbox;
 *   HOLD_HALF       hold() keeps a shard although a push to it is half done;
 *   PAST_OUTGOING   a shard is taken although something waits to be published to it;
 *   PAST_BACKLOG    a message goes to `local` (here: mine) although its shard has a backlog;
 *   BACK_BEHIND     what a slice did not get to goes behind the backlog;
 *   NO_SECOND_LOOK  let_go() does not look at the mailbox again after it has said idle;
 *   NO_QUEUE        publish() pushes and leaves the shard as it is. */

#define S 0
#define T 1
#define IDLE 0
#define QUEUED 1
#define HELD 2
#define ROOM 5
#ifndef FROM_OUTSIDE
#define FROM_OUTSIDE 3          /* How many numbers B gets. */
#endif
#define ANY 0                   /* A GO in S, a PING in T. */
#define LINKLESS 16             /* Times two for worker 1: his push of this is half done. */
#define VALUE 15

byte state[2];
byte box[10];                   /* ROOM places for each shard, oldest first. */
byte box_count[2];
chan backlog[2] = [ROOM] of { byte };
chan ring[2] = [2] of { byte };
chan mine[2] = [ROOM] of { byte, byte };       /* Of each worker: shard, value. */
chan outgoing[4] = [ROOM] of { byte };          /* Of each worker, to each shard. */
bool holds[4];
byte incoming[2];
byte published = 0, published_seen[2];
byte sent = 0, got = 0;         /* A's and B's state. */

#define TAKEABLE(s) (box_count[s] > 0 && box[(s) * ROOM] < LINKLESS && \
                     (box_count[s] == 1 || box[(s) * ROOM + 1] < LINKLESS))

/* Into the worker's own ring, in one step with the state: between the two nobody else can do anything with it. */
inline queue(s)
{
    state[s] = QUEUED;
    assert(!(ring[0] ?? [eval(s)]) && !(ring[1] ?? [eval(s)]));
    ring[me] ! s
}

inline link(s)
{
    d_step {
        i = 0;
        do
        :: i < box_count[s] && (box[(s) * ROOM + i] & (LINKLESS << me)) ->
            break
        :: i < box_count[s] && !(box[(s) * ROOM + i] & (LINKLESS << me)) -> i++
        od;
        box[(s) * ROOM + i] = box[(s) * ROOM + i] & VALUE;
        i = 0
    }
}

inline queue_if_idle(s)
{
    if
    :: d_step { state[s] == IDLE -> queue(s) }
    :: else
    fi
}

inline drain(s, all)
{
    do
    :: d_step {
        TAKEABLE(s) ->
        backlog[s] ! box[(s) * ROOM];
        box_count[s]--;
        i = 0;
        do
        :: i < box_count[s] -> box[(s) * ROOM + i] = box[(s) * ROOM + i + 1]; i++
        :: else -> break
        od;
        box[(s) * ROOM + i] = 0;
        i = 0
        }
    :: !TAKEABLE(s) -> break
    od;
    all = all && box_count[s] == 0
}

/* Of two shards he holds at most the other. */
inline drain_held(s, all)
{
#ifndef NO_DRAIN_HELD
    if
    :: count == published_seen[me]
    :: else ->
        if :: holds[me * 2 + 1 - s] -> drain(1 - s, all) :: else fi;
        if :: all -> published_seen[me] = count :: else fi
    fi
#else
    skip
#endif
}

inline hold(s)
{
    d_step { ok = true; assert(!holds[s] && !holds[2 + s]) };
#ifndef COUNT_AFTER_DRAIN
    count = published;
#endif
    drain(s, ok);
#ifdef HOLD_HALF
    ok = true;
#endif
#ifdef COUNT_AFTER_DRAIN
    count = published;
#endif
    if :: ok -> drain_held(s, ok) :: else fi;
    count = 0;
    if
    :: ok -> d_step { assert(!holds[s] && !holds[2 + s]); holds[me * 2 + s] = true }
    :: else -> d_step { queue(s) }
    fi
}

#ifdef PAST_OUTGOING
#define WAITS(s) false
#else
#define WAITS(s) (len(outgoing[me * 2 + (s)]) > 0)
#endif

inline hold_idle(s)
{
    if
    :: holds[me * 2 + s] -> ok = true
    :: d_step { !holds[me * 2 + s] && !WAITS(s) && state[s] == IDLE -> state[s] = HELD }; hold(s)
    :: else -> ok = false
    fi
}

inline put_held(s, v)
{
    d_step {
        if
#ifndef PAST_BACKLOG
        :: len(backlog[s]) > 0 -> backlog[s] ! v
#endif
        :: else -> mine[me] ! s, v
        fi
    }
}

inline take_incoming()
{
    atomic { incoming[me]--; if :: to = S :: to = T fi };
    hold_idle(to);
    if
    :: ok -> put_held(to, ANY)
    :: else ->
        d_step { box[to * ROOM + box_count[to]] = ANY + (LINKLESS << me); box_count[to]++ };
        link(to);
        queue_if_idle(to)
    fi;
    d_step { to = 0; ok = false }
}

/* One turn, and route() for what it sends. */
inline turn()
{
    d_step {
        mine[me] ? to, v;
        assert(holds[me * 2 + to]);
        if
        :: to == S -> sent++; v = sent; to = T
        :: to == T && v == ANY -> to = S
        :: else -> assert(v == got + 1); got = v; to = 2
        fi
    };
    if
    :: to < 2 ->
        hold_idle(to);
        if
        :: ok -> put_held(to, v)
        :: else -> outgoing[me * 2 + to] ! v
        fi
    :: else
    fi;
    d_step { to = 0; v = 0; ok = false }
}

#define BACKLOG(s) (holds[me * 2 + (s)] && len(backlog[s]) > 0)

inline refill()
{
    d_step {
        do
        :: BACKLOG(S) -> backlog[S] ? v; mine[me] ! S, v
        :: BACKLOG(T) -> backlog[T] ? v; mine[me] ! T, v
        :: else -> break
        od;
        v = 0
    }
}

inline give_back()
{
    d_step {
        i = len(backlog[S]);
        n = len(backlog[T]);
        do
        :: len(mine[me]) > 0 -> mine[me] ? to, v; backlog[to] ! v
        :: else -> break
        od;
        v = 0;
#ifndef BACK_BEHIND
        do
        :: i > 0 -> backlog[S] ? v; backlog[S] ! v; i--
        :: else -> break
        od;
        v = 0;
        do
        :: n > 0 -> backlog[T] ? v; backlog[T] ! v; n--
        :: else -> break
        od;
#endif
        i = 0; n = 0; v = 0; to = 0
    }
}

inline publish_to(s)
{
    if
    :: len(outgoing[me * 2 + s]) > 0 ->
        d_step {
            i = LINKLESS << me;
            do
            :: len(outgoing[me * 2 + s]) > 0 ->
                outgoing[me * 2 + s] ? v;
                box[(s) * ROOM + box_count[s]] = v + i;
                box_count[s]++;
                i = 0
            :: else -> break
            od;
            v = 0;
            ok = true
        };
        link(s);
#ifndef NO_QUEUE
        queue_if_idle(s)
#endif
    :: else
    fi
}

inline let_go(s)
{
    if
    :: holds[me * 2 + s] ->
        if
        :: len(backlog[s]) > 0 || box_count[s] > 0 ->
            d_step { holds[me * 2 + s] = false; queue(s) }
        :: else ->
            d_step { holds[me * 2 + s] = false; state[s] = IDLE };
#ifndef NO_SECOND_LOOK
            if
            :: box_count[s] > 0 -> queue_if_idle(s)
            :: else
            fi
#endif
        fi
    :: else
    fi
}

inline take_ready(which)
{
    if
    :: d_step { len(ring[which]) > 0 -> ring[which] ? to; assert(state[to] == QUEUED); state[to] = HELD };
        hold(to);
        d_step { to = 0; ok = false }
    :: len(ring[which]) == 0
    fi
}

inline close_slice()
{
    give_back();
    ok = false;
    publish_to(S);
    publish_to(T);
#ifndef COUNT_LATE
    if :: ok -> published++ :: else fi;
#endif
    let_go(S);
    let_go(T);
#ifdef COUNT_LATE
    if :: ok -> published++ :: else fi;
#endif
    ok = false
}

proctype worker(byte me)
{
    byte i = 0, n = 0, to = 0, v = 0, count = 0;
    bool ok = false;
    do
    :: got == FROM_OUTSIDE && state[S] == IDLE && state[T] == IDLE && incoming[0] + incoming[1] == 0 -> break
    :: len(ring[me]) > 0 || incoming[me] > 0 || len(ring[1 - me]) > 0 ->
        /* What a slice begins with. */
        do
        :: len(ring[me]) > 0 && n < 2 -> n++; take_ready(me)
        :: n == 2 || len(ring[me]) == 0 -> n = 0; break
        od;
        if
        :: incoming[me] > 0 -> take_incoming()
        :: !holds[me * 2] && !holds[me * 2 + 1] && len(ring[1 - me]) > 0 -> take_ready(1 - me)
        :: incoming[me] == 0 -> skip
        fi;
        if
        :: holds[me * 2] || holds[me * 2 + 1] ->
            do
            :: len(mine[me]) > 0 -> turn()
            :: len(mine[me]) == 0 && (BACKLOG(S) || BACKLOG(T)) -> refill()
            :: len(mine[me]) == 0 && !BACKLOG(S) && !BACKLOG(T) && incoming[me] > 0 -> take_incoming()
            :: break
            od;
            close_slice()
        :: else
        fi
    od
}

init
{
    atomic {
        incoming[0] = FROM_OUTSIDE / 2;
        incoming[1] = FROM_OUTSIDE - FROM_OUTSIDE / 2;
        run worker(0); run worker(1)
    };
    (_nr_pr == 1);
    assert(box_count[S] == 0 && box_count[T] == 0 && len(backlog[S]) == 0 && len(backlog[T]) == 0)
}
