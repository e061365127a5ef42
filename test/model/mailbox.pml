/* SPDX-License-Identifier: Apache-2.0 */
/* test/model/mailbox.pml -- the queue of runtime/mail/mailbox.[ch]: push, pop and empty, one atomic operation a step.
 *
 * Three pushers push chains of one and two messages; the owner pops and asks whether it is empty until it has all.
 * A link holds garbage before the push and after the message was handed out, as in the heap. Claims: the messages of
 * each pusher come out in his order, each once; a pop that says NULL found nothing, or a push was half done during it
 * (so nothing is lost, and who comes back later succeeds); `empty` says exactly whether something is in it, half pushed
 * or whole; a link is written once, and never of a message that was handed out. Defines that Spin must find:
 *   LINK_FIRST     a pusher links to the tail that he read before he exchanges it;
 *   NO_END         a pusher does not close his chain before the exchange;
 *   NO_STUB        the owner takes the last message by setting the tail back to the stub, without a push;
 *   STUB_BLINDLY   the owner pushes the stub without a look whether the tail is his last message;
 *   EMPTY_BY_LINK  `empty` looks at the stub's link and not at the tail;
 *   EMPTY_BY_TAIL  `empty` looks at the tail and not at the head. */

#define PUSHERS 3
#define MESSAGES 7      /* Of the first: 1-2 and 3. Of the second: 4 and 5-6. Of the third: 7. */
#define STUB 0
#define NIL 15
#define GARBAGE 14

byte next[8];
byte head = STUB, tail = STUB;
/* What the claims need to know. */
byte inside = 0;        /* Messages whose exchange is done and that were not handed out. */
byte half = 0;          /* Pushes between their two steps. */
bool was_half;          /* A push was half done at some time during this pop. */
byte expected[3];       /* Each pusher's next message. */

inline push(first, last, count)
{
#ifndef NO_END
    next[last] = NIL;
#endif
#ifdef LINK_FIRST
    old = tail;
    d_step { next[old] = first; inside = inside + count; half++; was_half = true };
    d_step { tail = last; half--; old = NIL }
#else
    d_step { old = tail; tail = last; inside = inside + count; half++; was_half = true };
    d_step { assert(next[old] == NIL); next[old] = first; half--; old = NIL }
#endif
}

proctype pusher(byte me)
{
    byte old = NIL;
    if
    :: me == 0 -> next[1] = 2; push(1, 2, 2); push(3, 3, 1)
    :: me == 1 -> push(4, 4, 1); next[5] = 6; push(5, 6, 2)
    :: me == 2 -> push(7, 7, 1)
    fi
}

inline hand_out(m)
{
    assert(m >= 1 && m <= MESSAGES);
    inside--;
    next[m] = GARBAGE;  /* Freed. */
    if
    :: m <= 3 -> assert(m == expected[0]); expected[0]++
    :: m > 3 && m <= 6 -> assert(m == expected[1]); expected[1]++
    :: m == 7 -> assert(m == expected[2]); expected[2]++
    fi
}

/* The head is the owner's alone: it moves in the step of the load that decided it. */
inline pop()
{
    found = NIL;
    d_step { had = (inside > 0); was_half = (half > 0) };
    d_step { link = next[head]; assert(link != GARBAGE) };
    if
    :: head == STUB && link == NIL -> goto popped
    :: head == STUB && link != NIL -> d_step { head = link; link = next[head]; assert(link != GARBAGE) }
    :: else
    fi;
    if
    :: link != NIL -> d_step { found = head; head = link }; goto popped
    :: else
    fi;
#ifdef NO_STUB
    if
    :: tail != head -> goto popped
    :: else
    fi;
    d_step { next[STUB] = NIL; tail = STUB; found = head; head = STUB };
    goto popped;
#endif
#ifndef STUB_BLINDLY
    if
    :: tail != head -> goto popped          /* A push is half done. */
    :: else
    fi;
#endif
    next[STUB] = NIL;
    d_step { old = tail; tail = STUB };
    d_step { assert(next[old] == NIL); next[old] = STUB; old = NIL };
    d_step { link = next[head]; assert(link != GARBAGE) };
    if
    :: link != NIL -> d_step { found = head; head = link }
    :: else
    fi;
popped:
    atomic {
        if
        :: found != NIL -> hand_out(found)
        :: else -> assert(!had || was_half)
        fi;
        found = NIL; link = NIL; had = false; was_half = false
    }
}

inline ask_empty()
{
    d_step {
#ifdef EMPTY_BY_LINK
        none = (head == STUB && next[STUB] == NIL);
#else
#ifdef EMPTY_BY_TAIL
        none = (tail == STUB);
#else
        none = (head == STUB && tail == STUB);
#endif
#endif
        assert(none == (inside == 0));
        none = false
    }
}

proctype owner()
{
    byte found = NIL, link = NIL, old = NIL;
    bool had, none;
    do
    :: expected[0] == 4 && expected[1] == 7 && expected[2] == 8 -> break
    :: else -> ask_empty(); pop()
    od;
    ask_empty()
}

init
{
    atomic {
        next[STUB] = NIL;
        byte i;
        for (i : 1 .. MESSAGES) { next[i] = GARBAGE }
        i = 0;
        expected[0] = 1; expected[1] = 4; expected[2] = 7;
        run pusher(0); run pusher(1); run pusher(2); run owner()
    };
    (_nr_pr == 1);
    assert(inside == 0 && half == 0)
}
