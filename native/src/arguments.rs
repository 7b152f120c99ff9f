//! The arguments of a call from JavaScript.

use crate::node::{self, CallbackInfo, Env, Status, Value};
use core::ffi::c_void;
use core::ptr::null_mut;

/// The first `N` arguments, and how many of them were given; the rest are `undefined`.
pub unsafe fn values<const N: usize>(env: Env, info: CallbackInfo) -> ([Value; N], usize) {
    let mut values = [Value::NULL; N];
    let mut count = N;
    let none = core::ptr::null_mut();
    node::napi_get_cb_info(
        env,
        info,
        &mut count,
        values.as_mut_ptr(),
        none,
        core::ptr::null_mut(),
    );
    (values, count.min(N))
}

/// What the function was created with.
pub unsafe fn data(env: Env, info: CallbackInfo) -> *mut c_void {
    let mut data = null_mut();
    node::napi_get_cb_info(env, info, null_mut(), null_mut(), null_mut(), &mut data);
    data
}

/// Up to `N` integers, 0 for each absent one; `None` when one is not a number.
pub unsafe fn numbers<const N: usize>(env: Env, info: CallbackInfo) -> Option<[i64; N]> {
    let (values, count) = values::<N>(env, info);
    let mut numbers = [0; N];
    for (value, number) in values.iter().zip(numbers.iter_mut()).take(count) {
        if node::napi_get_value_int64(env, *value, number) != Status::OK {
            return None;
        }
    }
    Some(numbers)
}
