//! Rows of records that are in the ring before the clock starts.

use std::{
    hint::black_box,
    ptr,
    time::{Duration, Instant},
};

use aya::{
    Ebpf,
    maps::{Array, Map, MapData, RingBuf},
    programs::{SocketFilter, TestRun, TestRunOptions},
};
use tokio::{
    io::unix::AsyncFd,
    runtime::{Builder, Runtime},
};

use crate::{
    object,
    protocol::{Result, Setup, Sweep, check, rounds},
};

/// A ring buffer of `ring.bpf.o`.
pub type Ring = RingBuf<MapData>;

/// The variables of the program: how many records it tried to make, and how many of them did not fit.
type Counters = [u64; 2];

/// A program that makes records.
pub struct Producer {
    ebpf: Ebpf,
    name: &'static str,
    counters: Array<MapData, Counters>,
}

/// Opens a ring and loads a program that fills it.
pub fn open(map: &str, program: &'static str) -> Result<(Producer, Ring)> {
    let (producer, map) = open_map("ring", map, program)?;
    Ok((producer, RingBuf::try_from(map)?))
}

/// Takes a map of an object and loads a program that fills it.
pub fn open_map(file: &str, map: &str, program: &'static str) -> Result<(Producer, Map)> {
    let mut ebpf = Ebpf::load_file(object(file))?;
    let filter: &mut SocketFilter = ebpf.program_mut(program).ok_or("no such program")?.try_into()?;
    filter.load()?;
    let map = ebpf.take_map(map).ok_or("no such map")?;
    let counters = Array::try_from(ebpf.take_map(".bss").ok_or("no variables")?)?;
    Ok((Producer { ebpf, name: program, counters }, map))
}

impl Producer {
    /// Makes records in one system call.
    pub fn run(&self, records: usize) -> Result<()> {
        let filter: &SocketFilter = self.ebpf.program(self.name).ok_or("no such program")?.try_into()?;
        // The kernel takes no packet that is shorter than an Ethernet header.
        let packet = [0; 64];
        filter.test_run(TestRunOptions {
            data_in: Some(&packet),
            repeat: records as u32,
            ..TestRunOptions::default()
        })?;
        Ok(())
    }

    /// Starts to count from 0.
    pub fn reset(&mut self) -> Result<()> {
        Ok(self.counters.set(0, Counters::default(), 0)?)
    }

    pub fn counters(&self) -> Result<Counters> {
        Ok(self.counters.get(&0, 0)?)
    }

    /// Makes records, numbered from 0.
    pub fn fill(&mut self, records: usize) -> Result<()> {
        self.reset()?;
        self.run(records)?;
        let counters = self.counters()?;
        check(counters == [records as u64, 0], || format!("{counters:?} records were made and lost"))
    }
}

/// Says whether records have the numbers from 0.
pub fn check_numbers(count: usize, sum: u64) -> Result<()> {
    check(sum == (count * (count - 1) / 2) as u64, || format!("numbers add up to {sum}"))
}

/// A row of records: `consume` reads all and returns the sum of their numbers.
fn records(
    map: &str,
    program: &'static str,
    count: usize,
    consume: impl Fn(&mut Ring) -> Result<u64> + 'static,
) -> Result<Sweep> {
    let (mut producer, mut ring) = open(map, program)?;
    Ok(rounds(count, move || {
        producer.fill(count)?;
        let start = Instant::now();
        let sum = consume(&mut ring)?;
        let elapsed = start.elapsed();
        check_numbers(count, sum)?;
        Ok(elapsed)
    }))
}

pub fn first_word(record: &[u8]) -> Result<u64> {
    let word = record.first_chunk().ok_or("a record is too short")?;
    Ok(u64::from(u32::from_ne_bytes(*word)))
}

/// Reads records in place.
fn drain(program: &'static str, size: usize, count: usize) -> Result<Sweep> {
    records("ring", program, count, move |ring| {
        let (mut numbers, mut lengths) = (0, 0);
        while let Some(record) = ring.next() {
            numbers += first_word(&record)?;
            lengths += record.len();
        }
        check(lengths == count * size, || format!("lengths add up to {lengths}"))?;
        Ok(numbers)
    })
}

/// `struct event` of `ring.bpf.c`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
struct Event {
    index: u64,
    pid: u32,
    cpu: u32,
    delta: i64,
    comm: [u8; 16],
}

impl Event {
    /// What the program makes.
    fn numbered(index: u64) -> Self {
        let mut comm = *b"worker-\0\0\0\0\0\0\0\0\0";
        comm[7] = b'a' + (index % 26) as u8;
        Self { index, pid: index as u32, cpu: index as u32 & 3, delta: -(index as i64), comm }
    }
}

/// Copies each record to a struct.
fn decode() -> Result<Sweep> {
    const COUNT: usize = 18_000;
    records("events", "produce_event", COUNT, |ring| {
        let mut pids = 0;
        let mut last = Event::default();
        while let Some(record) = ring.next() {
            if record.len() < size_of::<Event>() {
                return Err("a record is too short".into());
            }
            // SAFETY: the record is long enough, and each pattern of bits is an event.
            last = black_box(unsafe { ptr::read_unaligned(record.as_ptr().cast::<Event>()) });
            pids += u64::from(last.pid);
        }
        check(last == Event::numbered(COUNT as u64 - 1), || format!("the last event is {last:?}"))?;
        Ok(pids)
    })
}

/// Copies each record to memory of its own.
fn copy() -> Result<Sweep> {
    records("ring", "produce_32", 26_000, |ring| {
        let mut numbers = 0;
        while let Some(record) = ring.next() {
            numbers += first_word(&black_box(record.to_vec()))?;
        }
        Ok(numbers)
    })
}

/// What the documentation uses to wait for records.
pub fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// A ring whose records can be waited for.
pub fn waiting(runtime: &Runtime, ring: Ring) -> Result<AsyncFd<Ring>> {
    let _context = runtime.enter();
    // SAFETY: the ring owns its descriptor and returns the same one until it is dropped.
    Ok(unsafe { AsyncFd::register(ring) }?)
}

/// Waits for records, and reads all that are there.
async fn next_burst(ring: &mut AsyncFd<Ring>) -> Result<(usize, u64)> {
    let mut guard = ring.readable_mut().await?;
    let (mut count, mut numbers) = (0, 0);
    while let Some(record) = guard.get_inner_mut().next() {
        count += 1;
        numbers += first_word(&record)?;
    }
    guard.clear_ready();
    Ok((count, numbers))
}

/// The waiting loop.
fn wait() -> Result<Sweep> {
    const BURST: usize = 1000;
    let (mut producer, ring) = open("ring", "produce_32")?;
    let runtime = runtime()?;
    let mut ring = waiting(&runtime, ring)?;
    Ok(rounds(BURST, move || -> Result<Duration> {
        producer.fill(BURST)?;
        let start = Instant::now();
        let sum = runtime.block_on(async {
            let (mut count, mut sum) = (0, 0);
            while count < BURST {
                let (more, numbers) = next_burst(&mut ring).await?;
                count += more;
                sum += numbers;
            }
            Result::Ok(sum)
        })?;
        let elapsed = start.elapsed();
        check_numbers(BURST, sum)?;
        Ok(elapsed)
    }))
}

pub const ROWS: &[(&str, Setup)] = &[
    ("ring-drain-8", |_| drain("produce_8", 8, 60_000)),
    ("ring-drain-32", |_| drain("produce_32", 32, 26_000)),
    ("ring-drain-256", |_| drain("produce_256", 256, 3900)),
    ("ring-decode", |_| decode()),
    ("ring-copy-32", |_| copy()),
    ("ring-for-await", |_| wait()),
];
