//! Rows of records that are produced while they are read.

use std::{
    array,
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use libc::{CLOCK_MONOTONIC, clock_gettime, timespec};
use tokio::{io::unix::AsyncFd, runtime::Runtime, time::timeout};

use crate::{
    protocol::{Result, Sample, Setup, Sweep, check},
    ring::{Producer, Ring, open, runtime, waiting},
};

/// Records of a sweep of the row of latency, and the time between them.
const RECORDS: usize = 100;
const PAUSE: Duration = Duration::from_millis(2);
/// Runs of a program per system call of the producer at full rate.
const RUNS: usize = 1000;
/// How long a reader waits before it looks whether there is still a producer.
const PATIENCE: Duration = Duration::from_millis(10);
/// The factor of `produce_checked`.
const CHECKSUM: u64 = 0x1e3779b1;

/// The time that `bpf_ktime_get_ns` returns.
fn monotonic() -> u64 {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is there, and the clock exists on every Linux.
    unsafe { clock_gettime(CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// A word of a record.
fn word(record: &[u8], index: usize) -> u64 {
    u64::from_ne_bytes(array::from_fn(|i| record[index * 8 + i]))
}

/// Reads records until a producer in another thread has made all and `read` has had them.
fn consume(
    runtime: &Runtime,
    ring: &mut AsyncFd<Ring>,
    produce: impl FnOnce() -> std::result::Result<(), String> + Send,
    mut read: impl FnMut(&[u8]),
) -> Result<()> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let producer = scope.spawn(|| {
            let result = produce();
            done.store(true, Ordering::Release);
            result
        });
        runtime.block_on(async {
            loop {
                // Nobody makes a record after this was true.
                let last = done.load(Ordering::Acquire);
                while let Some(record) = ring.get_mut().next() {
                    read(&record);
                }
                if last {
                    return Result::Ok(());
                }
                if let Ok(ready) = timeout(PATIENCE, ring.readable_mut()).await {
                    ready?.clear_ready();
                }
            }
        })?;
        Ok(producer.join().map_err(|_| "the producer failed")??)
    })
}

/// The row of the time from the kernel to the reader.
fn latency() -> Result<Sweep> {
    let (producer, ring) = open("ring", "produce_time")?;
    let runtime = runtime()?;
    let mut ring = waiting(&runtime, ring)?;
    Ok(Box::new(move || {
        let mut times = Vec::with_capacity(RECORDS);
        let produce = || {
            for _ in 0..RECORDS {
                thread::sleep(PAUSE);
                producer.run(1).map_err(|error| error.to_string())?;
            }
            Ok(())
        };
        consume(&runtime, &mut ring, produce, |record| times.push(monotonic() - word(record, 1)))?;
        check(times.len() == RECORDS, || format!("{} records were read", times.len()))?;
        times.sort_unstable();
        let median = Duration::from_nanos(times[RECORDS / 2]);
        let sample = Sample { ops: RECORDS, ..Sample::mean(median, 1) };
        Ok(sample.with("p99", times[RECORDS * 99 / 100] as f64))
    }))
}

/// Whether a record of `produce_checked` is as it was made.
fn is_whole(record: &[u8]) -> bool {
    if record.len() < 16 {
        return false;
    }
    let number = word(record, 0);
    record.len() as u64 == 16 + (number & 7) * 8
        && word(record, 1) == number * CHECKSUM
        && (2..record.len() / 8).all(|index| word(record, index) == number)
}

/// Makes records at full rate.
fn produce_for(producer: &Producer, long: Duration) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < long {
        producer.run(RUNS)?;
    }
    Ok(())
}

/// The row of records at full rate.
fn soak(long: Duration) -> Result<Sweep> {
    let (mut producer, ring) = open("ring", "produce_checked")?;
    let runtime = runtime()?;
    let mut ring = waiting(&runtime, ring)?;
    Ok(Box::new(move || {
        producer.reset()?;
        let (mut received, mut torn) = (0, 0);
        let start = Instant::now();
        let produce = || produce_for(&producer, long).map_err(|error| error.to_string());
        consume(&runtime, &mut ring, produce, |record| {
            received += 1;
            torn += usize::from(!is_whole(record));
        })?;
        let elapsed = start.elapsed();
        let [sent, lost] = producer.counters()?;
        let missing = sent as f64 - received as f64 - lost as f64;
        check(received > 0 && torn == 0 && missing == 0.0, || {
            format!("{sent} sent, {received} received, {lost} lost, {torn} torn")
        })?;
        let extra = BTreeMap::from([
            ("sent", sent as f64),
            ("received", received as f64),
            ("lost", lost as f64),
            ("torn", torn as f64),
            ("missing", missing),
        ]);
        Ok(Sample { extra, ..Sample::mean(elapsed, received) })
    }))
}

pub const ROWS: &[(&str, Setup)] = &[("ring-latency", |_| latency()), ("ring-soak", soak)];
