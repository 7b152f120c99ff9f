//! A system call on a thread of libuv's pool.

use crate::node::{self, AsyncWork, CallbackInfo, Deferred, Env, Status, Value};
use crate::{arguments, kernel, page, throw_not_numbers};
use core::ffi::c_void;

struct Call {
    target: i64,
    nr: i64,
    args: [i64; 6],
    result: i64,
    deferred: Deferred,
    work: AsyncWork,
}

/// `syscallAsync(target, nr, a0?, ..., a5?)`: a promise of the result, or of -errno. Where `target` is a descriptor and
/// not -1, the call returns one too, which is moved onto it.
pub unsafe extern "C" fn syscall_async(env: Env, info: CallbackInfo) -> Value {
    let Some([target, nr, args @ ..]) = arguments::numbers::<8>(env, info) else {
        return throw_not_numbers(env);
    };
    let call = Call {
        target,
        nr,
        args,
        result: 0,
        deferred: Deferred::NULL,
        work: AsyncWork::NULL,
    };
    let call = page::allocate(call, 0);
    if call.is_null() {
        return node::throw_type_error(env, c"Cannot make a system call: out of memory");
    }
    let mut promise = Value::NULL;
    let name = node::string(env, c"ebpf-ts:syscall");
    let created = node::napi_create_promise(env, &mut (*call).deferred, &mut promise) == Status::OK
        && node::napi_create_async_work(
            env,
            Value::NULL,
            name,
            execute,
            complete,
            call.cast(),
            &mut (*call).work,
        ) == Status::OK
        && node::napi_queue_async_work(env, (*call).work) == Status::OK;
    if !created {
        // Only while the environment ends, when the promise can no longer settle.
        page::free(call, 0);
    }
    promise
}

/// On the pool's thread: no Node-API here.
unsafe extern "C" fn execute(_: Env, data: *mut c_void) {
    let call = data.cast::<Call>();
    let Call {
        target, nr, args, ..
    } = *call;
    (*call).result = if target < 0 {
        kernel::syscall(nr, args)
    } else {
        kernel::syscall_into(target, nr, args)
    };
}

/// Back on the thread of the environment, also while it ends; resolving fails then, and need not succeed.
unsafe extern "C" fn complete(env: Env, _: Status, data: *mut c_void) {
    let call = data.cast::<Call>();
    node::napi_resolve_deferred(env, (*call).deferred, node::number(env, (*call).result));
    node::napi_delete_async_work(env, (*call).work);
    page::free(call, 0);
}
