//! Values that outlive a call, each in pages of its own: there are few, and so no allocator is needed.

use crate::kernel;
use core::mem::size_of;

/// Moves a value into fresh pages, followed by `extra` zero bytes; null when memory is exhausted.
pub fn allocate<T>(value: T, extra: usize) -> *mut T {
    let address = kernel::map_pages(size_of::<T>() + extra);
    if address < 0 {
        return core::ptr::null_mut();
    }
    let place = address as *mut T;
    // SAFETY: the pages are ours, large enough, and aligned for anything.
    unsafe { place.write(value) };
    place
}

/// Returns the pages of a value.
///
/// # Safety
/// `place` and `extra` are those of `allocate`, and the value is no longer in use.
pub unsafe fn free<T>(place: *mut T, extra: usize) {
    kernel::unmap_pages(place as usize, size_of::<T>() + extra);
}
