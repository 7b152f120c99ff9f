package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

// ring is a ring buffer of ring.bpf.o and a program that fills it.
type ring struct {
	*ringbuf.Reader
	collection *ebpf.Collection
	producer   *ebpf.Program
}

func openRing(mapName, producer string) (*ring, error) {
	collection, err := ebpf.LoadCollection(object("ring"))
	if err != nil {
		return nil, err
	}
	reader, err := ringbuf.NewReader(collection.Maps[mapName])
	if err != nil {
		return nil, err
	}
	return &ring{reader, collection, collection.Programs[producer]}, nil
}

// variable is the value of a global variable.
func (r *ring) variable(name string) (value uint64, err error) {
	err = r.collection.Variables[name].Get(&value)
	return
}

// reset starts to count from 0.
func (r *ring) reset() error {
	return errors.Join(
		r.collection.Variables["next"].Set(uint64(0)),
		r.collection.Variables["dropped"].Set(uint64(0)),
	)
}

// fill makes records, numbered from 0.
func (r *ring) fill(records int) error {
	for {
		if err := r.reset(); err != nil {
			return err
		}
		if _, err := testRun(r.producer, records); err != nil {
			return err
		}
		if dropped, err := r.variable("dropped"); err != nil || dropped != 0 {
			return fmt.Errorf("%d records did not fit: %w", dropped, err)
		}
		if made, err := r.variable("next"); err != nil || made == uint64(records) {
			return err
		}
		// A signal of Go's scheduler came in between, and the library ran the program once too often.
		if err := r.empty(); err != nil {
			return err
		}
	}
}

// empty reads what is there.
func (r *ring) empty() error {
	var record ringbuf.Record
	for r.AvailableBytes() > 0 {
		if err := r.ReadInto(&record); err != nil {
			return err
		}
	}
	return nil
}

// records is a row of records that are in the ring before the clock starts. consume reads so many, and returns the sum
// of their numbers.
func records(mapName, producer string, count int, consume func(r *ring, count int) (uint64, error)) setup {
	return func(time.Duration) (sweep, error) {
		r, err := openRing(mapName, producer)
		if err != nil {
			return nil, err
		}
		return rounds(count, func() (time.Duration, error) {
			if err := r.fill(count); err != nil {
				return 0, err
			}
			start := time.Now()
			sum, err := consume(r, count)
			elapsed := time.Since(start)
			if err != nil {
				return 0, err
			}
			if want := uint64(count) * uint64(count-1) / 2; sum != want || r.AvailableBytes() != 0 {
				return 0, fmt.Errorf("%d records: numbers add up to %d, %d bytes are left", count, sum, r.AvailableBytes())
			}
			return elapsed, nil
		}), nil
	}
}

// drain reads records into a buffer that is used again: the library has no way to read them in place.
func drain(size, count int) setup {
	return records("ring", fmt.Sprint("produce_", size), count, func(r *ring, count int) (uint64, error) {
		var record ringbuf.Record
		numbers, lengths := uint64(0), 0
		for range count {
			if err := r.ReadInto(&record); err != nil {
				return 0, err
			}
			numbers += uint64(binary.NativeEndian.Uint32(record.RawSample))
			lengths += len(record.RawSample)
		}
		if lengths != count*size {
			return 0, fmt.Errorf("lengths add up to %d", lengths)
		}
		return numbers, nil
	})
}

// event is struct event of ring.bpf.c.
type event struct {
	Index uint64
	PID   uint32
	CPU   uint32
	Delta int64
	Comm  [16]byte
}

// decode reads structs, as the examples of the library do.
func decode(r *ring, count int) (uint64, error) {
	var record ringbuf.Record
	var last event
	pids := uint64(0)
	for range count {
		if err := r.ReadInto(&record); err != nil {
			return 0, err
		}
		var event event
		if err := binary.Read(bytes.NewBuffer(record.RawSample), binary.NativeEndian, &event); err != nil {
			return 0, err
		}
		pids += uint64(event.PID)
		last = event
	}
	number := count - 1
	want := event{Index: uint64(number), PID: uint32(number), CPU: uint32(number & 3), Delta: -int64(number)}
	copy(want.Comm[:], "worker-")
	want.Comm[7] = byte('a' + number%26)
	if last != want {
		return 0, fmt.Errorf("the last event is %v", last)
	}
	return pids, nil
}

// read copies each record to memory of its own, and waits when the ring is empty.
func read(r *ring, count int) (uint64, error) {
	numbers := uint64(0)
	for range count {
		record, err := r.Read()
		if err != nil {
			return 0, err
		}
		numbers += uint64(binary.NativeEndian.Uint32(record.RawSample))
	}
	return numbers, nil
}

// ringRows are those of records that are there already.
var ringRows = map[string]setup{
	"ring-drain-8":   drain(8, 60_000),
	"ring-drain-32":  drain(32, 26_000),
	"ring-drain-256": drain(256, 3900),
	"ring-decode":    records("events", "produce_event", 18_000, decode),
	"ring-copy-32":   records("ring", "produce_32", 26_000, read),
	"ring-for-await": records("ring", "produce_32", 1000, read),
}
