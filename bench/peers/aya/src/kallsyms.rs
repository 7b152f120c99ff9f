//! Rows of kernel symbols. The library has a map from addresses to names; a name is found by looking at all of them.

use std::{collections::BTreeMap, time::Instant};

use aya::util::kernel_symbols;

use crate::protocol::{Result, Sample, Setup, Sweep, Unavailable, check, rounds};

type Symbols = BTreeMap<u64, String>;

/// The symbol that an address belongs to, as the documentation of `StackTraceMap` finds it.
fn symbol_of(symbols: &Symbols, address: u64) -> Option<&str> {
    symbols.range(..=address).next_back().map(|(_, name)| name.as_str())
}

fn address_of(symbols: &Symbols, name: &str) -> Option<u64> {
    symbols.iter().find(|(_, each)| *each == name).map(|(address, _)| *address)
}

/// The row of the first address and the first name.
fn first() -> Result<Sweep> {
    // The kernel says where it is in another way first: this must not be timed.
    let text = std::fs::read_to_string("/proc/kallsyms")?;
    let line = text.lines().find(|line| line.ends_with(" T vfs_read"));
    let hexadecimal = line.and_then(|line| line.split(' ').next()).ok_or("/proc/kallsyms lacks vfs_read")?;
    let vfs_read = u64::from_str_radix(hexadecimal, 16)?;
    if vfs_read == 0 {
        return Err(Unavailable("the kernel hides its addresses".into()).into());
    }
    Ok(Box::new(move || {
        let start = Instant::now();
        let symbols = kernel_symbols()?;
        let name = symbol_of(&symbols, vfs_read + 4);
        let vfs_write = address_of(&symbols, "vfs_write");
        let elapsed = start.elapsed();
        check(name == Some("vfs_read") && vfs_write.is_some(), || {
            format!("found {name:?} and {vfs_write:?}")
        })?;
        Ok(Sample::mean(elapsed, 1))
    }))
}

/// The row of further addresses.
fn address() -> Result<Sweep> {
    const COUNT: usize = 1000;
    let symbols = kernel_symbols()?;
    let step = symbols.len() / COUNT;
    // Addresses between two symbols.
    let addresses: Vec<(u64, String)> = symbols
        .iter()
        .zip(symbols.keys().skip(1))
        .step_by(step.max(1))
        .map(|((from, name), to)| (from + (to - from) / 2, name.clone()))
        .take(COUNT)
        .collect();
    check(addresses.len() == COUNT, || format!("there are {} symbols", symbols.len()))?;
    for (address, name) in &addresses {
        check(symbol_of(&symbols, *address) == Some(name), || format!("{address:#x} is not in {name}"))?;
    }
    Ok(rounds(COUNT, move || {
        let mut lengths = 0;
        let start = Instant::now();
        for (address, _) in &addresses {
            lengths += symbol_of(&symbols, *address).map_or(0, str::len);
        }
        let elapsed = start.elapsed();
        let expected = addresses.iter().map(|(_, name)| name.len()).sum::<usize>();
        check(lengths == expected, || format!("lengths add up to {lengths}"))?;
        Ok(elapsed)
    }))
}

pub const ROWS: &[(&str, Setup)] = &[("kallsyms-first", |_| first()), ("kallsyms-addr", |_| address())];
