package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
)

// Entries that a walk in batches reads per system call.
const batchSize = 4096

// fullHash is a hash that is full, with keys of 4 and values of 8 bytes.
func fullHash(count int) (*ebpf.Map, error) {
	m, err := newMap(ebpf.Hash, 4, 8, uint32(count))
	if err != nil {
		return nil, err
	}
	keys, values := indexKeys(count, 4), wordValues(count, 8)
	for i := range keys {
		if err := m.Put(keys[i], values[i]); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// tally adds up what a walk saw.
type tally struct {
	entries, keys, values uint64
}

func (t *tally) add(key, value []byte) {
	t.entries++
	t.keys += uint64(binary.NativeEndian.Uint32(key))
	t.values += binary.NativeEndian.Uint64(value)
}

// check says whether every element was seen once.
func (t *tally) check(count int) error {
	n := uint64(count)
	if want := (tally{n, n * (n - 1) / 2, n * (n + 1) / 2}); *t != want {
		return fmt.Errorf("a walk saw %v, not %v", *t, want)
	}
	return nil
}

// walkRow is a row of walks over a full hash.
func walkRow(count int, walk func(*ebpf.Map, *tally) error) setup {
	return func(time.Duration) (sweep, error) {
		m, err := fullHash(count)
		if err != nil {
			return nil, err
		}
		return rounds(count, func() (time.Duration, error) {
			var seen tally
			start := time.Now()
			err := walk(m, &seen)
			elapsed := time.Since(start)
			if err == nil {
				err = seen.check(count)
			}
			return elapsed, err
		}), nil
	}
}

// iterate uses the iterator of the library.
func iterate(m *ebpf.Map, seen *tally) error {
	key, value := make([]byte, 4), make([]byte, 8)
	entries := m.Iterate()
	for entries.Next(key, value) {
		seen.add(key, value)
	}
	return entries.Err()
}

// iterateBatches reads many entries per system call.
func iterateBatches(m *ebpf.Map, seen *tally) error {
	size := min(int(m.MaxEntries()), batchSize)
	keys, values := make([][4]byte, size), make([][8]byte, size)
	var cursor ebpf.MapBatchCursor
	for {
		count, err := m.BatchLookup(&cursor, keys, values, nil)
		for i := range count {
			seen.add(keys[i][:], values[i][:])
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// walkRows are those of walks.
var walkRows = map[string]setup{
	"walk-1000":         walkRow(1000, iterate),
	"walk-1000-batch":   walkRow(1000, iterateBatches),
	"walk-100000":       walkRow(100_000, iterate),
	"walk-100000-batch": walkRow(100_000, iterateBatches),
}
