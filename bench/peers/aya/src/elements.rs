//! Rows of single elements.

use std::{
    array,
    time::{Duration, Instant},
};

use aya::{
    Pod,
    maps::{Array, HashMap, MapData, MapError, PerCpuHashMap, PerCpuValues},
    util::nr_cpus,
};

use crate::protocol::{Result, Setup, Sweep, check, rounds};

/// Elements that a map has; the value of key i is i + 1.
pub const COUNT: usize = 1000;

/// A map, with keys and values in the form that a row is about.
trait Elements {
    /// Makes values that updates of all consume. It is not timed.
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }
    /// Returns the first word of the value.
    fn lookup(&self, key: usize) -> std::result::Result<u64, MapError>;
    /// Gives a key the value that belongs to an index.
    fn update(&mut self, key: usize, value: usize) -> std::result::Result<(), MapError>;

    /// Writes every element, in the time that it returns: each key gets the value of the one that is `shift` further on.
    fn update_all(&mut self, shift: usize) -> Result<Duration> {
        self.prepare()?;
        let start = Instant::now();
        for index in 0..COUNT {
            self.update(index, (index + shift) % COUNT)?;
        }
        Ok(start.elapsed())
    }

    /// Looks every element up, in the time that it returns.
    fn lookup_all(&self) -> Result<Duration> {
        let mut sum = 0;
        let start = Instant::now();
        for index in 0..COUNT {
            sum += self.lookup(index)?;
        }
        let elapsed = start.elapsed();
        check(sum == (COUNT * (COUNT + 1) / 2) as u64, || format!("values add up to {sum}"))?;
        Ok(elapsed)
    }

    /// Says whether the values are those of `update_all`.
    fn check_all(&self, shift: usize) -> Result<()> {
        for index in 0..COUNT {
            let value = self.lookup(index)?;
            check(value == ((index + shift) % COUNT + 1) as u64, || {
                format!("key {index} has the value {value}")
            })?;
        }
        Ok(())
    }
}

/// A type of keys.
pub trait Key: Pod {
    fn of(index: usize) -> Self;
}

/// A type of values.
pub trait Value: Pod {
    fn of(index: usize) -> Self;
    fn first_word(&self) -> u64;
}

impl Key for u32 {
    fn of(index: usize) -> Self {
        index as u32
    }
}

/// The index, then zeros.
impl<const SIZE: usize> Key for [u8; SIZE] {
    fn of(index: usize) -> Self {
        let mut key = [0; SIZE];
        key[..4].copy_from_slice(&(index as u32).to_ne_bytes());
        key
    }
}

impl Value for u64 {
    fn of(index: usize) -> Self {
        index as u64 + 1
    }
    fn first_word(&self) -> u64 {
        *self
    }
}

/// Words that are all the same.
impl<const SIZE: usize> Value for [u8; SIZE] {
    fn of(index: usize) -> Self {
        let word = (index as u64 + 1).to_ne_bytes();
        array::from_fn(|i| word[i % 8])
    }
    fn first_word(&self) -> u64 {
        u64::from_ne_bytes(array::from_fn(|i| self[i]))
    }
}

/// A hash map.
pub struct Hash<K: Key, V: Value> {
    pub map: HashMap<MapData, K, V>,
    keys: Vec<K>,
    values: Vec<V>,
}

impl<K: Key, V: Value> Hash<K, V> {
    pub fn new(max_entries: usize) -> Result<Self> {
        Ok(Self {
            map: HashMap::create(max_entries as u32, 0)?,
            keys: (0..max_entries).map(K::of).collect(),
            values: (0..max_entries).map(V::of).collect(),
        })
    }

    /// A map that is full.
    pub fn full(max_entries: usize) -> Result<Self> {
        let mut hash = Self::new(max_entries)?;
        for index in 0..max_entries {
            hash.update(index, index)?;
        }
        Ok(hash)
    }
}

impl<K: Key, V: Value> Elements for Hash<K, V> {
    fn lookup(&self, key: usize) -> std::result::Result<u64, MapError> {
        Ok(self.map.get(&self.keys[key], 0)?.first_word())
    }
    fn update(&mut self, key: usize, value: usize) -> std::result::Result<(), MapError> {
        self.map.insert(self.keys[key], self.values[value], 0)
    }
}

struct Indexed<V: Value> {
    map: Array<MapData, V>,
    values: Vec<V>,
}

impl<V: Value> Indexed<V> {
    fn new() -> Result<Self> {
        let map = Array::create(COUNT as u32, 0)?;
        Ok(Self { map, values: (0..COUNT).map(V::of).collect() })
    }
}

impl<V: Value> Elements for Indexed<V> {
    fn lookup(&self, key: usize) -> std::result::Result<u64, MapError> {
        Ok(self.map.get(&(key as u32), 0)?.first_word())
    }
    fn update(&mut self, key: usize, value: usize) -> std::result::Result<(), MapError> {
        self.map.set(key as u32, self.values[value], 0)
    }
}

type Large = [u8; 64];

/// A hash map with a value for each possible CPU. An update consumes its values.
struct PerCpu {
    map: PerCpuHashMap<MapData, [u8; 16], Large>,
    keys: Vec<[u8; 16]>,
    values: Vec<Option<PerCpuValues<Large>>>,
    cpus: usize,
}

impl PerCpu {
    fn new() -> Result<Self> {
        Ok(Self {
            map: PerCpuHashMap::create(COUNT as u32, 0)?,
            keys: (0..COUNT).map(Key::of).collect(),
            values: Vec::new(),
            cpus: nr_cpus().map_err(|(path, error)| format!("{path}: {error}"))?,
        })
    }
}

impl Elements for PerCpu {
    fn prepare(&mut self) -> Result<()> {
        let values_of =
            |index| PerCpuValues::try_from(vec![<Large as Value>::of(index); self.cpus]).map(Some);
        self.values = (0..COUNT).map(values_of).collect::<std::result::Result<_, _>>()?;
        Ok(())
    }
    fn lookup(&self, key: usize) -> std::result::Result<u64, MapError> {
        Ok(self.map.get(&self.keys[key], 0)?[self.cpus - 1].first_word())
    }
    fn update(&mut self, key: usize, value: usize) -> std::result::Result<(), MapError> {
        let values = self.values[value].take().ok_or(MapError::ElementNotFound)?;
        self.map.insert(self.keys[key], values, 0)
    }
}

/// The row of lookups.
fn get(mut elements: impl Elements + 'static) -> Result<Sweep> {
    elements.update_all(0)?;
    elements.check_all(0)?;
    Ok(rounds(COUNT, move || elements.lookup_all()))
}

/// The row of updates.
fn set(mut elements: impl Elements + 'static) -> Result<Sweep> {
    elements.update_all(0)?;
    let mut shift = 0;
    Ok(rounds(COUNT, move || {
        shift = (shift + 1) % COUNT;
        let elapsed = elements.update_all(shift)?;
        elements.check_all(shift)?;
        Ok(elapsed)
    }))
}

/// The row of updates of keys that are not there, and their deletion.
fn update_delete<K: Key, V: Value>() -> Result<Sweep> {
    let mut hash = Hash::<K, V>::new(2 * COUNT)?;
    hash.update_all(0)?;
    Ok(rounds(COUNT, move || {
        let start = Instant::now();
        for index in COUNT..2 * COUNT {
            hash.update(index, index)?;
            hash.map.remove(&hash.keys[index])?;
        }
        let elapsed = start.elapsed();
        let found = hash.lookup(2 * COUNT - 1);
        check(matches!(found, Err(MapError::KeyNotFound)), || "a deleted element was found".into())?;
        Ok(elapsed)
    }))
}

pub const ROWS: &[(&str, Setup)] = &[
    ("hash-get", |_| get(Hash::<[u8; 4], [u8; 8]>::new(COUNT)?)),
    ("hash-set", |_| set(Hash::<[u8; 4], [u8; 8]>::new(COUNT)?)),
    ("hash-update-delete", |_| update_delete::<[u8; 4], [u8; 8]>()),
    ("array-get", |_| get(Indexed::<[u8; 8]>::new()?)),
    ("array-set", |_| set(Indexed::<[u8; 8]>::new()?)),
    ("hash-get-typed", |_| get(Hash::<u32, u64>::new(COUNT)?)),
    ("hash-set-typed", |_| set(Hash::<u32, u64>::new(COUNT)?)),
    ("hash-update-delete-typed", |_| update_delete::<u32, u64>()),
    ("array-get-typed", |_| get(Indexed::<u64>::new()?)),
    ("array-set-typed", |_| set(Indexed::<u64>::new()?)),
    ("hash-get-16-64", |_| get(Hash::<[u8; 16], Large>::new(COUNT)?)),
    ("hash-set-16-64", |_| set(Hash::<[u8; 16], Large>::new(COUNT)?)),
    ("percpu-get", |_| get(PerCpu::new()?)),
    ("percpu-set", |_| set(PerCpu::new()?)),
];
