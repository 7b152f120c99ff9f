package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
)

// Elements that a map has; the value of key i is i + 1.
const elementCount = 1000

// elements are those of a map, with keys and values in the form that a row is about.
type elements struct {
	// lookup returns the first word of the value.
	lookup func(key int) (uint64, error)
	// update gives a key the value that belongs to an index.
	update func(key, value int) error
	remove func(key int) error
}

func newMap(mapType ebpf.MapType, keySize, valueSize, maxEntries uint32) (*ebpf.Map, error) {
	return ebpf.NewMap(&ebpf.MapSpec{
		Name:       "bench",
		Type:       mapType,
		KeySize:    keySize,
		ValueSize:  valueSize,
		MaxEntries: maxEntries,
	})
}

// indexKeys are keys with their index in the first four bytes.
func indexKeys(count, size int) [][]byte {
	keys := make([][]byte, count)
	for i := range keys {
		keys[i] = make([]byte, size)
		binary.NativeEndian.PutUint32(keys[i], uint32(i))
	}
	return keys
}

// wordValues are values whose words are all their index plus one.
func wordValues(count, size int) [][]byte {
	values := make([][]byte, count)
	for i := range values {
		for range size / 8 {
			values[i] = binary.NativeEndian.AppendUint64(values[i], uint64(i+1))
		}
	}
	return values
}

// asBytes passes pointers, the fastest way of the library; a slice of bytes costs some 100 ns more.
func asBytes(mapType ebpf.MapType, keySize, valueSize, maxEntries int) (*elements, error) {
	m, err := newMap(mapType, uint32(keySize), uint32(valueSize), uint32(maxEntries))
	if err != nil {
		return nil, err
	}
	keys, values := indexKeys(maxEntries, keySize), wordValues(maxEntries, valueSize)
	value := make([]byte, valueSize)
	key := func(i int) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(keys[i])) }
	return &elements{
		lookup: func(i int) (uint64, error) {
			err := m.Lookup(key(i), unsafe.Pointer(unsafe.SliceData(value)))
			return binary.NativeEndian.Uint64(value), err
		},
		update: func(i, j int) error { return m.Put(key(i), unsafe.Pointer(unsafe.SliceData(values[j]))) },
		remove: func(i int) error { return m.Delete(key(i)) },
	}, nil
}

// asNumbers passes numbers.
func asNumbers(mapType ebpf.MapType, maxEntries int) (*elements, error) {
	m, err := newMap(mapType, 4, 8, uint32(maxEntries))
	if err != nil {
		return nil, err
	}
	var value uint64
	return &elements{
		lookup: func(i int) (uint64, error) {
			err := m.Lookup(uint32(i), &value)
			return value, err
		},
		update: func(i, j int) error { return m.Put(uint32(i), uint64(j+1)) },
		remove: func(i int) error { return m.Delete(uint32(i)) },
	}, nil
}

// perCPU passes a slice of bytes for each possible CPU, which costs less than arrays of bytes.
func perCPU() (*elements, error) {
	m, err := newMap(ebpf.PerCPUHash, 16, 64, elementCount)
	if err != nil {
		return nil, err
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, err
	}
	keys := indexKeys(elementCount, 16)
	values := make([][][]byte, elementCount)
	for i, value := range wordValues(elementCount, 64) {
		values[i] = slices.Repeat([][]byte{value}, cpus)
	}
	value := make([][]byte, cpus)
	return &elements{
		lookup: func(i int) (uint64, error) {
			if err := m.Lookup(keys[i], value); err != nil {
				return 0, err
			}
			return binary.NativeEndian.Uint64(value[cpus-1][56:]), nil
		},
		update: func(i, j int) error { return m.Put(keys[i], values[j]) },
		remove: func(i int) error { return m.Delete(keys[i]) },
	}, nil
}

// updateAll writes every element, in the time that it returns: each key gets the value of the one that is shift further
// on.
func (e *elements) updateAll(shift int) (time.Duration, error) {
	start := time.Now()
	for i := range elementCount {
		if err := e.update(i, (i+shift)%elementCount); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// check says whether the values are those of updateAll.
func (e *elements) check(shift int) error {
	for i := range elementCount {
		value, err := e.lookup(i)
		if err != nil {
			return err
		}
		if want := uint64((i+shift)%elementCount + 1); value != want {
			return fmt.Errorf("key %d has the value %d, not %d", i, value, want)
		}
	}
	return nil
}

// lookupAll looks every element up, in the time that it returns.
func (e *elements) lookupAll() (time.Duration, error) {
	sum := uint64(0)
	start := time.Now()
	for i := range elementCount {
		value, err := e.lookup(i)
		if err != nil {
			return 0, err
		}
		sum += value
	}
	elapsed := time.Since(start)
	if sum != elementCount*(elementCount+1)/2 {
		return 0, fmt.Errorf("values add up to %d", sum)
	}
	return elapsed, nil
}

// row opens elements, fills them, and makes rounds of them.
func row(open func() (*elements, error), round func(*elements) func() (time.Duration, error)) setup {
	return func(time.Duration) (sweep, error) {
		e, err := open()
		if err != nil {
			return nil, err
		}
		if _, err := e.updateAll(0); err != nil {
			return nil, err
		}
		return rounds(elementCount, round(e)), e.check(0)
	}
}

// get is the row of lookups.
func get(open func() (*elements, error)) setup {
	return row(open, func(e *elements) func() (time.Duration, error) { return e.lookupAll })
}

// set is the row of updates.
func set(open func() (*elements, error)) setup {
	return row(open, func(e *elements) func() (time.Duration, error) {
		shift := 0
		return func() (time.Duration, error) {
			shift = (shift + 1) % elementCount
			elapsed, err := e.updateAll(shift)
			if err != nil {
				return 0, err
			}
			return elapsed, e.check(shift)
		}
	})
}

// updateDelete is the row of updates of keys that are not there, and their deletion.
func updateDelete(open func() (*elements, error)) setup {
	return row(open, func(e *elements) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			start := time.Now()
			for i := elementCount; i < 2*elementCount; i++ {
				if err := e.update(i, i); err != nil {
					return 0, err
				}
				if err := e.remove(i); err != nil {
					return 0, err
				}
			}
			elapsed := time.Since(start)
			if _, err := e.lookup(2*elementCount - 1); !errors.Is(err, ebpf.ErrKeyNotExist) {
				return 0, fmt.Errorf("a deleted element was found: %v", err)
			}
			return elapsed, nil
		}
	})
}

func bytesOf(mapType ebpf.MapType, keySize, valueSize, maxEntries int) func() (*elements, error) {
	return func() (*elements, error) { return asBytes(mapType, keySize, valueSize, maxEntries) }
}

func numbersOf(mapType ebpf.MapType, maxEntries int) func() (*elements, error) {
	return func() (*elements, error) { return asNumbers(mapType, maxEntries) }
}

// elementRows are those of single elements.
var elementRows = map[string]setup{
	"hash-get":                 get(bytesOf(ebpf.Hash, 4, 8, elementCount)),
	"hash-set":                 set(bytesOf(ebpf.Hash, 4, 8, elementCount)),
	"hash-update-delete":       updateDelete(bytesOf(ebpf.Hash, 4, 8, 2*elementCount)),
	"array-get":                get(bytesOf(ebpf.Array, 4, 8, elementCount)),
	"array-set":                set(bytesOf(ebpf.Array, 4, 8, elementCount)),
	"hash-get-typed":           get(numbersOf(ebpf.Hash, elementCount)),
	"hash-set-typed":           set(numbersOf(ebpf.Hash, elementCount)),
	"hash-update-delete-typed": updateDelete(numbersOf(ebpf.Hash, 2*elementCount)),
	"array-get-typed":          get(numbersOf(ebpf.Array, elementCount)),
	"array-set-typed":          set(numbersOf(ebpf.Array, elementCount)),
	"hash-get-16-64":           get(bytesOf(ebpf.Hash, 16, 64, elementCount)),
	"hash-set-16-64":           set(bytesOf(ebpf.Hash, 16, 64, elementCount)),
	"percpu-get":               get(perCPU),
	"percpu-set":               set(perCPU),
}
