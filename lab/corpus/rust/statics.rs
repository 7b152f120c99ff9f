//! Statics alone, in sections of their own: libbpf refuses functions there, of `counters.rs`.

#![feature(no_core, lang_items, rustc_attrs, auto_traits, intrinsics)]
#![no_core]
#![crate_type = "lib"]
#![allow(internal_features, dead_code)]

#[path = "prelude/no_core.rs"]
mod no_core;
use no_core::*;

#[rustc_intrinsic]
unsafe fn volatile_load<T>(source: *const T) -> T;
#[rustc_intrinsic]
unsafe fn volatile_store<T>(target: *mut T, value: T);
#[rustc_intrinsic]
fn wrapping_add<T: Copy>(a: T, b: T) -> T;

/// `Pair<u32, u32>`, whose name the kernel does not accept.
#[repr(C)]
pub struct Pair<A, B> {
    first: A,
    second: B,
}

/// A global variable, in a section of its own.
#[no_mangle]
pub static mut LIMITS: Pair<u32, u32> = Pair { first: 1, second: 2 };
/// Private ones, with mangled names.
static mut CALLS: u64 = 0;
static mut LATEST: Pair<u32, u64> = Pair { first: 3, second: 4 };

/// Uses all of them.
#[no_mangle]
#[link_section = "socket"]
pub unsafe extern "C" fn sum(_context: *mut u8) -> u64 {
    let calls = wrapping_add(volatile_load(&raw const CALLS), 1);
    volatile_store(&raw mut CALLS, calls);
    let limit = volatile_load(&raw const LIMITS.second) as u64;
    wrapping_add(wrapping_add(limit, calls), volatile_load(&raw const LATEST.second))
}
