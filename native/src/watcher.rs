//! Watching a descriptor through libuv's `uv_poll_t`.
//!
//! A watcher lives from `watch` until libuv has closed its handle: because of `close`, or of the end of the
//! environment, whichever comes first. The JavaScript object that stands for it has no part in that.

use crate::node::{
    self, AsyncContext, CallbackInfo, CleanupHook, Env, HandleScope, Poll, Ref, Status, Value,
};
use crate::{arguments, kernel, page};
use core::ffi::{c_int, c_void};
use core::mem::size_of;
use core::ptr::null_mut;

/// Followed in memory by its `uv_poll_t`.
#[repr(C, align(16))]
struct Watcher {
    env: Env,
    callback: Ref,
    context: AsyncContext,
    hook: CleanupHook,
    /// A duplicate: libuv takes a descriptor once per loop, and the caller may close theirs at any time.
    fd: c_int,
    closing: bool,
}

impl Watcher {
    unsafe fn poll(watcher: *mut Watcher) -> *mut Poll {
        watcher.cast::<u8>().add(size_of::<Watcher>()).cast()
    }
}

/// `watch(fd, callback)`: an external value that stands for the active watcher, or -errno.
pub unsafe extern "C" fn watch(env: Env, info: CallbackInfo) -> Value {
    let ([fd, callback], _) = arguments::values::<2>(env, info);
    let mut number = 0;
    if node::napi_get_value_int64(env, fd, &mut number) != Status::OK {
        return node::throw_type_error(env, c"Cannot watch a descriptor: it must be a number");
    }
    let own = kernel::duplicate(number as c_int);
    if own < 0 {
        return node::number(env, own.into());
    }
    let watcher = Watcher {
        env,
        callback: Ref::NULL,
        context: AsyncContext::NULL,
        hook: CleanupHook::NULL,
        fd: own,
        closing: false,
    };
    let extra = node::uv_handle_size(node::UV_POLL);
    let watcher = page::allocate(watcher, extra);
    if watcher.is_null() {
        kernel::close(own);
        return node::throw_type_error(env, c"Cannot watch a descriptor: out of memory");
    }
    let poll = Watcher::poll(watcher);
    let mut event_loop = node::Loop::NULL;
    node::napi_get_uv_event_loop(env, &mut event_loop);
    let failed = node::uv_poll_init(event_loop, poll, own);
    if failed < 0 {
        page::free(watcher, extra);
        kernel::close(own);
        return node::number(env, failed.into());
    }
    node::uv_handle_set_data(poll, watcher.cast());
    // From here on the handle belongs to the loop, and only its close callback may free it.
    node::napi_create_reference(env, callback, 1, &mut (*watcher).callback);
    let name = node::string(env, c"ebpf-ts:watch");
    node::napi_async_init(env, Value::NULL, name, &mut (*watcher).context);
    node::napi_add_async_cleanup_hook(
        env,
        on_environment_end,
        watcher.cast(),
        &mut (*watcher).hook,
    );
    node::uv_poll_start(poll, node::UV_READABLE, on_readable);
    let mut external = Value::NULL;
    node::napi_create_external(
        env,
        watcher.cast(),
        core::ptr::null(),
        null_mut(),
        &mut external,
    );
    external
}

/// `watcherStart(watcher)`.
pub unsafe extern "C" fn start(env: Env, info: CallbackInfo) -> Value {
    with(env, info, |watcher| {
        node::uv_poll_start(Watcher::poll(watcher), node::UV_READABLE, on_readable);
    })
}

/// `watcherStop(watcher)`.
pub unsafe extern "C" fn stop(env: Env, info: CallbackInfo) -> Value {
    with(env, info, |watcher| {
        node::uv_poll_stop(Watcher::poll(watcher));
    })
}

/// `watcherRef(watcher)`.
pub unsafe extern "C" fn reference(env: Env, info: CallbackInfo) -> Value {
    with(env, info, |watcher| node::uv_ref(Watcher::poll(watcher)))
}

/// `watcherUnref(watcher)`.
pub unsafe extern "C" fn unreference(env: Env, info: CallbackInfo) -> Value {
    with(env, info, |watcher| node::uv_unref(Watcher::poll(watcher)))
}

/// `watcherClose(watcher)`: the external value must not be used afterwards.
pub unsafe extern "C" fn close(env: Env, info: CallbackInfo) -> Value {
    with(env, info, |watcher| begin_close(watcher))
}

unsafe fn with(env: Env, info: CallbackInfo, action: impl FnOnce(*mut Watcher)) -> Value {
    let ([external], _) = arguments::values::<1>(env, info);
    let mut data = null_mut();
    if node::napi_get_value_external(env, external, &mut data) != Status::OK {
        return node::throw_type_error(env, c"Expected a watcher");
    }
    action(data.cast());
    Value::NULL
}

/// Runs on the event loop, outside JavaScript.
unsafe extern "C" fn on_readable(poll: *mut Poll, _status: c_int, _events: c_int) {
    let watcher = node::uv_handle_get_data(poll).cast::<Watcher>();
    let Watcher {
        env,
        context,
        callback: reference,
        ..
    } = *watcher;
    let mut scope = HandleScope::NULL;
    node::napi_open_handle_scope(env, &mut scope);
    let (mut global, mut callback) = (Value::NULL, Value::NULL);
    node::napi_get_global(env, &mut global);
    node::napi_get_reference_value(env, reference, &mut callback);
    // Opens a callback scope: promises and ticks are served before it returns. The watcher may be gone then.
    let status = node::napi_make_callback(
        env,
        context,
        global,
        callback,
        0,
        core::ptr::null(),
        null_mut(),
    );
    if status != Status::OK {
        let mut pending = false;
        node::napi_is_exception_pending(env, &mut pending);
        if pending {
            let mut error = Value::NULL;
            node::napi_get_and_clear_last_exception(env, &mut error);
            node::napi_fatal_exception(env, error);
        }
    }
    node::napi_close_handle_scope(env, scope);
}

/// The environment ends: its loop runs until `on_closed` has removed the hook.
unsafe extern "C" fn on_environment_end(_: CleanupHook, data: *mut c_void) {
    begin_close(data.cast());
}

unsafe fn begin_close(watcher: *mut Watcher) {
    if (*watcher).closing {
        return;
    }
    (*watcher).closing = true;
    node::uv_close(Watcher::poll(watcher), on_closed);
    kernel::close((*watcher).fd);
}

/// The hook keeps the environment in being until here. A callback that closes its own watcher has returned by now.
unsafe extern "C" fn on_closed(poll: *mut Poll) {
    let watcher = node::uv_handle_get_data(poll).cast::<Watcher>();
    node::napi_delete_reference((*watcher).env, (*watcher).callback);
    node::napi_async_destroy((*watcher).env, (*watcher).context);
    node::napi_remove_async_cleanup_hook((*watcher).hook);
    page::free(watcher, node::uv_handle_size(node::UV_POLL));
}
