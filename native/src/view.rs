//! Where the bytes of a typed array or DataView are.

use crate::arguments;
use crate::node::{self, CallbackInfo, Env, Status, Value};
use core::ffi::c_void;
use core::ptr::null_mut;

/// `addressOf(view)`: the address of its first byte.
///
/// A small typed array may live inside the JavaScript heap, where it moves; asking Node-API for its data moves it
/// out for good.
pub unsafe extern "C" fn address_of(env: Env, info: CallbackInfo) -> Value {
    let ([view], _) = arguments::values::<1>(env, info);
    match data(env, view) {
        Some(data) => node::number(env, data as i64),
        None => node::throw_type_error(
            env,
            c"Cannot tell the address: expected a typed array or DataView",
        ),
    }
}

/// The first byte of a typed array or DataView; `None` when the value is neither.
pub unsafe fn data(env: Env, view: Value) -> Option<*mut c_void> {
    let mut data = null_mut();
    let status = node::napi_get_typedarray_info(
        env,
        view,
        null_mut(),
        null_mut(),
        &mut data,
        null_mut(),
        null_mut(),
    );
    if status != Status::OK
        && node::napi_get_dataview_info(env, view, null_mut(), &mut data, null_mut(), null_mut())
            != Status::OK
    {
        return None;
    }
    Some(data)
}
