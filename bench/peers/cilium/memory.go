package main

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
)

// Accesses of a round: some microseconds.
const accessCount = 10_000

// An unsigned number that a variable has.
type unsigned interface{ ~uint32 | ~uint64 }

// variables loads the object with the variables.
func variables() (*ebpf.Collection, error) {
	return ebpf.LoadCollection(object("variables"))
}

// testRun runs a program of type socket_filter and returns what it returned.
func testRun(program *ebpf.Program, repeat int) (uint32, error) {
	// The kernel takes no packet that is shorter than an Ethernet header.
	return program.Run(&ebpf.RunOptions{Data: make([]byte, 64), Repeat: uint32(repeat)})
}

// variableGet is the row of reads of a variable.
func variableGet[T unsigned](name string) setup {
	return func(time.Duration) (sweep, error) {
		collection, err := variables()
		if err != nil {
			return nil, err
		}
		variable := collection.Variables[name]
		const written = 12345
		if err := variable.Set(T(written)); err != nil {
			return nil, err
		}
		return rounds(accessCount, func() (time.Duration, error) {
			var value T
			sum := uint64(0)
			start := time.Now()
			for range accessCount {
				if err := variable.Get(&value); err != nil {
					return 0, err
				}
				sum += uint64(value)
			}
			elapsed := time.Since(start)
			if sum != accessCount*written {
				return 0, fmt.Errorf("%s: values add up to %d", name, sum)
			}
			return elapsed, nil
		}), nil
	}
}

// variableSet is the row of writes to a variable. A program reads the last one.
func variableSet[T unsigned](name string) setup {
	return func(time.Duration) (sweep, error) {
		collection, err := variables()
		if err != nil {
			return nil, err
		}
		variable := collection.Variables[name]
		var next T
		return rounds(accessCount, func() (time.Duration, error) {
			start := time.Now()
			for range accessCount {
				next++
				if err := variable.Set(next); err != nil {
					return 0, err
				}
			}
			elapsed := time.Since(start)
			value, err := testRun(collection.Programs["read_counter"], 1)
			if err == nil && value != uint32(next) {
				err = fmt.Errorf("%s is %d for a program, not %d", name, value, next)
			}
			return elapsed, err
		}), nil
	}
}

// arrayMmapGet reads elements of an array through its memory.
func arrayMmapGet(time.Duration) (sweep, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{
		Name:       "bench",
		Type:       ebpf.Array,
		KeySize:    4,
		ValueSize:  8,
		MaxEntries: elementCount,
		Flags:      1 << 10, // BPF_F_MMAPABLE, which the library has no public name for
	})
	if err != nil {
		return nil, err
	}
	for i, value := range wordValues(elementCount, 8) {
		if err := m.Put(uint32(i), value); err != nil {
			return nil, err
		}
	}
	memory, err := m.Memory()
	if err != nil {
		return nil, err
	}
	return rounds(elementCount, func() (time.Duration, error) {
		value := make([]byte, 8)
		sum := uint64(0)
		start := time.Now()
		for i := range int64(elementCount) {
			if _, err := memory.ReadAt(value, i*8); err != nil {
				return 0, err
			}
			sum += binary.NativeEndian.Uint64(value)
		}
		elapsed := time.Since(start)
		if sum != elementCount*(elementCount+1)/2 {
			return 0, fmt.Errorf("values add up to %d", sum)
		}
		return elapsed, nil
	}), nil
}

// memoryRows are those of memory that is shared with the kernel.
var memoryRows = map[string]setup{
	"variable-get":    variableGet[uint32]("counter"),
	"variable-set":    variableSet[uint32]("counter"),
	"variable-get-64": variableGet[uint64]("total"),
	"variable-set-64": variableSet[uint64]("total"),
	"array-mmap-get":  arrayMmapGet,
}
