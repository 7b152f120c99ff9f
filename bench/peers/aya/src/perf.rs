//! Rows of perf buffers.

use std::{hint::black_box, time::Instant};

use aya::{
    maps::{
        MapData, PerfEventArray,
        perf::{PerfEvent, PerfEventArrayBuffer},
    },
    util::online_cpus,
};

use crate::{
    protocol::{Result, Setup, Sweep, check, rounds},
    ring::{Producer, check_numbers, first_word, open_map},
};

/// Of each CPU, as `bench/ours/perf.ts` has it.
const PAGES: usize = 1024;
/// What the kernel adds to records of a multiple of 8 bytes.
const PADDING: usize = 4;

type Buffers = Vec<PerfEventArrayBuffer<MapData>>;

fn open(program: &'static str) -> Result<(Producer, PerfEventArray<MapData>, Buffers)> {
    let (producer, map) = open_map("perf", "perf", program)?;
    let mut array = PerfEventArray::try_from(map)?;
    let buffers = online_cpus()
        .map_err(|(_, error)| error)?
        .into_iter()
        .map(|cpu| Ok(array.open(cpu, Some(PAGES))?))
        .collect::<Result<Buffers>>()?;
    Ok((producer, array, buffers))
}

/// A row of records: `consume` reads one in two pieces, and returns its number.
fn records(
    program: &'static str,
    size: usize,
    count: usize,
    mut consume: impl FnMut(&[u8], &[u8]) -> u64 + 'static,
) -> Result<Sweep> {
    let (mut producer, array, mut buffers) = open(program)?;
    Ok(rounds(count, move || {
        let _keep = &array;
        producer.fill(count)?;
        let (mut numbers, mut lengths) = (0, 0);
        let start = Instant::now();
        for buffer in &mut buffers {
            buffer.for_each(|event| {
                if let PerfEvent::Sample { head, tail } = event {
                    numbers += consume(head, tail);
                    lengths += head.len() + tail.len();
                }
            });
        }
        let elapsed = start.elapsed();
        check(lengths == count * (size + PADDING), || format!("lengths add up to {lengths}"))?;
        check_numbers(count, numbers)?;
        Ok(elapsed)
    }))
}

/// The number of a record. The first piece is too short for it now and then.
fn number(head: &[u8], tail: &[u8]) -> u64 {
    first_word(head).or_else(|_| first_word(&[head, tail].concat())).unwrap_or(0)
}

/// Reads records in place.
fn drain(program: &'static str, size: usize, count: usize) -> Result<Sweep> {
    records(program, size, count, number)
}

/// Copies each record to memory of its own.
fn copy() -> Result<Sweep> {
    records("produce_32", 32, 26_000, |head, tail| number(&black_box([head, tail].concat()), &[]))
}

pub const ROWS: &[(&str, Setup)] = &[
    ("perf-drain-8", |_| drain("produce_8", 8, 60_000)),
    ("perf-drain-32", |_| drain("produce_32", 32, 26_000)),
    ("perf-drain-256", |_| drain("produce_256", 256, 3900)),
    ("perf-copy-32", |_| copy()),
];
