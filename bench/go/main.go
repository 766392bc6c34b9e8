// The answers of goroutines: `go QUESTION WORKERS SIZE` prints the figures.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func main() {
	question := os.Args[1]
	workers, _ := strconv.Atoi(os.Args[2])
	size, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	switch question {
	case "echo_server":
		echoServer(size)
	case "http_server":
		httpServer()
	case "yield_1":
		yields(1, size)
	case "yield_10":
		yields(10, size)
	case "yield_1000":
		yields(1000, size)
	case "spawn_seq":
		spawn(size, 1)
	case "spawn_batch":
		spawn(size, 1000)
	case "skynet":
		start := time.Now()
		sum := skynet(0, size)
		if sum != size*(size-1)/2 {
			panic("a wrong sum")
		}
		fmt.Println(ms(time.Since(start)))
	case "imbalance":
		imbalance(size)
	case "parked":
		parked(size)
	case "timers":
		timers(size)
	case "idle":
		idle(size)
	case "pingpong_0":
		pingpong(0, size)
	case "pingpong_1":
		pingpong(1, size)
	case "mpmc":
		mpmc(size)
	case "mutex_1":
		mutex(1, size)
	case "mutex_2":
		mutex(2, size)
	case "mutex_64":
		mutex(64, size)
	case "select_2":
		select2(size)
	case "select_64":
		select64(size)
	default:
		fmt.Fprintln(os.Stderr, "there is no question", question)
		os.Exit(2)
	}
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

func each(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / float64(n) }

func yields(tasks, total int) {
	var group sync.WaitGroup
	start := time.Now()
	for i := 0; i < tasks; i++ {
		group.Add(1)
		go func() {
			for n := 0; n < total/tasks; n++ {
				runtime.Gosched()
			}
			group.Done()
		}()
	}
	group.Wait()
	fmt.Println(each(time.Since(start), total/tasks*tasks))
}

func spawn(tasks, batch int) {
	start := time.Now()
	done := make(chan struct{}, batch)
	for n := 0; n < tasks/batch; n++ {
		for i := 0; i < batch; i++ {
			go func() { done <- struct{}{} }()
		}
		for i := 0; i < batch; i++ {
			<-done
		}
	}
	fmt.Println(each(time.Since(start), tasks/batch*batch))
}

func skynet(first, leaves int) int {
	if leaves == 1 {
		return first
	}
	sums := make(chan int, 10)
	part := leaves / 10
	for i := 0; i < 10; i++ {
		from := first + i*part
		go func() { sums <- skynet(from, part) }()
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-sums
	}
	return sum
}

var sink uint64

//go:noinline
func work() uint64 {
	sum := uint64(1)
	for n := uint64(0); n < 16000; n++ {
		sum = sum*31 ^ n
	}
	return sum
}

func imbalance(tasks int) {
	start := time.Now()
	for i := 0; i < tasks/10; i++ {
		sink += work()
	}
	alone := ms(time.Since(start)) * 10
	results := make(chan uint64, tasks)
	start = time.Now()
	for i := 0; i < tasks; i++ {
		go func() { results <- work() }()
	}
	for i := 0; i < tasks; i++ {
		sink += <-results
	}
	total := ms(time.Since(start))
	fmt.Println(total, total/(alone/2))
}

func resident() int {
	text, _ := os.ReadFile("/proc/self/statm")
	var all, pages int
	fmt.Sscan(string(text), &all, &pages)
	return pages * 4096
}

func parked(tasks int) {
	before := resident()
	never := make(chan struct{})
	var started sync.WaitGroup
	start := time.Now()
	for i := 0; i < tasks; i++ {
		started.Add(1)
		go func() {
			started.Done()
			<-never
		}()
	}
	started.Wait()
	created := time.Since(start)
	bytes := resident() - before
	end := time.Now()
	close(never)
	fmt.Println(float64(bytes)/float64(tasks), each(created, tasks), each(time.Since(end), tasks))
}

func cpu() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func timers(tasks int) {
	var lock sync.Mutex
	open := false
	late := make([]time.Duration, 0, 1000000)
	for i := 0; i < tasks; i++ {
		go func(seed int64) {
			random := rand.New(rand.NewSource(seed))
			for {
				sleep := time.Duration(1000+random.Intn(999000)) * time.Microsecond
				deadline := time.Now().Add(sleep)
				time.Sleep(sleep)
				behind := time.Since(deadline)
				lock.Lock()
				if open {
					late = append(late, behind)
				}
				lock.Unlock()
			}
		}(int64(i))
	}
	time.Sleep(1500 * time.Millisecond)
	lock.Lock()
	open = true
	lock.Unlock()
	before := cpu()
	time.Sleep(3 * time.Second)
	lock.Lock()
	used := cpu() - before
	sort.Slice(late, func(i, j int) bool { return late[i] < late[j] })
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	fmt.Println(us(used)/float64(len(late)), us(late[len(late)/2]), us(late[len(late)*99/100]))
	os.Exit(0)
}

func idle(tasks int) {
	never := make(chan struct{})
	for i := 0; i < tasks; i++ {
		go func() { <-never }()
	}
	time.Sleep(200 * time.Millisecond)
	before := cpu()
	time.Sleep(4 * time.Second)
	fmt.Println(ms(cpu()-before) / 4)
}

func pingpong(capacity, trips int) {
	pings, pongs := make(chan int, capacity), make(chan int, capacity)
	go func() {
		for ping := range pings {
			pongs <- ping
		}
	}()
	start := time.Now()
	for trip := 0; trip < trips; trip++ {
		pings <- trip
		if <-pongs != trip {
			panic("another answer")
		}
	}
	fmt.Println(each(time.Since(start), trips))
}

func mpmc(messages int) {
	const ends = 4
	channel := make(chan uint64, 1024)
	var senders sync.WaitGroup
	counts := make(chan int, ends)
	start := time.Now()
	for i := 0; i < ends; i++ {
		go func() {
			count := 0
			for range channel {
				count++
			}
			counts <- count
		}()
		senders.Add(1)
		go func() {
			for n := 0; n < messages/ends; n++ {
				channel <- uint64(n)
			}
			senders.Done()
		}()
	}
	senders.Wait()
	close(channel)
	received := 0
	for i := 0; i < ends; i++ {
		received += <-counts
	}
	if received != messages {
		panic("messages were lost or doubled")
	}
	fmt.Println(each(time.Since(start), messages))
}

func mutex(contenders, locks int) {
	var lock sync.Mutex
	var group sync.WaitGroup
	counter := 0
	start := time.Now()
	for i := 0; i < contenders; i++ {
		group.Add(1)
		go func() {
			for n := 0; n < locks/contenders; n++ {
				lock.Lock()
				counter++
				lock.Unlock()
			}
			group.Done()
		}()
	}
	group.Wait()
	fmt.Println(each(time.Since(start), counter))
}

func drive(channels []chan int, answers chan int, rounds int) {
	random := rand.New(rand.NewSource(1))
	start := time.Now()
	for round := 0; round < rounds; round++ {
		channels[random.Intn(len(channels))] <- round
		if <-answers != round {
			panic("another answer")
		}
	}
	fmt.Println(each(time.Since(start), rounds))
}

func makeChannels(count int) []chan int {
	channels := make([]chan int, count)
	for i := range channels {
		channels[i] = make(chan int, 1)
	}
	return channels
}

func select2(rounds int) {
	channels, answers := makeChannels(2), make(chan int, 1)
	go func() {
		for {
			select {
			case round := <-channels[0]:
				answers <- round
			case round := <-channels[1]:
				answers <- round
			}
		}
	}()
	drive(channels, answers, rounds)
}

func select64(rounds int) {
	channels, answers := makeChannels(64), make(chan int, 1)
	cases := make([]reflect.SelectCase, len(channels))
	for i, channel := range channels {
		cases[i] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(channel)}
	}
	go func() {
		for {
			_, round, _ := reflect.Select(cases)
			answers <- int(round.Int())
		}
	}()
	drive(channels, answers, rounds)
}
