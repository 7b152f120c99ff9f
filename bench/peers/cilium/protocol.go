package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/cilium/ebpf"
)

// How long a sweep takes, with what is done between the operations.
const sweepTime = 120 * time.Millisecond

// sample is what a sweep measured.
type sample struct {
	NS    float64            `json:"ns"`
	Ops   int                `json:"ops"`
	Extra map[string]float64 `json:"extra,omitempty"`
}

// A sweep measures a row once and checks what was done.
type sweep func() (*sample, error)

// A setup makes what a row needs, on first use. It takes the time that a long row is to run.
type setup func(long time.Duration) (sweep, error)

// request asks for a sweep.
type request struct {
	Row     string  `json:"row"`
	Seconds float64 `json:"seconds"`
}

// answer is a sample, or the reason for its absence.
type answer struct {
	Row string `json:"row"`
	*sample
	Skip  string `json:"skip,omitempty"`
	Error string `json:"error,omitempty"`
}

// errUnavailable marks rows that cannot be measured on this machine.
var errUnavailable = errors.New("not measured here")

// contestant knows rows, and keeps those that were asked for.
type contestant struct {
	setups map[string]setup
	opened map[string]sweep
}

func newContestant(setups ...map[string]setup) *contestant {
	all := make(map[string]setup)
	for _, each := range setups {
		maps.Copy(all, each)
	}
	return &contestant{setups: all, opened: make(map[string]sweep)}
}

// measure sets the row up if it is new, and sweeps.
func (c *contestant) measure(row string, seconds float64) (*sample, error) {
	run, ok := c.opened[row]
	if !ok {
		open, ok := c.setups[row]
		if !ok {
			return nil, fmt.Errorf("%w: no such row", errUnavailable)
		}
		var err error
		if run, err = open(time.Duration(seconds * float64(time.Second))); err != nil {
			return nil, err
		}
		c.opened[row] = run
	}
	return run()
}

func (c *contestant) answer(row string, seconds float64) answer {
	sample, err := c.measure(row, seconds)
	switch {
	case errors.Is(err, errUnavailable) || errors.Is(err, ebpf.ErrNotSupported):
		return answer{Row: row, Skip: err.Error()}
	case err != nil:
		return answer{Row: row, Error: err.Error()}
	}
	return answer{Row: row, sample: sample}
}

// serve answers requests until there are no more.
func (c *contestant) serve(in io.Reader, out io.Writer) error {
	encoder := json.NewEncoder(out)
	ready := struct {
		Ready   bool     `json:"ready"`
		Rows    []string `json:"rows"`
		Version string   `json:"version"`
	}{true, slices.Sorted(maps.Keys(c.setups)), version()}
	if err := encoder.Encode(ready); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		request := request{Seconds: defaultSeconds}
		if err := json.Unmarshal(lines.Bytes(), &request); err != nil {
			return err
		}
		if err := encoder.Encode(c.answer(request.Row, request.Seconds)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// version is that of the library, without its v.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/cilium/ebpf" {
				return module.Version[1:]
			}
		}
	}
	return "unknown"
}

// rounds makes a sweep of rounds that are alike: each does its operations and returns the time that counts.
func rounds(operations int, round func() (time.Duration, error)) sweep {
	return func() (*sample, error) {
		var counted time.Duration
		ops := 0
		for start := time.Now(); time.Since(start) < sweepTime; ops += operations {
			elapsed, err := round()
			if err != nil {
				return nil, err
			}
			counted += elapsed
		}
		return &sample{NS: float64(counted.Nanoseconds()) / float64(ops), Ops: ops}, nil
	}
}
