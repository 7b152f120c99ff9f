package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// attachCount is how many functions are attached to.
const attachCount = 1000

// traceableFunctions are the first functions that belong to no module and have a name of their own.
func traceableFunctions(count int) ([]string, error) {
	text, err := os.ReadFile("/sys/kernel/tracing/available_filter_functions")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	seen := make(map[string]int)
	for _, line := range lines {
		name, _, _ := strings.Cut(line, " ")
		seen[name]++
	}
	var names []string
	for _, line := range lines {
		// A line without a space has no module. Weak functions that another one overrides have no symbol.
		isOwn := seen[line] == 1 && !strings.HasPrefix(line, "__ftrace_invalid_address__")
		if isOwn && len(names) < count {
			names = append(names, line)
		}
	}
	if len(names) < count {
		return nil, fmt.Errorf("%w: there are %d functions to trace", errUnavailable, len(names))
	}
	return names, nil
}

// attach is the row of one link to many functions.
func attach(time.Duration) (sweep, error) {
	names, err := traceableFunctions(attachCount)
	if err != nil {
		return nil, err
	}
	collection, err := ebpf.LoadCollection(object("attach"))
	if err != nil {
		return nil, err
	}
	return rounds(1, func() (time.Duration, error) {
		start := time.Now()
		multi, err := link.KprobeMulti(collection.Programs["empty"], link.KprobeMultiOptions{Symbols: names})
		elapsed := time.Since(start)
		if err != nil {
			return 0, err
		}
		info, err := multi.Info()
		if err == nil {
			if functions, ok := info.KprobeMulti().Addresses(); ok && len(functions) != attachCount {
				err = fmt.Errorf("%d functions are attached to", len(functions))
			}
		}
		return elapsed, errors.Join(err, multi.Close())
	}), nil
}

// attachRows are those of links.
var attachRows = map[string]setup{"attach-1000": attach}
