/* SPDX-License-Identifier: Apache-2.0 */
/* test/model/commit.pml -- who commits (work/commit.c, node/node.c): workers that fill places of the ring, the baton, and
 * the journal's thread that sleeps.
 *
 * A worker fills the next place and then either calls the journal's thread (it is busy) or tries to commit itself (it is
 * idle) and, once it has let go of the baton, goes round its loop and looks again; then it parks, having said that it has
 * exits. Claims: one committer at a time; at the end everything that was filled is durable and no worker sleeps while
 * something of his is durable and not told. Define NO_SECOND_LOOK for a worker that parks without looking at `durable`
 * once more: Spin then finds the sleeper. */

#define BATCHES 2
#define ALL 4

byte filled = 0;    /* Positions 1..filled are in the ring. */
byte durable = 0;
bool baton = false;
bool called = false;            /* The journal's bed. */
bool parked[2];
bool has_exits[2];
bool bell[2];
byte mine[2];                   /* The position that this worker's exits wait for. */
byte ended = 0;
bool stop = false;

inline tell_workers()
{
    if :: has_exits[0] && parked[0] -> parked[0] = false; bell[0] = true :: else fi;
    if :: has_exits[1] && parked[1] -> parked[1] = false; bell[1] = true :: else fi
}

inline commit(did, end)
{
    did = false;
    if
    :: atomic { !baton -> baton = true };
        end = filled;
        if
        :: end > durable -> durable = end; did = true
        :: else
        fi;
        baton = false;
        if :: did -> tell_workers() :: else fi
    :: else
    fi
}

proctype worker(byte me)
{
    byte n = 0, end;
    bool did, work;
    do
    :: n < BATCHES ->
        atomic { filled++; mine[me] = filled };
        has_exits[me] = true;
        n++;
        if
        :: called = true            /* Busy. */
        :: skip                     /* Idle: falls through to the loop below. */
        fi
    :: else -> break
    od;
    do
    :: mine[me] <= durable -> break             /* All of mine has left. */
    :: else ->
        if
        :: filled > durable && !baton -> commit(did, end)
        :: else ->
            parked[me] = true;
#ifdef NO_SECOND_LOOK
            work = false;
#else
            work = (mine[me] <= durable);
#endif
            if
            :: work
            :: else ->
                if
                :: bell[me] -> bell[me] = false
                :: filled > durable && !baton    /* Its loop's timeout: the next tick looks again. */
                fi
            fi;
            parked[me] = false
        fi
    od;
    ended++
}

proctype journal()
{
    byte end;
    bool did;
    do
    :: called -> called = false;
        did = true;
        do
        :: did -> commit(did, end)
        :: else -> break
        od
    :: stop -> break
    od
}

init
{
    atomic { run worker(0); run worker(1); run journal() };
    (ended == 2);
    stop = true;
    (_nr_pr == 1);
    assert(durable == ALL)
}
