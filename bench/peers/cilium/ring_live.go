package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

const (
	// Records of a sweep of the row of latency, and the time between them.
	latencyRecords = 100
	latencyPause   = 2 * time.Millisecond
	// Runs of a program per system call of the producer at full rate.
	soakRuns = 1000
	// The factor of produce_checked.
	checksum = 0x1e3779b1
)

// monotonic is the time that bpf_ktime_get_ns returns.
func monotonic() (uint64, error) {
	var now unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return uint64(now.Nano()), err
}

// latency is the row of the time from the kernel to the reader.
func latency(time.Duration) (sweep, error) {
	r, err := openRing("ring", "produce_time")
	if err != nil {
		return nil, err
	}
	return func() (*sample, error) {
		produced := make(chan error, 1)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for range latencyRecords {
				time.Sleep(latencyPause)
				if _, err := testRun(r.producer, 1); err != nil {
					produced <- err
					return
				}
			}
			produced <- nil
		}()
		// Nobody is to wait for a record that was not made.
		r.SetDeadline(time.Now().Add(latencyRecords*latencyPause + time.Second))
		var record ringbuf.Record
		times := make([]float64, 0, latencyRecords)
		for range latencyRecords {
			if err := r.ReadInto(&record); err != nil {
				return nil, err
			}
			now, err := monotonic()
			if err != nil {
				return nil, err
			}
			times = append(times, float64(now-binary.NativeEndian.Uint64(record.RawSample[8:])))
		}
		if err := <-produced; err != nil {
			return nil, err
		}
		slices.Sort(times)
		extra := map[string]float64{"p99": times[latencyRecords*99/100]}
		return &sample{NS: times[latencyRecords/2], Ops: latencyRecords, Extra: extra}, nil
	}, nil
}

// isWhole says whether a record of produce_checked is as it was made.
func isWhole(record []byte) bool {
	if len(record) < 16 {
		return false
	}
	number := binary.NativeEndian.Uint64(record)
	if uint64(len(record)) != 16+(number&7)*8 || binary.NativeEndian.Uint64(record[8:]) != number*checksum {
		return false
	}
	for rest := record[16:]; len(rest) > 0; rest = rest[8:] {
		if binary.NativeEndian.Uint64(rest) != number {
			return false
		}
	}
	return true
}

// produceFor makes records at full rate.
func (r *ring) produceFor(long time.Duration) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for start := time.Now(); time.Since(start) < long; {
		if _, err := testRun(r.producer, soakRuns); err != nil {
			return err
		}
	}
	return nil
}

// soak is the row of records at full rate.
func soak(long time.Duration) (sweep, error) {
	r, err := openRing("ring", "produce_checked")
	if err != nil {
		return nil, err
	}
	return func() (*sample, error) {
		if err := r.reset(); err != nil {
			return nil, err
		}
		produced := make(chan error, 1)
		start := time.Now()
		go func() {
			err := r.produceFor(long)
			produced <- errors.Join(err, r.Flush())
		}()
		var record ringbuf.Record
		received, torn := 0, 0
		for {
			err := r.ReadInto(&record)
			if errors.Is(err, ringbuf.ErrFlushed) {
				break
			} else if err != nil {
				return nil, err
			}
			received++
			if !isWhole(record.RawSample) {
				torn++
			}
		}
		elapsed := time.Since(start)
		if err := <-produced; err != nil {
			return nil, err
		}
		return r.soaked(elapsed, received, torn)
	}, nil
}

// soaked compares what was received to what was sent.
func (r *ring) soaked(elapsed time.Duration, received, torn int) (*sample, error) {
	sent, err := r.variable("next")
	if err != nil {
		return nil, err
	}
	lost, err := r.variable("dropped")
	if err != nil {
		return nil, err
	}
	missing := int64(sent) - int64(received) - int64(lost)
	if torn != 0 || missing != 0 || received == 0 {
		return nil, fmt.Errorf("%d sent, %d received, %d lost, %d torn", sent, received, lost, torn)
	}
	return &sample{
		NS:  float64(elapsed.Nanoseconds()) / float64(received),
		Ops: received,
		Extra: map[string]float64{
			"sent":     float64(sent),
			"received": float64(received),
			"lost":     float64(lost),
			"torn":     float64(torn),
			"missing":  float64(missing),
		},
	}, nil
}

// ringLiveRows are the rows of records that are produced while they are read.
var ringLiveRows = map[string]setup{
	"ring-latency": latency,
	"ring-soak":    soak,
}
