// Command cilium is the contestant that uses cilium/ebpf, as its documentation and examples do.
//
// It speaks the protocol of bench/protocol.ts, and is started in the directory of the project. What an operation of
// a row is says bench/rows.ts. The library has no public function that resolves kernel symbols, so there are no rows
// of kallsyms.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

// Default seconds of a long row.
const defaultSeconds = 5

// object is the path of an object file of the benchmark.
func object(name string) string {
	return "bench/bpf/" + name + ".bpf.o"
}

func main() {
	once := flag.String("once", "", "sweep this row once and exit")
	seconds := flag.Float64("seconds", defaultSeconds, "how long a long row takes, with -once")
	flag.Parse()
	contestant := newContestant(elementRows, walkRows, memoryRows, ringRows, ringLiveRows, perfRows, startRows, attachRows)
	var err error
	if *once != "" {
		err = json.NewEncoder(os.Stdout).Encode(contestant.answer(*once, *seconds))
	} else {
		err = contestant.serve(os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
