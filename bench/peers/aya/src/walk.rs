//! Rows of walks over a full hash map.

use std::time::Instant;

use crate::{
    elements::Hash,
    protocol::{Result, Setup, Sweep, check, rounds},
};

fn walk(count: usize) -> Result<Sweep> {
    let hash = Hash::<[u8; 4], [u8; 8]>::full(count)?;
    Ok(rounds(count, move || {
        let (mut entries, mut keys, mut values) = (0, 0, 0);
        let start = Instant::now();
        for entry in &hash.map {
            let (key, value) = entry?;
            entries += 1;
            keys += u64::from(u32::from_ne_bytes(key));
            values += u64::from_ne_bytes(value);
        }
        let elapsed = start.elapsed();
        let n = count as u64;
        let seen = (entries, keys, values);
        check(seen == (n, n * (n - 1) / 2, n * (n + 1) / 2), || format!("a walk saw {seen:?}"))?;
        Ok(elapsed)
    }))
}

pub const ROWS: &[(&str, Setup)] = &[("walk-1000", |_| walk(1000)), ("walk-100000", |_| walk(100_000))];
