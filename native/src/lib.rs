//! The optional native backend of ebpf-ts. It offers what `src/syscalls/backends/shim.ts` expects: `syscall`,
//! `syscallInto`, `syscallAsync`, `addressOf`, `watch` and the operations on a watcher.
//!
//! No standard library, no C library, no crates: Node-API and libuv are declared by hand in `node.rs`, and memory
//! comes in pages from the kernel. It keeps no global state, so every worker thread can load it.

#![no_std]

mod arguments;
mod kernel;
mod node;
mod page;
mod view;
mod watcher;
mod work;

use core::ffi::CStr;
use node::{Callback, Env, Value};

/// A panic is a bug in this file's few hundred lines; the process can only abort.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    kernel::exit_group(134)
}

/// Node-API version 8: what Node 20 and everything later has, `napi_add_async_cleanup_hook` included.
#[no_mangle]
pub extern "C" fn node_api_module_get_api_version_v1() -> i32 {
    8
}

/// Of the interface between this file and `src/syscalls/backends/shim.ts`: one more for each change of it.
const VERSION: i64 = 3;

/// # Safety
/// Called by Node with a valid environment.
#[no_mangle]
pub unsafe extern "C" fn napi_register_module_v1(env: Env, exports: Value) -> Value {
    let functions: [(&CStr, Callback); 11] = [
        (c"syscall", syscall),
        (c"syscallInto", syscall_into),
        (c"prepare", prepare),
        (c"syscallAsync", work::syscall_async),
        (c"addressOf", view::address_of),
        (c"watch", watcher::watch),
        (c"watcherStart", watcher::start),
        (c"watcherStop", watcher::stop),
        (c"watcherRef", watcher::reference),
        (c"watcherUnref", watcher::unreference),
        (c"watcherClose", watcher::close),
    ];
    for (name, callback) in functions {
        let function = node::function(env, name, callback, core::ptr::null_mut());
        node::napi_set_named_property(env, exports, name.as_ptr(), function);
    }
    node::napi_set_named_property(
        env,
        exports,
        c"version".as_ptr(),
        node::number(env, VERSION),
    );
    exports
}

/// `syscall(nr, a0?, ..., a5?)`: the result, or -errno.
unsafe extern "C" fn syscall(env: Env, info: node::CallbackInfo) -> Value {
    match arguments::numbers::<7>(env, info) {
        Some([nr, args @ ..]) => node::number(env, kernel::syscall(nr, args)),
        None => throw_not_numbers(env),
    }
}

pub unsafe fn throw_not_numbers(env: Env) -> Value {
    node::throw_type_error(
        env,
        c"Cannot make a system call: its arguments must be numbers",
    )
}

/// `syscallInto(target, nr, a0?, ..., a5?)`: makes a call that returns a descriptor, and moves it onto `target` before
/// the thread can be terminated; `target`, or -errno.
unsafe extern "C" fn syscall_into(env: Env, info: node::CallbackInfo) -> Value {
    match arguments::numbers::<8>(env, info) {
        Some([target, nr, args @ ..]) => node::number(env, kernel::syscall_into(target, nr, args)),
        None => throw_not_numbers(env),
    }
}

/// `prepare(call)`: a function that makes the system call whose number and six arguments are in the 56 bytes of the
/// view when it is called. The caller keeps the view referenced and in its place.
unsafe extern "C" fn prepare(env: Env, info: node::CallbackInfo) -> Value {
    let ([view], _) = arguments::values::<1>(env, info);
    match view::data(env, view) {
        Some(data) => node::function(env, c"prepared", prepared, data),
        None => node::throw_type_error(
            env,
            c"Cannot prepare a system call: expected a typed array or DataView",
        ),
    }
}

unsafe extern "C" fn prepared(env: Env, info: node::CallbackInfo) -> Value {
    let [nr, args @ ..] = *(arguments::data(env, info) as *const [i64; 7]);
    node::number(env, kernel::syscall(nr, args))
}
