/* SPDX-License-Identifier: Apache-2.0 */
/* test/model/shard.pml -- the hand-over of a shard (work/slice.c, work/close.c): publish(), let_go(), take_shard() and the ready ring.
 *
 * Two pushers each push messages into the mailbox and queue the shard when they find it idle; two workers take it out of
 * the ring, empty the mailbox and let go. Claims: one holder at a time; the shard is in the ring at most once; and when
 * everybody has stopped, nothing lies in the mailbox of an idle shard. Define LOOK_BEFORE to let the holder look at the
 * mailbox only before it says idle: Spin then finds the lost message. */

#define IDLE 0
#define QUEUED 1
#define HELD 2
#define MESSAGES 2

byte state = IDLE;
byte mailbox = 0;   /* How many messages are in it. */
byte ring = 0;      /* How often the shard is in a ring. */
byte holders = 0;
byte handled = 0;
byte pushed = 0;

inline queue_if_idle()
{
    if
    :: atomic { state == IDLE -> state = QUEUED }; atomic { ring++; assert(ring == 1) }
    :: else
    fi
}

proctype pusher()
{
    byte n = 0;
    do
    :: n < MESSAGES ->
        mailbox++;          /* One exchange: a sequentially consistent step. */
        queue_if_idle();    /* A compare-and-swap. */
        pushed++;
        n++
    :: else -> break
    od
}

proctype worker()
{
    bool more;
    do
    :: atomic { ring > 0 -> ring-- };
        assert(state == QUEUED);
        state = HELD;
        holders++;
        assert(holders == 1);
        do
        :: atomic { mailbox > 0 -> mailbox--; handled++ }
        :: break            /* A slice may end with messages left. */
        od;
#ifdef LOOK_BEFORE
        more = (mailbox > 0);
        holders--;
        if
        :: more -> state = QUEUED; ring++
        :: else -> state = IDLE
        fi
#else
        more = (mailbox > 0);
        holders--;
        if
        :: more -> state = QUEUED; atomic { ring++; assert(ring == 1) }
        :: else ->
            state = IDLE;
            if
            :: mailbox > 0 -> queue_if_idle()
            :: else
            fi
        fi
#endif
    :: atomic { ring == 0 && pushed == 2 * MESSAGES && state != HELD && state != QUEUED -> break }
    od
}

init
{
    atomic { run pusher(); run pusher(); run worker(); run worker() };
    (_nr_pr == 1);
    assert(mailbox == 0);
    assert(handled == 2 * MESSAGES)
}
