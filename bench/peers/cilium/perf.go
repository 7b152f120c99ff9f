package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"
)

const (
	// Of each CPU, as bench/ours/perf.ts has it.
	perfBytes = 4 << 20
	// What the kernel adds to records of a multiple of 8 bytes.
	perfPadding = 4
)

// perfBuffer is the perf buffer of perf.bpf.o and a program that fills it.
type perfBuffer struct {
	*perf.Reader
	collection *ebpf.Collection
	producer   *ebpf.Program
}

func openPerf(producer string) (*perfBuffer, error) {
	collection, err := ebpf.LoadCollection(object("perf"))
	if err != nil {
		return nil, err
	}
	reader, err := perf.NewReader(collection.Maps["perf"], perfBytes)
	if err != nil {
		return nil, err
	}
	return &perfBuffer{reader, collection, collection.Programs[producer]}, nil
}

// variable is the value of a global variable.
func (p *perfBuffer) variable(name string) (value uint64, err error) {
	err = p.collection.Variables[name].Get(&value)
	return
}

// fill sends records, numbered from 0.
func (p *perfBuffer) fill(records int) error {
	for {
		err := errors.Join(
			p.collection.Variables["next"].Set(uint64(0)),
			p.collection.Variables["dropped"].Set(uint64(0)),
		)
		if err != nil {
			return err
		}
		if _, err := testRun(p.producer, records); err != nil {
			return err
		}
		if dropped, err := p.variable("dropped"); err != nil || dropped != 0 {
			return fmt.Errorf("%d records did not fit: %w", dropped, err)
		}
		made, err := p.variable("next")
		if err != nil || made == uint64(records) {
			return err
		}
		// A signal of Go's scheduler came in between, and the library ran the program once too often.
		var record perf.Record
		for range made {
			if err := p.ReadInto(&record); err != nil {
				return err
			}
		}
	}
}

// perfRecords is a row of records that are there before the clock starts. consume reads one, and returns its first word
// and its length.
func perfRecords(producer string, size, count int, consume func(p *perfBuffer) (uint32, int, error)) setup {
	return func(time.Duration) (sweep, error) {
		p, err := openPerf(producer)
		if err != nil {
			return nil, err
		}
		return rounds(count, func() (time.Duration, error) {
			if err := p.fill(count); err != nil {
				return 0, err
			}
			numbers, lengths := uint64(0), 0
			start := time.Now()
			for range count {
				number, length, err := consume(p)
				if err != nil {
					return 0, err
				}
				numbers += uint64(number)
				lengths += length
			}
			elapsed := time.Since(start)
			if numbers != uint64(count)*uint64(count-1)/2 || lengths != count*(size+perfPadding) {
				return 0, fmt.Errorf("numbers add up to %d, lengths to %d", numbers, lengths)
			}
			return elapsed, nil
		}), nil
	}
}

// perfDrain reads records into a buffer that is used again: the library has no way to read them in place.
func perfDrain(size, count int) setup {
	var record perf.Record
	return perfRecords(fmt.Sprint("produce_", size), size, count, func(p *perfBuffer) (uint32, int, error) {
		if err := p.ReadInto(&record); err != nil {
			return 0, 0, err
		}
		return binary.NativeEndian.Uint32(record.RawSample), len(record.RawSample), nil
	})
}

// perfRead copies each record to memory of its own, and waits when there are none.
func perfRead(count int) setup {
	return perfRecords("produce_32", 32, count, func(p *perfBuffer) (uint32, int, error) {
		record, err := p.Read()
		if err != nil {
			return 0, 0, err
		}
		return binary.NativeEndian.Uint32(record.RawSample), len(record.RawSample), nil
	})
}

// perfLatency is the row of the time from the kernel to the reader.
func perfLatency(time.Duration) (sweep, error) {
	p, err := openPerf("produce_time")
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
				if _, err := testRun(p.producer, 1); err != nil {
					produced <- err
					return
				}
			}
			produced <- nil
		}()
		p.SetDeadline(time.Now().Add(latencyRecords*latencyPause + time.Second))
		var record perf.Record
		times := make([]float64, 0, latencyRecords)
		for range latencyRecords {
			if err := p.ReadInto(&record); err != nil {
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

// perfRows are those of perf buffers.
var perfRows = map[string]setup{
	"perf-drain-8":   perfDrain(8, 60_000),
	"perf-drain-32":  perfDrain(32, 26_000),
	"perf-drain-256": perfDrain(256, 3900),
	"perf-copy-32":   perfRead(26_000),
	"perf-for-await": perfRead(1000),
	"perf-latency":   perfLatency,
}
