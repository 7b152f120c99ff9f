//! A map as aya defined it before BTF: 28 bytes in the section `maps`, with pinning.

#![feature(no_core, lang_items, rustc_attrs, auto_traits, intrinsics)]
#![no_core]
#![crate_type = "lib"]
#![allow(internal_features, dead_code)]

#[path = "prelude/no_core.rs"]
mod no_core;

#[rustc_intrinsic]
unsafe fn transmute<S, D>(source: S) -> D;

/// Of 28 bytes, as `aya-ebpf` has it.
#[repr(C)]
pub struct MapDefinition {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    id: u32,
    pinning: u32,
}

#[no_mangle]
#[link_section = "maps"]
pub static mut COUNTS: MapDefinition =
    MapDefinition { map_type: 2, key_size: 4, value_size: 8, max_entries: 16, map_flags: 0, id: 0, pinning: 0 };

/// Looks up in the map of old.
#[no_mangle]
#[link_section = "socket"]
pub unsafe extern "C" fn look(_context: *mut u8) -> u64 {
    let key: u32 = 1;
    let lookup: unsafe extern "C" fn(*mut MapDefinition, *const u32) -> u64 = transmute(1u64);
    lookup(&raw mut COUNTS, &raw const key)
}
