// SPDX-License-Identifier: Apache-2.0

// The actor benchmarks in Go: goroutines that receive from channels.
//
// `go-actors BENCH SCHEDULERS - N` prints one line of JSON, or says what was wrong with its result and exits 1.
// bench/actors.py says what each benchmark is.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
)

type result struct {
	ops    int
	took   time.Duration
	extras string
}

func expect(what string, wanted, got int) {
	if wanted != got {
		fmt.Fprintf(os.Stderr, "actors (Go): %s: %d instead of %d\n", what, got, wanted)
		os.Exit(1)
	}
}

// ping-pong: two goroutines, n round trips.

func pingPong(n int) result {
	pings, pongs, total := make(chan int), make(chan int), make(chan int)
	go func() {
		count := 0
		for ping := range pings {
			count++
			pongs <- ping
		}
		total <- count
	}()
	began := time.Now()
	go func() {
		count := 0
		for i := 0; i < n; i++ {
			pings <- i
			if <-pongs == i {
				count++
			}
		}
		total <- count
	}()
	count := <-total
	took := time.Since(began)
	close(pings)
	expect("pongs", n, count)
	expect("pings", n, <-total)
	return result{ops: n, took: took}
}

// counting: producers send increments to one counter, then it is asked for its total.

type increment struct {
	by    int
	reply chan<- int // not nil: it asks for the total
}

func counting(producers, n int) result {
	each := n / producers
	in, produced := make(chan increment, 1024), make(chan bool, producers)
	go func() {
		total := 0
		for message := range in {
			if message.reply != nil {
				message.reply <- total
			} else {
				total += message.by
			}
		}
	}()
	began := time.Now()
	for i := 0; i < producers; i++ {
		go func() {
			for i := 0; i < each; i++ {
				in <- increment{by: 1}
			}
			produced <- true
		}()
	}
	for i := 0; i < producers; i++ {
		<-produced
	}
	reply := make(chan int)
	in <- increment{reply: reply}
	total := <-reply
	took := time.Since(began)
	close(in)
	expect("total", each*producers, total)
	return result{ops: total, took: took}
}

// ring: a token goes round.

func ring(size, n int) result {
	members := make([]chan int, size)
	for i := range members {
		members[i] = make(chan int)
	}
	last, counts := make(chan bool), make(chan int, size)
	for i := range members {
		go func(in <-chan int, next chan<- int) {
			hops := 0
			for left := range in {
				hops++
				if left == 1 {
					last <- true
				} else {
					next <- left - 1
				}
			}
			counts <- hops
		}(members[i], members[(i+1)%size])
	}
	began := time.Now()
	members[0] <- n
	<-last
	took := time.Since(began)
	hops := 0
	for _, member := range members {
		close(member)
		hops += <-counts
	}
	expect("hops", n, hops)
	return result{ops: n, took: took}
}

// spawn: goroutines that get one message, tell a collector and end.

func collect(n int, done <-chan int, total chan<- int) {
	sum := 0
	for i := 0; i < n; i++ {
		sum += <-done
	}
	total <- sum
}

func spawn(n int) result {
	done, total := make(chan int, 1024), make(chan int)
	began := time.Now()
	go collect(n, done, total)
	go func() {
		for i := 0; i < n; i++ {
			in := make(chan int, 1)
			go func() {
				done <- <-in
			}()
			in <- 1
		}
	}()
	sum := <-total
	took := time.Since(began)
	expect("goroutines that were done", n, sum)
	return result{ops: n, took: took}
}

// spawn-idle: goroutines that have had one message and stay.

// What the operating system counts as ours, in bytes.
func resident() int {
	text, err := os.ReadFile("/proc/self/statm")
	words := strings.Fields(string(text))
	if err != nil || len(words) < 2 {
		fmt.Fprintln(os.Stderr, "actors (Go): can't read /proc/self/statm")
		os.Exit(1)
	}
	pages, _ := strconv.Atoi(words[1])
	return pages * os.Getpagesize()
}

func spawnIdle(n int) result {
	before := resident()
	began := time.Now()
	done, total := make(chan int, 1024), make(chan int)
	inboxes := make([]chan int, n)
	go collect(n, done, total)
	go func() {
		for i := range inboxes {
			in := make(chan int, 1)
			inboxes[i] = in
			go func() {
				for one := range in {
					done <- one
				}
			}()
			in <- 1
		}
	}()
	sum := <-total
	took := time.Since(began)
	each := float64(resident()-before) / float64(n)
	expect("goroutines that were started", n, sum)
	for _, in := range inboxes {
		close(in)
	}
	return result{ops: n, took: took, extras: fmt.Sprintf(",\"bytes_each\":%.3f", each)}
}

// big: everybody pings everybody else, round after round.

type bigMessage struct {
	from chan<- bigMessage // nil: it is a pong
}

func chatter(in chan bigMessage, others []chan bigMessage, rounds int, finished chan<- bool, pings chan<- int) {
	count := 0
	for ; rounds > 0; rounds-- {
		for _, other := range others {
			other <- bigMessage{from: in}
		}
		for missing := len(others); missing > 0; {
			message := <-in
			if message.from == nil {
				missing--
			} else {
				count++
				message.from <- bigMessage{}
			}
		}
	}
	finished <- true
	for message := range in { // Others may still be in their last round.
		count++
		message.from <- bigMessage{}
	}
	pings <- count
}

func big(size, n int) result {
	pairs := size * (size - 1)
	rounds := (n + pairs - 1) / pairs
	finished, pings := make(chan bool, size), make(chan int, size)
	inboxes := make([]chan bigMessage, size)
	for i := range inboxes {
		inboxes[i] = make(chan bigMessage, 2*size) // One ping and one pong of each other: nobody waits to send.
	}
	began := time.Now()
	for i, in := range inboxes {
		others := append(append([]chan bigMessage{}, inboxes[:i]...), inboxes[i+1:]...)
		go chatter(in, others, rounds, finished, pings)
	}
	for range inboxes {
		<-finished
	}
	took := time.Since(began)
	count := 0
	for _, in := range inboxes {
		close(in)
		count += <-pings
	}
	expect("pings answered", rounds*pairs, count)
	return result{ops: rounds * pairs, took: took}
}

// bank: a teller keeps transfers under way between accounts.

type kind int

const (
	transfer kind = iota // to the source: take the amount and hand it to the other
	credit               // to the destination: add the amount and tell the other
	credited             // to the source: it is done, tell the teller
	balance              // from the teller: say what there is, and end
)

type order struct {
	kind   kind
	amount int
	other  chan<- order
	teller chan<- int
}

// An account that waited for its credit alone could wait for one that waits for it.
func account(in chan order, sum int) {
	for message := range in {
		switch message.kind {
		case transfer:
			sum -= message.amount
			message.other <- order{credit, message.amount, in, message.teller}
		case credit:
			sum += message.amount
			message.other <- order{kind: credited, teller: message.teller}
		case credited:
			message.teller <- 1
		case balance:
			message.teller <- sum
			return
		}
	}
}

func bank(count, window, n int) result {
	accounts := make([]chan order, count)
	for i := range accounts {
		accounts[i] = make(chan order, window) // A message for each transfer under way: nobody waits to send.
		go account(accounts[i], 1000)
	}
	finished := make(chan int)
	began := time.Now()
	go func() {
		random := rand.New(rand.NewSource(1))
		replies := make(chan int, window)
		begin := func() {
			source := random.Intn(count)
			destination := (source + 1 + random.Intn(count-1)) % count
			accounts[source] <- order{transfer, 1, accounts[destination], replies}
		}
		begun, done := 0, 0
		for ; begun < n && begun < window; begun++ {
			begin()
		}
		for done < begun {
			done += <-replies
			if begun < n {
				begin()
				begun++
			}
		}
		finished <- done
	}()
	done := <-finished
	took := time.Since(began)
	sum := 0
	reply := make(chan int)
	for _, in := range accounts {
		in <- order{kind: balance, teller: reply}
		sum += <-reply
	}
	expect("transfers", n, done)
	expect("sum of balances", count*1000, sum)
	return result{ops: n, took: took}
}

// chameneos: creatures meet in a mall and change colours.

type colour int

const (
	blue colour = iota
	red
	yellow
)

func complement(one, other colour) colour {
	if one == other {
		return one
	}
	return blue + red + yellow - one - other
}

type meeting struct {
	other  chan<- meeting // nil: the other has met us, and this is our new colour
	colour colour
}

func mall(n int, in <-chan meeting) {
	var waiting chan<- meeting
	for meet := range in {
		if n == 0 {
			close(meet.other)
		} else if waiting == nil {
			waiting = meet.other
		} else {
			n--
			waiting <- meet
			waiting = nil
		}
	}
}

func creature(mall chan<- meeting, mine colour, meetings chan<- int) {
	in := make(chan meeting, 1)
	count := 0
	mall <- meeting{in, mine}
	for message := range in {
		count++
		if message.other == nil {
			mine = message.colour
		} else {
			mine = complement(mine, message.colour)
			message.other <- meeting{nil, mine}
		}
		mall <- meeting{in, mine}
	}
	meetings <- count
}

func chameneos(count, n int) result {
	began := time.Now()
	place, meetings := make(chan meeting, count), make(chan int, count)
	go mall(n, place)
	for i := 0; i < count; i++ {
		go creature(place, colour(i%3), meetings)
	}
	sum := 0
	for i := 0; i < count; i++ {
		sum += <-meetings
	}
	took := time.Since(began)
	close(place)
	expect("meetings that creatures counted", 2*n, sum)
	return result{ops: n, took: took}
}

// fib: a tree of goroutines.

func node(n int, parent chan<- int) {
	if n < 2 {
		parent <- n
		return
	}
	values := make(chan int, 2)
	go node(n-1, values)
	go node(n-2, values)
	parent <- <-values + <-values
}

func fib(n int) result {
	a, b := 0, 1
	for i := 0; i < n; i++ {
		a, b = b, a+b
	}
	value := make(chan int, 1)
	began := time.Now()
	go node(n, value)
	got := <-value
	took := time.Since(began)
	expect("fib", a, got)
	return result{ops: 2*b - 1, took: took}
}

// ask-latency: one asker among goroutines that are busy with tokens.

type request struct {
	reply chan<- int // nil: it is a token
}

func busy(in <-chan request, next chan<- request, number int) {
	for message := range in {
		if message.reply == nil {
			next <- message
		} else {
			message.reply <- number
		}
	}
}

func askLatency(size, n int) result {
	members := make([]chan request, size)
	for i := range members {
		members[i] = make(chan request, size+1) // All tokens and an ask: nobody waits to send.
	}
	for i := range members {
		go busy(members[i], members[(i+1)%size], i+1)
	}
	for _, member := range members {
		member <- request{}
	}
	latencies := make([]time.Duration, 0, n)
	total := make(chan int)
	began := time.Now()
	go func() {
		sum := 0
		reply := make(chan int, 1)
		for i := 0; i < n; i++ {
			asked := time.Now()
			members[i%size] <- request{reply}
			sum += <-reply
			latencies = append(latencies, time.Since(asked))
		}
		total <- sum
	}()
	sum := <-total
	took := time.Since(began)
	wanted := 0
	for i := 0; i < n; i++ {
		wanted += i%size + 1
	}
	expect("sum of answers", wanted, sum)
	sort.Slice(latencies, func(i, j int) bool { return latencies[i] < latencies[j] })
	extras := ""
	for _, part := range []struct {
		name string
		of   float64
	}{{"p50_us", 0.5}, {"p99_us", 0.99}, {"p999_us", 0.999}} {
		at := int(float64(n) * part.of)
		if at >= n {
			at = n - 1
		}
		extras += fmt.Sprintf(",\"%s\":%.3f", part.name, float64(latencies[at].Nanoseconds())/1000)
	}
	return result{ops: n, took: took, extras: extras}
}

var benches = map[string]func(n int) result{
	"ping-pong":   pingPong,
	"counting-1":  func(n int) result { return counting(1, n) },
	"counting-8":  func(n int) result { return counting(8, n) },
	"ring":        func(n int) result { return ring(100, n) },
	"spawn":       spawn,
	"spawn-idle":  spawnIdle,
	"big":         func(n int) result { return big(120, n) },
	"bank":        func(n int) result { return bank(1000, 100, n) },
	"chameneos":   func(n int) result { return chameneos(100, n) },
	"fib":         fib,
	"ask-latency": func(n int) result { return askLatency(100, n) },
}

func main() {
	if len(os.Args) != 5 || benches[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go-actors BENCH SCHEDULERS - N")
		os.Exit(1)
	}
	schedulers, bad := strconv.Atoi(os.Args[2])
	n, alsoBad := strconv.Atoi(os.Args[4])
	if bad != nil || alsoBad != nil || schedulers < 1 || n < 1 {
		fmt.Fprintln(os.Stderr, "actors (Go): SCHEDULERS and N are positive numbers")
		os.Exit(1)
	}
	runtime.GOMAXPROCS(schedulers)
	r := benches[os.Args[1]](n)
	fmt.Printf("{\"ops\":%d,\"seconds\":%.9f%s}\n", r.ops, r.took.Seconds(), r.extras)
}
