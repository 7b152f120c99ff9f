//! The contestant that uses aya, as its documentation does.
//!
//! It speaks the protocol of `bench/protocol.ts`, and is started in the directory of the project. What an operation of
//! a row is says `bench/rows.ts`. The library has no batches, no access to variables and arrays through memory, no
//! kprobe_multi, and no way from the name of a kernel symbol to its address but to look at all: there are no such rows.

mod elements;
mod kallsyms;
mod perf;
mod protocol;
mod ring;
mod ring_live;
mod start;
mod walk;

use std::env;

use protocol::{Contestant, Result};

/// Of the library; `Cargo.toml` asks for exactly this one.
const VERSION: &str = "0.14.0";

/// The path of an object file of the benchmark.
fn object(name: &str) -> String {
    format!("bench/bpf/{name}.bpf.o")
}

fn main() -> Result<()> {
    let setups = [elements::ROWS, walk::ROWS, ring::ROWS, ring_live::ROWS, perf::ROWS, start::ROWS, kallsyms::ROWS];
    let mut contestant = Contestant::new(setups.concat());
    let mut arguments = env::args().skip(1);
    let (mut once, mut seconds) = (None, None);
    while let Some(argument) = arguments.next() {
        let value = arguments.next();
        match argument.as_str() {
            "--once" => once = value,
            "--seconds" => seconds = value.map(|text| text.parse()).transpose()?,
            _ => return Err(format!("unknown argument {argument}").into()),
        }
    }
    match once {
        Some(row) => {
            println!("{}", contestant.answer(&row, seconds));
            Ok(())
        }
        None => contestant.serve(VERSION),
    }
}
