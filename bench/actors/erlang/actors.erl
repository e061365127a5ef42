%% SPDX-License-Identifier: Apache-2.0
%% The actor benchmarks in plain Erlang: processes with receive loops, calls that are told apart by references.
%%
%% `actors BENCH SCHEDULERS - N` (the script beside this file starts the emulator) prints one line of JSON, or says what
%% was wrong with its result and exits 1. bench/actors.py says what each benchmark is.
-module(actors).
-export([start/1]).

start([Bench, N]) ->
    try run(Bench, list_to_integer(N)) of
        {Ops, Nanoseconds, Extras} ->
            io:format("{\"ops\":~b,\"seconds\":~.9f~s}~n", [Ops, Nanoseconds / 1.0e9, [extra(E) || E <- Extras]]),
            halt(0)
    catch
        throw:{wrong, Format, Arguments} ->
            fail(Format, Arguments);
        Class:Reason:Stack ->
            fail("~p ~p ~p", [Class, Reason, Stack])
    end.

fail(Format, Arguments) ->
    io:format(standard_error, "actors (Erlang): " ++ Format ++ "~n", Arguments),
    halt(1).

extra({Name, Value}) ->
    io_lib:format(",\"~s\":~.3f", [Name, Value * 1.0]).

run("ping-pong", N) -> ping_pong(N);
run("counting-1", N) -> counting(1, N);
run("counting-8", N) -> counting(8, N);
run("ring", N) -> ring(100, N);
run("spawn", N) -> spawning(N);
run("spawn-idle", N) -> idle(N);
run("big", N) -> big(120, N);
run("bank", N) -> bank(1000, 100, N);
run("chameneos", N) -> chameneos(100, N);
run("fib", N) -> fib(N);
run("ask-latency", N) -> ask_latency(100, N);
run(Bench, _) -> throw({wrong, "there is no benchmark ~s", [Bench]}).

now_ns() ->
    erlang:monotonic_time(nanosecond).

expect(_, Value, Value) -> ok;
expect(What, Wanted, Got) -> throw({wrong, "~s: ~p instead of ~p", [What, Got, Wanted]}).

%% ping-pong: two processes, N round trips.

ping_pong(N) ->
    Self = self(),
    Pong = spawn_link(fun pong/0),
    Began = now_ns(),
    spawn_link(fun() -> ping(N, Pong, Self) end),
    Count = receive {pings, Pongs} -> Pongs end,
    Took = now_ns() - Began,
    Pong ! {stop, Self},
    receive {pongs, Pings} -> expect("pings that pong had", N, Pings) end,
    expect("pongs that ping had", N, Count),
    {N, Took, []}.

ping(N, Pong, Owner) ->
    ping(N, 0, Pong, Owner).

ping(0, Count, _, Owner) ->
    Owner ! {pings, Count};
ping(N, Count, Pong, Owner) ->
    Pong ! {ping, self()},
    receive
        pong -> ping(N - 1, Count + 1, Pong, Owner)
    end.

pong() ->
    pong(0).

pong(Count) ->
    receive
        {ping, From} ->
            From ! pong,
            pong(Count + 1);
        {stop, From} ->
            From ! {pongs, Count}
    end.

%% counting: producers send increments to one counter, then it is asked for its total.

counting(Producers, N) ->
    Self = self(),
    % What the manual advises for a process that may get many messages.
    Counter = spawn_opt(fun() -> counter(0) end, [link, {message_queue_data, off_heap}]),
    Each = N div Producers,
    Began = now_ns(),
    % Only messages of one sender keep their order, so each producer asks before it says that its own were counted.
    Pids = [spawn_link(fun() -> produce(Each, Counter), call(Counter, total), Self ! {produced, self()} end)
            || _ <- lists:seq(1, Producers)],
    [receive {produced, Pid} -> ok end || Pid <- Pids],
    Total = call(Counter, total),
    Took = now_ns() - Began,
    expect("total", Each * Producers, Total),
    {Total, Took, []}.

produce(0, _) ->
    ok;
produce(N, Counter) ->
    Counter ! increment,
    produce(N - 1, Counter).

counter(Total) ->
    receive
        increment ->
            counter(Total + 1);
        {total, From, Ref} ->
            From ! {Ref, Total},
            counter(Total)
    end.

call(Pid, Question) ->
    Ref = make_ref(),
    Pid ! {Question, self(), Ref},
    receive
        {Ref, Answer} -> Answer
    end.

%% ring: a token goes round.

ring(Size, N) ->
    Self = self(),
    Members = members(Size, Self),
    Began = now_ns(),
    hd(Members) ! {token, N},
    receive {last, Hops} -> expect("hops left", 0, Hops) end,
    Took = now_ns() - Began,
    expect("hops", N, lists:sum([call(Member, hops) || Member <- Members])),
    {N, Took, []}.

members(Size, Owner) ->
    Members = [spawn_link(fun() -> receive {next, Next} -> member(Next, Owner, 0) end end)
               || _ <- lists:seq(1, Size)],
    lists:foreach(fun({Member, Next}) -> Member ! {next, Next} end,
                  lists:zip(Members, tl(Members) ++ [hd(Members)])),
    Members.

member(Next, Owner, Hops) ->
    receive
        {token, 1} ->
            Owner ! {last, 0},
            member(Next, Owner, Hops + 1);
        {token, Left} ->
            Next ! {token, Left - 1},
            member(Next, Owner, Hops + 1);
        {hops, From, Ref} ->
            From ! {Ref, Hops}
    end.

%% spawn: processes that get one message, tell a collector and end.

spawning(N) ->
    Self = self(),
    Began = now_ns(),
    Collector = spawn_link(fun() -> collect(N, 0, Self) end),
    start_each(N, fun() -> receive go -> Collector ! {done, 1} end end),
    Sum = receive {collected, S} -> S end,
    Took = now_ns() - Began,
    expect("processes that were done", N, Sum),
    {N, Took, []}.

collect(0, Sum, Owner) ->
    Owner ! {collected, Sum};
collect(Left, Sum, Owner) ->
    receive
        {done, One} -> collect(Left - 1, Sum + One, Owner)
    end.

start_each(0, _) ->
    ok;
start_each(N, Fun) ->
    spawn(Fun) ! go,
    start_each(N - 1, Fun).

%% spawn-idle: processes that have had one message and stay.

idle(N) ->
    Self = self(),
    Before = resident(),
    Began = now_ns(),
    Collector = spawn_link(fun() -> collect(N, 0, Self) end),
    start_each(N, fun() -> receive go -> Collector ! {done, 1}, stay() end end),
    Sum = receive {collected, S} -> S end,
    Took = now_ns() - Began,
    expect("processes that were started", N, Sum),
    {N, Took, [{"bytes_each", (resident() - Before) / N}]}.

stay() ->
    receive
        stop -> ok
    end.

%% What the operating system says. (file:read_file/1 takes the size of a file of /proc for 0.)
resident() ->
    {ok, File} = file:open("/proc/self/statm", [read, raw, binary]),
    {ok, Line} = file:read(File, 200),
    ok = file:close(File),
    [_, Pages | _] = binary:split(Line, <<" ">>, [global]),
    binary_to_integer(Pages) * 4096.

%% big: everybody pings everybody else, round after round.

big(Size, N) ->
    Self = self(),
    Pairs = Size * (Size - 1),
    Rounds = (N + Pairs - 1) div Pairs,
    Pids = [spawn_link(fun() -> receive {others, Others} -> chatter(Rounds, Others, Self) end end)
            || _ <- lists:seq(1, Size)],
    [Pid ! {others, lists:delete(Pid, Pids)} || Pid <- Pids],
    Began = now_ns(),
    [Pid ! go || Pid <- Pids],
    [receive {finished, Pid} -> ok end || Pid <- Pids],
    Took = now_ns() - Began,
    Counts = [call(Pid, pings) || Pid <- Pids],
    expect("pings answered", Rounds * Pairs, lists:sum(Counts)),
    {Rounds * Pairs, Took, []}.

chatter(Rounds, Others, Owner) ->
    receive
        go -> chatter_round(Rounds, Others, Owner, 0)
    end.

chatter_round(0, _, Owner, Pings) ->
    Owner ! {finished, self()},
    chatter_end(Pings);
chatter_round(Rounds, Others, Owner, Pings) ->
    Self = self(),
    [Other ! {ping, Self} || Other <- Others],
    chatter_wait(length(Others), Rounds, Others, Owner, Pings).

chatter_wait(0, Rounds, Others, Owner, Pings) ->
    chatter_round(Rounds - 1, Others, Owner, Pings);
chatter_wait(Missing, Rounds, Others, Owner, Pings) ->
    receive
        {ping, From} ->
            From ! pong,
            chatter_wait(Missing, Rounds, Others, Owner, Pings + 1);
        pong ->
            chatter_wait(Missing - 1, Rounds, Others, Owner, Pings)
    end.

%% Others may still be in their last round.
chatter_end(Pings) ->
    receive
        {ping, From} ->
            From ! pong,
            chatter_end(Pings + 1);
        {pings, From, Ref} ->
            From ! {Ref, Pings}
    end.

%% bank: a teller keeps transfers under way between accounts.

bank(Count, Window, N) ->
    Self = self(),
    Accounts = list_to_tuple([spawn_link(fun() -> account(1000) end) || _ <- lists:seq(1, Count)]),
    Began = now_ns(),
    spawn_link(fun() -> Self ! {done, teller(Accounts, Window, N)} end),
    Done = receive {done, D} -> D end,
    Took = now_ns() - Began,
    expect("transfers", N, Done),
    expect("sum of balances", Count * 1000, lists:sum([call(A, balance) || A <- tuple_to_list(Accounts)])),
    {N, Took, []}.

teller(Accounts, Window, N) ->
    First = min(Window, N),
    Rand = lists:foldl(fun(_, R) -> transfer(Accounts, R) end, rand:seed_s(exsss, 1), lists:seq(1, First)),
    teller_wait(Accounts, N - First, First, 0, Rand).

teller_wait(_, 0, 0, Done, _) ->
    Done;
teller_wait(Accounts, Left, Open, Done, Rand) ->
    receive
        {Ref, transferred} when is_reference(Ref) ->
            case Left of
                0 -> teller_wait(Accounts, 0, Open - 1, Done + 1, Rand);
                _ -> teller_wait(Accounts, Left - 1, Open, Done + 1, transfer(Accounts, Rand))
            end
    end.

transfer(Accounts, Rand0) ->
    Size = tuple_size(Accounts),
    {Source, Rand1} = rand:uniform_s(Size, Rand0),
    {Step, Rand2} = rand:uniform_s(Size - 1, Rand1),
    Destination = (Source - 1 + Step) rem Size + 1,
    element(Source, Accounts) ! {transfer, {self(), make_ref()}, 1, element(Destination, Accounts)},
    Rand2.

%% An account that waited for its credit alone could wait for one that waits for it, so it carries on, and the answer
%% says whom to tell.
account(Balance) ->
    receive
        {transfer, Client, Amount, Destination} ->
            Destination ! {credit, {self(), Client}, Amount},
            account(Balance - Amount);
        {credit, {From, Client}, Amount} ->
            From ! {credited, Client},
            account(Balance + Amount);
        {credited, {From, Ref}} ->
            From ! {Ref, transferred},
            account(Balance);
        {balance, From, Ref} ->
            From ! {Ref, Balance}
    end.

%% chameneos: creatures meet in a mall and change colours.

chameneos(Count, N) ->
    Self = self(),
    Began = now_ns(),
    Mall = spawn_link(fun() -> mall(N, none) end),
    Colours = {blue, red, yellow},
    [spawn_link(fun() -> arrive(Mall, element(I rem 3 + 1, Colours), Self) end) || I <- lists:seq(1, Count)],
    Meetings = lists:sum([receive {meetings, M} -> M end || _ <- lists:seq(1, Count)]),
    Took = now_ns() - Began,
    expect("meetings that creatures counted", 2 * N, Meetings),
    {N, Took, []}.

mall(0, none) ->
    receive
        {meet, Creature, _} ->
            Creature ! closed,
            mall(0, none)
    end;
mall(Left, none) ->
    receive
        {meet, Creature, _} -> mall(Left, Creature)
    end;
mall(Left, Waiting) ->
    receive
        {meet, _, _} = Meet ->
            Waiting ! Meet,
            mall(Left - 1, none)
    end.

arrive(Mall, Colour, Owner) ->
    Mall ! {meet, self(), Colour},
    creature(Mall, Colour, 0, Owner).

creature(Mall, Colour, Meetings, Owner) ->
    receive
        {meet, Other, Others} ->
            New = complement(Colour, Others),
            Other ! {change, New},
            Mall ! {meet, self(), New},
            creature(Mall, New, Meetings + 1, Owner);
        {change, New} ->
            Mall ! {meet, self(), New},
            creature(Mall, New, Meetings + 1, Owner);
        closed ->
            Owner ! {meetings, Meetings}
    end.

complement(Same, Same) -> Same;
complement(blue, red) -> yellow;
complement(blue, yellow) -> red;
complement(red, blue) -> yellow;
complement(red, yellow) -> blue;
complement(yellow, blue) -> red;
complement(yellow, red) -> blue.

%% fib: a tree of processes.

fib(N) ->
    Self = self(),
    Began = now_ns(),
    spawn_link(fun() -> node(N, Self) end),
    Value = receive {fib, V} -> V end,
    Took = now_ns() - Began,
    expect("fib", plain_fib(N), Value),
    {2 * plain_fib(N + 1) - 1, Took, []}.

node(N, Parent) when N < 2 ->
    Parent ! {fib, N};
node(N, Parent) ->
    Self = self(),
    spawn(fun() -> node(N - 1, Self) end),
    spawn(fun() -> node(N - 2, Self) end),
    receive
        {fib, One} ->
            receive
                {fib, Other} -> Parent ! {fib, One + Other}
            end
    end.

plain_fib(N) ->
    plain_fib(N, 0, 1).

plain_fib(0, A, _) -> A;
plain_fib(N, A, B) -> plain_fib(N - 1, B, A + B).

%% ask-latency: one asker among processes that are busy with tokens.

ask_latency(Size, N) ->
    Self = self(),
    Members = [spawn(fun() -> receive {next, Next} -> busy(Next, I) end end) || I <- lists:seq(1, Size)],
    lists:foreach(fun({Member, Next}) -> Member ! {next, Next} end,
                  lists:zip(Members, tl(Members) ++ [hd(Members)])),
    [Member ! token || Member <- Members],
    Latencies = atomics:new(N, []), % Not on the asker's heap, whose collections it would lengthen.
    Ring = list_to_tuple(Members),
    spawn_link(fun() -> Self ! {asked, ask_each(1, N, Ring, Latencies)} end),
    {Sum, Took} = receive {asked, Result} -> Result end,
    [exit(Member, kill) || Member <- Members],
    expect("sum of answers", sum_of_answers(N, Size), Sum),
    Sorted = list_to_tuple(lists:sort([atomics:get(Latencies, I) || I <- lists:seq(1, N)])),
    {N, Took, [{Name, element(min(N, trunc(N * Part) + 1), Sorted) / 1000}
               || {Name, Part} <- [{"p50_us", 0.5}, {"p99_us", 0.99}, {"p999_us", 0.999}]]}.

ask_each(I, N, Ring, Latencies) ->
    Began = now_ns(),
    Sum = ask_each(I, N, Ring, Latencies, 0),
    {Sum, now_ns() - Began}.

ask_each(I, N, _, _, Sum) when I > N ->
    Sum;
ask_each(I, N, Ring, Latencies, Sum) ->
    Member = element((I - 1) rem tuple_size(Ring) + 1, Ring),
    Began = now_ns(),
    Answer = call(Member, ask),
    atomics:put(Latencies, I, now_ns() - Began),
    ask_each(I + 1, N, Ring, Latencies, Sum + Answer).

sum_of_answers(N, Size) ->
    (N div Size) * (Size * (Size + 1) div 2) + (N rem Size) * (N rem Size + 1) div 2.

busy(Next, I) ->
    receive
        token ->
            Next ! token,
            busy(Next, I);
        {ask, From, Ref} ->
            From ! {Ref, I},
            busy(Next, I)
    end.
