// SPDX-License-Identifier: Apache-2.0
// The actor benchmarks in C++ Actor Framework 0.17: event-based actors from functions, answers by request().then().
//
// `caf-actors BENCH SCHEDULERS - N` prints one line of JSON, or says what was wrong with its result and exits 1.
// bench/actors.py says what each benchmark is.
#include <caf/all.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace caf;

namespace {

using go_atom = atom_constant<atom("go")>;
using ping_atom = atom_constant<atom("ping")>;
using pong_atom = atom_constant<atom("pong")>;
using add_atom = atom_constant<atom("add")>;
using total_atom = atom_constant<atom("total")>;
using next_atom = atom_constant<atom("next")>;
using token_atom = atom_constant<atom("token")>;
using done_atom = atom_constant<atom("done")>;
using transfer_atom = atom_constant<atom("transfer")>;
using credit_atom = atom_constant<atom("credit")>;
using meet_atom = atom_constant<atom("meet")>;
using change_atom = atom_constant<atom("change")>;
using closed_atom = atom_constant<atom("closed")>;
using fib_atom = atom_constant<atom("fib")>;
using ask_atom = atom_constant<atom("ask")>;

using steady = std::chrono::steady_clock;

struct result {
    uint64_t ops;
    double seconds;
    std::string extras;
};

double
since(steady::time_point began)
{
    return std::chrono::duration<double>(steady::now() - began).count();
}

void
expect(const char *what, uint64_t wanted, uint64_t got)
{
    if (wanted != got) {
        std::ostringstream text;
        text << what << ": " << got << " instead of " << wanted;
        throw std::runtime_error(text.str());
    }
}

// Asks an actor from the main thread, outside of what is measured or at its end.
template <class Answer, class... Question>
Answer
call(scoped_actor &self, const actor &whom, Question... question)
{
    Answer answer{};
    self->request(whom, infinite, question...)
        .receive([&](Answer value) { answer = value; },
                 [&](error &why) { throw std::runtime_error(self->system().render(why)); });
    return answer;
}

void
stop(const std::vector<actor> &all)
{
    for (auto &one : all)
        anon_send_exit(one, exit_reason::user_shutdown);
}

// ping-pong: two actors, N round trips.

struct pong_state {
    uint64_t pings = 0;
};

behavior
pong(stateful_actor<pong_state> *self)
{
    return {
        [=](ping_atom) {
            ++self->state.pings;
            return pong_atom::value;
        },
        [=](total_atom) { return self->state.pings; },
    };
}

behavior
ping(stateful_actor<pong_state> *self, uint64_t n, actor partner, actor owner)
{
    self->send(partner, ping_atom::value);
    return {
        [=](pong_atom) {
            if (++self->state.pings < n) {
                self->send(partner, ping_atom::value);
            } else {
                self->send(owner, done_atom::value, self->state.pings);
                self->quit();
            }
        },
    };
}

result
ping_pong(actor_system &system, uint64_t n)
{
    scoped_actor self{system};
    auto partner = system.spawn(pong);
    uint64_t pongs = 0;
    auto began = steady::now();
    system.spawn(ping, n, partner, actor{self});
    self->receive([&](done_atom, uint64_t count) { pongs = count; });
    double took = since(began);
    expect("pongs", n, pongs);
    expect("pings", n, call<uint64_t>(self, partner, total_atom::value));
    stop({partner});
    return {n, took, ""};
}

// counting: producers send increments to one counter, then it is asked for its total.

struct counter_state {
    uint64_t total = 0;
};

behavior
counter(stateful_actor<counter_state> *self)
{
    return {
        [=](add_atom) { ++self->state.total; },
        [=](total_atom) { return self->state.total; },
    };
}

void
producer(event_based_actor *self, uint64_t n, actor counter, actor owner)
{
    for (uint64_t i = 0; i < n; ++i)
        self->send(counter, add_atom::value);
    self->send(owner, done_atom::value);
}

result
counting(actor_system &system, uint64_t producers, uint64_t n)
{
    scoped_actor self{system};
    auto sink = system.spawn(counter);
    uint64_t each = n / producers;
    auto began = steady::now();
    for (uint64_t i = 0; i < producers; ++i)
        system.spawn(producer, each, sink, actor{self});
    for (uint64_t i = 0; i < producers; ++i)
        self->receive([](done_atom) {});
    auto total = call<uint64_t>(self, sink, total_atom::value);
    double took = since(began);
    expect("total", each * producers, total);
    stop({sink});
    return {total, took, ""};
}

// ring: a token goes round.

struct member_state {
    actor next;
    uint64_t hops = 0;
};

behavior
member(stateful_actor<member_state> *self, actor owner)
{
    return {
        [=](next_atom, const actor &next) { self->state.next = next; },
        [=](token_atom, uint64_t left) {
            ++self->state.hops;
            if (left == 1)
                self->send(owner, done_atom::value);
            else
                self->send(self->state.next, token_atom::value, left - 1);
        },
        [=](total_atom) { return self->state.hops; },
    };
}

result
ring(actor_system &system, uint64_t size, uint64_t n)
{
    scoped_actor self{system};
    std::vector<actor> members;
    for (uint64_t i = 0; i < size; ++i)
        members.push_back(system.spawn(member, actor{self}));
    for (uint64_t i = 0; i < size; ++i)
        anon_send(members[i], next_atom::value, members[(i + 1) % size]);
    auto began = steady::now();
    self->send(members[0], token_atom::value, n);
    self->receive([](done_atom) {});
    double took = since(began);
    uint64_t hops = 0;
    for (auto &one : members)
        hops += call<uint64_t>(self, one, total_atom::value);
    expect("hops", n, hops);
    stop(members);
    return {n, took, ""};
}

// spawn: actors that get one message, tell a collector and end.

behavior
collector(stateful_actor<counter_state> *self, uint64_t n, actor owner)
{
    return {
        [=](done_atom) {
            if (++self->state.total == n) {
                self->send(owner, done_atom::value, self->state.total);
                self->quit();
            }
        },
    };
}

behavior
brief(event_based_actor *self, actor collector)
{
    return {
        [=](go_atom) {
            self->send(collector, done_atom::value);
            self->quit();
        },
    };
}

void
spawner(event_based_actor *self, uint64_t n, actor collector)
{
    for (uint64_t i = 0; i < n; ++i)
        self->send(self->spawn(brief, collector), go_atom::value);
}

result
spawning(actor_system &system, uint64_t n)
{
    scoped_actor self{system};
    uint64_t done = 0;
    auto began = steady::now();
    auto sink = system.spawn(collector, n, actor{self});
    system.spawn(spawner, n, sink);
    self->receive([&](done_atom, uint64_t count) { done = count; });
    double took = since(began);
    expect("actors that were done", n, done);
    return {n, took, ""};
}

// spawn-idle: actors that have had one message and stay.

// What the operating system counts as ours, in bytes.
uint64_t
resident()
{
    std::ifstream statm{"/proc/self/statm"};
    uint64_t size = 0, pages = 0;
    statm >> size >> pages;
    return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

behavior
idler(event_based_actor *self, actor collector)
{
    return {
        [=](go_atom) { self->send(collector, done_atom::value); },
    };
}

struct holder_state {
    std::vector<actor> held; // An actor that nobody refers to ends.
};

behavior
holder(stateful_actor<holder_state> *self, uint64_t n, actor collector)
{
    self->state.held.reserve(n);
    for (uint64_t i = 0; i < n; ++i) {
        self->state.held.push_back(self->spawn(idler, collector));
        self->send(self->state.held.back(), go_atom::value);
    }
    return {
        [=](total_atom) { return static_cast<uint64_t>(self->state.held.size()); },
    };
}

result
idle(actor_system &system, uint64_t n)
{
    scoped_actor self{system};
    uint64_t done = 0;
    uint64_t before = resident();
    auto began = steady::now();
    auto sink = system.spawn(collector, n, actor{self});
    auto keeper = system.spawn(holder, n, sink);
    self->receive([&](done_atom, uint64_t count) { done = count; });
    double took = since(began);
    double each = (static_cast<double>(resident()) - static_cast<double>(before)) / static_cast<double>(n);
    expect("actors that were started", n, done);
    expect("actors that are held", n, call<uint64_t>(self, keeper, total_atom::value));
    stop({keeper});
    return {n, took, ",\"bytes_each\":" + std::to_string(each)};
}

// big: everybody pings everybody else, round after round.

struct chatter_state {
    std::vector<actor> others;
    uint64_t rounds = 0, missing = 0, pings = 0;
};

void
chatter_round(stateful_actor<chatter_state> *self)
{
    self->state.missing = self->state.others.size();
    for (auto &other : self->state.others)
        self->send(other, ping_atom::value);
}

behavior
chatter(stateful_actor<chatter_state> *self, uint64_t rounds, actor owner)
{
    self->state.rounds = rounds;
    return {
        [=](next_atom, const std::vector<actor> &all) {
            for (auto &one : all)
                if (one != self)
                    self->state.others.push_back(one);
        },
        [=](go_atom) { chatter_round(self); },
        [=](ping_atom) {
            ++self->state.pings;
            return pong_atom::value;
        },
        [=](pong_atom) {
            if (--self->state.missing > 0)
                return;
            if (--self->state.rounds > 0)
                chatter_round(self);
            else
                self->send(owner, done_atom::value);
        },
        [=](total_atom) { return self->state.pings; },
    };
}

result
big(actor_system &system, uint64_t size, uint64_t n)
{
    scoped_actor self{system};
    uint64_t pairs = size * (size - 1), rounds = (n + pairs - 1) / pairs;
    std::vector<actor> all;
    for (uint64_t i = 0; i < size; ++i)
        all.push_back(system.spawn(chatter, rounds, actor{self}));
    for (auto &one : all)
        anon_send(one, next_atom::value, all);
    auto began = steady::now();
    for (auto &one : all)
        anon_send(one, go_atom::value);
    for (uint64_t i = 0; i < size; ++i)
        self->receive([](done_atom) {});
    double took = since(began);
    uint64_t pings = 0;
    for (auto &one : all)
        pings += call<uint64_t>(self, one, total_atom::value);
    expect("pings answered", rounds * pairs, pings);
    stop(all);
    return {rounds * pairs, took, ""};
}

// bank: a teller keeps transfers under way between accounts.

struct account_state {
    int64_t balance = 1000;
};

behavior
account(stateful_actor<account_state> *self)
{
    return {
        [=](transfer_atom, int64_t amount, const actor &destination) {
            self->state.balance -= amount;
            auto promise = self->make_response_promise<done_atom>();
            self->request(destination, infinite, credit_atom::value, amount).then([=](done_atom) mutable {
                promise.deliver(done_atom::value);
            });
            return promise;
        },
        [=](credit_atom, int64_t amount) {
            self->state.balance += amount;
            return done_atom::value;
        },
        [=](total_atom) { return self->state.balance; },
    };
}

struct teller_state {
    std::vector<actor> accounts;
    uint64_t left = 0, open = 0, done = 0;
    std::minstd_rand rand{1};
    actor owner;
};

void
teller_transfer(stateful_actor<teller_state> *self)
{
    auto &state = self->state;
    auto count = state.accounts.size();
    auto source = state.rand() % count;
    auto destination = (source + 1 + state.rand() % (count - 1)) % count;
    --state.left;
    ++state.open;
    self->request(state.accounts[source], infinite, transfer_atom::value, int64_t{1}, state.accounts[destination])
        .then([=](done_atom) {
            auto &now = self->state;
            --now.open;
            ++now.done;
            if (now.left > 0)
                teller_transfer(self);
            else if (now.open == 0)
                self->send(now.owner, done_atom::value, now.done);
        });
}

void
teller(stateful_actor<teller_state> *self, const std::vector<actor> &accounts, uint64_t window, uint64_t n, actor owner)
{
    self->state.accounts = accounts;
    self->state.left = n;
    self->state.owner = owner;
    for (uint64_t i = 0; i < window && self->state.left > 0; ++i)
        teller_transfer(self);
}

result
bank(actor_system &system, uint64_t count, uint64_t window, uint64_t n)
{
    scoped_actor self{system};
    std::vector<actor> accounts;
    for (uint64_t i = 0; i < count; ++i)
        accounts.push_back(system.spawn(account));
    uint64_t done = 0;
    auto began = steady::now();
    system.spawn(teller, accounts, window, n, actor{self});
    self->receive([&](done_atom, uint64_t transfers) { done = transfers; });
    double took = since(began);
    int64_t sum = 0;
    for (auto &one : accounts)
        sum += call<int64_t>(self, one, total_atom::value);
    expect("transfers", n, done);
    expect("sum of balances", count * 1000, static_cast<uint64_t>(sum));
    stop(accounts);
    return {n, took, ""};
}

// chameneos: creatures meet in a mall and change colours.

enum colour : uint8_t { blue, red, yellow };

uint8_t
complement(uint8_t one, uint8_t other)
{
    return one == other ? one : static_cast<uint8_t>(blue + red + yellow - one - other);
}

struct mall_state {
    actor waiting;
    uint64_t left = 0;
};

behavior
mall(stateful_actor<mall_state> *self, uint64_t n)
{
    self->state.left = n;
    return {
        [=](meet_atom meet, const actor &creature, uint8_t colour) {
            auto &state = self->state;
            if (state.left == 0) {
                self->send(creature, closed_atom::value);
            } else if (!state.waiting) {
                state.waiting = creature;
            } else {
                --state.left;
                self->send(state.waiting, meet, creature, colour);
                state.waiting = nullptr;
            }
        },
    };
}

struct creature_state {
    uint8_t colour = 0;
    uint64_t meetings = 0;
};

behavior
creature(stateful_actor<creature_state> *self, uint8_t first, actor place, actor owner)
{
    self->state.colour = first;
    self->send(place, meet_atom::value, actor{self}, first);
    return {
        [=](meet_atom, const actor &other, uint8_t colour) {
            auto &state = self->state;
            state.colour = complement(state.colour, colour);
            ++state.meetings;
            self->send(other, change_atom::value, state.colour);
            self->send(place, meet_atom::value, actor{self}, state.colour);
        },
        [=](change_atom, uint8_t colour) {
            auto &state = self->state;
            state.colour = colour;
            ++state.meetings;
            self->send(place, meet_atom::value, actor{self}, state.colour);
        },
        [=](closed_atom) {
            self->send(owner, done_atom::value, self->state.meetings);
            self->quit();
        },
    };
}

result
chameneos(actor_system &system, uint64_t count, uint64_t n)
{
    scoped_actor self{system};
    uint64_t meetings = 0;
    auto began = steady::now();
    auto place = system.spawn(mall, n);
    for (uint64_t i = 0; i < count; ++i)
        system.spawn(creature, static_cast<uint8_t>(i % 3), place, actor{self});
    for (uint64_t i = 0; i < count; ++i)
        self->receive([&](done_atom, uint64_t one) { meetings += one; });
    double took = since(began);
    expect("meetings that creatures counted", 2 * n, meetings);
    stop({place});
    return {n, took, ""};
}

// fib: a tree of actors.

struct fib_state {
    uint64_t sum = 0;
    int missing = 2;
};

behavior
fib_node(stateful_actor<fib_state> *self, uint64_t n, actor parent)
{
    if (n < 2) {
        self->send(parent, fib_atom::value, n);
        return {}; // Nothing more to receive: it ends.
    }
    self->spawn(fib_node, n - 1, actor{self});
    self->spawn(fib_node, n - 2, actor{self});
    return {
        [=](fib_atom, uint64_t value) {
            self->state.sum += value;
            if (--self->state.missing == 0) {
                self->send(parent, fib_atom::value, self->state.sum);
                self->quit();
            }
        },
    };
}

result
fib(actor_system &system, uint64_t n)
{
    scoped_actor self{system};
    uint64_t a = 0, b = 1, value = 0;
    for (uint64_t i = 0; i < n; ++i)
        b = std::exchange(a, b) + b;
    auto began = steady::now();
    system.spawn(fib_node, n, actor{self});
    self->receive([&](fib_atom, uint64_t got) { value = got; });
    double took = since(began);
    expect("fib", a, value);
    return {2 * b - 1, took, ""};
}

// ask-latency: one asker among actors that are busy with tokens.

struct busy_state {
    actor next;
};

behavior
busy(stateful_actor<busy_state> *self, uint64_t number)
{
    return {
        [=](next_atom, const actor &next) { self->state.next = next; },
        [=](token_atom) { self->send(self->state.next, token_atom::value); },
        [=](ask_atom) { return number; },
    };
}

struct asker_state {
    std::vector<actor> ring;
    std::vector<int64_t> *latencies = nullptr;
    uint64_t left = 0, sum = 0;
    size_t at = 0;
    actor owner;
};

void
asker_ask(stateful_actor<asker_state> *self)
{
    auto &state = self->state;
    auto began = steady::now();
    self->request(state.ring[state.at], infinite, ask_atom::value).then([=](uint64_t answer) {
        auto &now = self->state;
        auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(steady::now() - began);
        now.latencies->push_back(took.count());
        now.sum += answer;
        now.at = (now.at + 1) % now.ring.size();
        if (--now.left > 0)
            asker_ask(self);
        else
            self->send(now.owner, done_atom::value, now.sum);
    });
}

void
asker(stateful_actor<asker_state> *self, const std::vector<actor> &all, std::vector<int64_t> *latencies, uint64_t n,
      actor owner)
{
    self->state.ring = all;
    self->state.latencies = latencies;
    self->state.left = n;
    self->state.owner = owner;
    asker_ask(self);
}

result
ask_latency(actor_system &system, uint64_t size, uint64_t n)
{
    scoped_actor self{system};
    std::vector<actor> all;
    std::vector<int64_t> latencies;
    uint64_t sum = 0, wanted = 0;
    latencies.reserve(n);
    for (uint64_t i = 0; i < size; ++i)
        all.push_back(system.spawn(busy, i + 1));
    for (uint64_t i = 0; i < size; ++i)
        anon_send(all[i], next_atom::value, all[(i + 1) % size]);
    for (auto &one : all)
        anon_send(one, token_atom::value);
    auto began = steady::now();
    system.spawn(asker, all, &latencies, n, actor{self});
    self->receive([&](done_atom, uint64_t got) { sum = got; });
    double took = since(began);
    stop(all);
    for (uint64_t i = 0; i < n; ++i)
        wanted += i % size + 1;
    expect("sum of answers", wanted, sum);
    std::sort(latencies.begin(), latencies.end());
    std::ostringstream extras;
    for (auto &part : {std::make_pair("p50_us", 0.5), {"p99_us", 0.99}, {"p999_us", 0.999}}) {
        auto at = std::min<size_t>(static_cast<size_t>(static_cast<double>(n) * part.second), n - 1);
        extras << ",\"" << part.first << "\":" << static_cast<double>(latencies[at]) / 1000;
    }
    return {n, took, extras.str()};
}

using program = std::function<result(actor_system &, uint64_t)>;

program
bind_size(result (*run)(actor_system &, uint64_t, uint64_t), uint64_t size)
{
    return [=](actor_system &system, uint64_t n) { return run(system, size, n); };
}

const std::map<std::string, program> benches = {
    {"ping-pong", ping_pong},
    {"counting-1", bind_size(counting, 1)},
    {"counting-8", bind_size(counting, 8)},
    {"ring", bind_size(ring, 100)},
    {"spawn", spawning},
    {"spawn-idle", idle},
    {"big", bind_size(big, 120)},
    {"bank", [](actor_system &system, uint64_t n) { return bank(system, 1000, 100, n); }},
    {"chameneos", bind_size(chameneos, 100)},
    {"fib", fib},
    {"ask-latency", bind_size(ask_latency, 100)},
};

// CAF comes with two policies for its scheduler, and for each benchmark the faster one is used. Its default, stealing,
// runs the newest actor first and walks the victim's queue to steal the oldest: with that, spawning many takes
// quadratic time on two schedulers, and where tokens never rest an asker never gets its turn on one.
const std::set<std::string> shared = {"spawn", "spawn-idle", "big", "chameneos", "ask-latency"};

} // namespace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<caf::actor>)

int
main(int argc, char **argv)
{
    auto bench = argc == 5 ? benches.find(argv[1]) : benches.end();
    if (bench == benches.end()) {
        std::cerr << "usage: caf-actors BENCH SCHEDULERS - N\n";
        return 1;
    }
    try {
        actor_system_config config;
        config.set("scheduler.max-threads", static_cast<size_t>(std::stoul(argv[2])));
        if (shared.count(bench->first))
            config.set("scheduler.policy", atom("sharing"));
        actor_system system{config};
        auto result = bench->second(system, std::stoull(argv[4]));
        std::printf("{\"ops\":%llu,\"seconds\":%.9f%s}\n", static_cast<unsigned long long>(result.ops), result.seconds,
                    result.extras.c_str());
    } catch (std::exception &why) {
        std::cerr << "actors (CAF): " << why.what() << "\n";
        std::_Exit(1); // Actors may still be at it; the system would wait for them.
    }
    return 0;
}
