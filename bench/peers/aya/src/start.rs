//! Rows of what a tool does when it starts.

use std::{
    fs,
    time::{Duration, Instant},
};

use aya::{Btf, EbpfLoader, programs::RawTracePoint};
use aya_obj::btf::BtfKind;

use crate::{
    object,
    protocol::{Result, Sample, Setup, Sweep, check, rounds},
};

/// Bytes that the allocator has given away and not got back.
fn heap() -> f64 {
    // SAFETY: the function only reads what the allocator knows.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as f64
}

/// Finds a type of the kernel.
fn btf_find() -> Result<Sweep> {
    Ok(Box::new(|| {
        let before = heap();
        let start = Instant::now();
        let btf = Btf::from_sys_fs()?;
        let id = btf.id_by_type_name_kind("task_struct", BtfKind::Struct)?;
        let elapsed = start.elapsed();
        let used = heap() - before;
        check(id > 0, || "task_struct has no number".into())?;
        Ok(Sample::mean(elapsed, 1).with("heap", used))
    }))
}

/// Loads the programs of an object and closes them. A loader keeps the types of the kernel.
fn load(loader: &mut EbpfLoader<'_>, count: usize) -> Result<()> {
    let mut ebpf = loader.load_file(object(&format!("load-{count}")))?;
    let mut loaded = 0;
    for (_, program) in ebpf.programs_mut() {
        let program: &mut RawTracePoint = program.try_into()?;
        program.load()?;
        loaded += 1;
    }
    check(loaded == count, || format!("{loaded} programs were loaded"))
}

/// The row of the first time in a process.
fn load_first(count: usize) -> Result<Sweep> {
    Ok(Box::new(move || {
        let start = Instant::now();
        load(&mut EbpfLoader::new(), count)?;
        Ok(Sample::mean(start.elapsed(), 1))
    }))
}

/// The row of further times.
fn load_warm(count: usize) -> Result<Sweep> {
    let mut loader = EbpfLoader::new();
    load(&mut loader, count)?;
    Ok(rounds(1, move || {
        let start = Instant::now();
        load(&mut loader, count)?;
        Ok(start.elapsed())
    }))
}

/// Memory of the process, in bytes.
fn resident_memory() -> Result<f64> {
    let text = fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = text.split(' ').nth(1).ok_or("statm is too short")?.parse()?;
    // SAFETY: the function has no requirements.
    Ok(pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as f64)
}

/// Loads an object 1000 times, and looks at the memory after the first 200.
fn cycles() -> Result<Sweep> {
    const COUNT: usize = 1000;
    const FIRST: usize = 200;
    Ok(Box::new(|| {
        let mut loader = EbpfLoader::new();
        let mut counted = Duration::ZERO;
        let mut before = (0.0, 0.0);
        for cycle in 0..COUNT {
            if cycle == FIRST {
                before = (heap(), resident_memory()?);
            }
            let start = Instant::now();
            load(&mut loader, 10)?;
            counted += start.elapsed();
        }
        let heap_growth = heap() - before.0;
        let rss_growth = resident_memory()? - before.1;
        Ok(Sample::mean(counted, COUNT).with("heapGrowth", heap_growth).with("rssGrowth", rss_growth))
    }))
}

pub const ROWS: &[(&str, Setup)] = &[
    ("btf-find", |_| btf_find()),
    ("load-10", |_| load_first(10)),
    ("load-10-warm", |_| load_warm(10)),
    ("load-30", |_| load_first(30)),
    ("load-30-warm", |_| load_warm(30)),
    ("cycles-1000", |_| cycles()),
];
