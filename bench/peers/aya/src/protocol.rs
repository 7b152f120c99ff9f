//! `bench/protocol.ts` from the side of a contestant.

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    fmt::{self, Display, Formatter},
    io::stdin,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How long a sweep takes, with what is done between the operations.
const SWEEP: Duration = Duration::from_millis(120);
/// Default seconds of a long row.
const SECONDS: f64 = 5.0;

/// What a sweep measured.
pub struct Sample {
    /// Nanoseconds of an operation.
    pub ns: f64,
    /// Operations that it is the mean of.
    pub ops: usize,
    pub extra: BTreeMap<&'static str, f64>,
}

impl Sample {
    /// The mean of operations.
    pub fn mean(counted: Duration, ops: usize) -> Self {
        let ns = counted.as_nanos() as f64 / ops as f64;
        Self { ns, ops, extra: BTreeMap::new() }
    }

    pub fn with(mut self, name: &'static str, value: f64) -> Self {
        self.extra.insert(name, value);
        self
    }
}

/// Measures a row once and checks what was done.
pub type Sweep = Box<dyn FnMut() -> Result<Sample>>;

/// Makes what a row needs, on first use. It takes the time that a long row is to run.
pub type Setup = fn(Duration) -> Result<Sweep>;

/// Why a row cannot be measured on this machine.
#[derive(Debug)]
pub struct Unavailable(pub String);

impl Display for Unavailable {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for Unavailable {}

/// Says that the work was not done as it should be.
pub fn check(condition: bool, what: impl FnOnce() -> String) -> Result<()> {
    if condition { Ok(()) } else { Err(what().into()) }
}

/// A sweep of rounds that are alike: each does its operations and returns the time that counts.
pub fn rounds(operations: usize, mut round: impl FnMut() -> Result<Duration> + 'static) -> Sweep {
    Box::new(move || {
        let mut counted = Duration::ZERO;
        let mut ops = 0;
        let start = Instant::now();
        while start.elapsed() < SWEEP {
            counted += round()?;
            ops += operations;
        }
        Ok(Sample::mean(counted, ops))
    })
}

/// Knows rows, and keeps those that were asked for.
pub struct Contestant {
    setups: Vec<(&'static str, Setup)>,
    opened: HashMap<String, Sweep>,
}

impl Contestant {
    pub fn new(setups: Vec<(&'static str, Setup)>) -> Self {
        Self { setups, opened: HashMap::new() }
    }

    /// Sets the row up if it is new, and sweeps.
    fn measure(&mut self, row: &str, seconds: Option<f64>) -> Result<Sample> {
        if !self.opened.contains_key(row) {
            let Some((_, setup)) = self.setups.iter().find(|(name, _)| *name == row) else {
                return Err(Unavailable("no such row".into()).into());
            };
            let long = Duration::from_secs_f64(seconds.unwrap_or(SECONDS));
            self.opened.insert(row.into(), setup(long)?);
        }
        let sweep = self.opened.get_mut(row).ok_or("the row is lost")?;
        sweep()
    }

    /// The answer to a request.
    pub fn answer(&mut self, row: &str, seconds: Option<f64>) -> Value {
        match self.measure(row, seconds) {
            Ok(Sample { ns, ops, extra }) if extra.is_empty() => json!({ "row": row, "ns": ns, "ops": ops }),
            Ok(Sample { ns, ops, extra }) => json!({ "row": row, "ns": ns, "ops": ops, "extra": extra }),
            Err(error) if error.is::<Unavailable>() => json!({ "row": row, "skip": error.to_string() }),
            Err(error) => json!({ "row": row, "error": error.to_string() }),
        }
    }

    /// Answers requests until there are no more.
    pub fn serve(&mut self, version: &str) -> Result<()> {
        let rows: Vec<_> = self.setups.iter().map(|(name, _)| name).collect();
        println!("{}", json!({ "ready": true, "rows": rows, "version": version }));
        for line in stdin().lines() {
            let request: Value = serde_json::from_str(&line?)?;
            let row = request["row"].as_str().ok_or("a request without a row")?;
            println!("{}", self.answer(row, request["seconds"].as_f64()));
        }
        Ok(())
    }
}
