package main

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// heap is how many bytes are in use.
func heap() float64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

// btfFind finds a type of the kernel.
func btfFind(time.Duration) (sweep, error) {
	return func() (*sample, error) {
		before := heap()
		start := time.Now()
		kernel, err := btf.LoadKernelSpec()
		if err != nil {
			return nil, err
		}
		var task *btf.Struct
		if err := kernel.TypeByName("task_struct", &task); err != nil {
			return nil, err
		}
		elapsed := time.Since(start)
		extra := map[string]float64{"heap": heap() - before}
		runtime.KeepAlive(kernel)
		if task.Name != "task_struct" || len(task.Members) < 100 {
			return nil, fmt.Errorf("task_struct has %d members", len(task.Members))
		}
		return &sample{NS: float64(elapsed.Nanoseconds()), Ops: 1, Extra: extra}, nil
	}, nil
}

// loadObject loads the programs of an object and closes them. With a cache, it keeps the types of the kernel.
func loadObject(count int, cache *btf.Cache) (time.Duration, error) {
	start := time.Now()
	spec, err := ebpf.LoadCollectionSpec(object(fmt.Sprint("load-", count)))
	if err != nil {
		return 0, err
	}
	collection, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: cache})
	if err != nil {
		return 0, err
	}
	loaded := len(collection.Programs)
	collection.Close()
	elapsed := time.Since(start)
	if loaded != count {
		return 0, fmt.Errorf("%d programs were loaded, not %d", loaded, count)
	}
	return elapsed, nil
}

// loadFirst is the row of the first time in a process.
func loadFirst(count int) setup {
	return func(time.Duration) (sweep, error) {
		return func() (*sample, error) {
			elapsed, err := loadObject(count, nil)
			return &sample{NS: float64(elapsed.Nanoseconds()), Ops: 1}, err
		}, nil
	}
}

// loadWarm is the row of further times, with a cache.
func loadWarm(count int) setup {
	return func(time.Duration) (sweep, error) {
		cache := btf.NewCache()
		_, err := loadObject(count, cache)
		return rounds(1, func() (time.Duration, error) { return loadObject(count, cache) }), err
	}
}

// residentMemory is that of the process, in bytes.
func residentMemory() (float64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var size, resident int
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0, err
	}
	return float64(resident * os.Getpagesize()), nil
}

// cycles loads an object 1000 times, and looks at the memory after the first 200.
func cycles(time.Duration) (sweep, error) {
	const count, first = 1000, 200
	return func() (*sample, error) {
		cache := btf.NewCache()
		var counted time.Duration
		var heapBefore, residentBefore float64
		for i := range count {
			if i == first {
				heapBefore = heap()
				var err error
				if residentBefore, err = residentMemory(); err != nil {
					return nil, err
				}
			}
			elapsed, err := loadObject(10, cache)
			if err != nil {
				return nil, err
			}
			counted += elapsed
		}
		heapGrowth := heap() - heapBefore
		resident, err := residentMemory()
		if err != nil {
			return nil, err
		}
		extra := map[string]float64{"heapGrowth": heapGrowth, "rssGrowth": resident - residentBefore}
		return &sample{NS: float64(counted.Nanoseconds()) / count, Ops: count, Extra: extra}, nil
	}, nil
}

// startRows are those of what a tool does when it starts.
var startRows = map[string]setup{
	"btf-find":     btfFind,
	"load-10":      loadFirst(10),
	"load-30":      loadFirst(30),
	"load-10-warm": loadWarm(10),
	"load-30-warm": loadWarm(30),
	"cycles-1000":  cycles,
}
