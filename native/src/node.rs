//! What the shim uses of Node-API (version 8) and of libuv (major version 1), which the Node binary exports.
//!
//! Source: node's `js_native_api.h`, `node_api.h`; libuv's `uv.h`.

use core::ffi::{c_char, c_int, c_void, CStr};

macro_rules! opaque {
    ($($name:ident),*) => {$(
        /// An opaque pointer of Node's.
        #[repr(transparent)]
        #[derive(Clone, Copy)]
        pub struct $name(*mut c_void);
        impl $name {
            pub const NULL: $name = $name(core::ptr::null_mut());
        }
    )*};
}

opaque!(
    Value,
    Ref,
    Deferred,
    AsyncWork,
    AsyncContext,
    CleanupHook,
    HandleScope,
    Loop
);

/// An opaque pointer of Node's that is only ever received.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Env(*mut c_void);

/// An opaque pointer of Node's that is only ever received.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct CallbackInfo(*mut c_void);

pub type Callback = unsafe extern "C" fn(Env, CallbackInfo) -> Value;
pub type Execute = unsafe extern "C" fn(Env, *mut c_void);
pub type Complete = unsafe extern "C" fn(Env, Status, *mut c_void);
pub type Cleanup = unsafe extern "C" fn(CleanupHook, *mut c_void);
pub type PollCallback = unsafe extern "C" fn(*mut Poll, c_int, c_int);
pub type CloseCallback = unsafe extern "C" fn(*mut Poll);

/// `napi_status`.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq)]
pub struct Status(c_int);

impl Status {
    pub const OK: Status = Status(0);
}

/// A `uv_poll_t`, whose size only libuv knows.
#[repr(C)]
pub struct Poll {
    opaque: [u8; 0],
}

/// `uv_handle_type` of a `uv_poll_t`.
pub const UV_POLL: c_int = 8;
pub const UV_READABLE: c_int = 1;

extern "C" {
    pub fn napi_create_function(
        env: Env,
        name: *const c_char,
        length: usize,
        callback: Callback,
        data: *mut c_void,
        result: *mut Value,
    ) -> Status;
    pub fn napi_set_named_property(
        env: Env,
        object: Value,
        name: *const c_char,
        value: Value,
    ) -> Status;
    pub fn napi_get_cb_info(
        env: Env,
        info: CallbackInfo,
        count: *mut usize,
        values: *mut Value,
        this: *mut Value,
        data: *mut *mut c_void,
    ) -> Status;
    pub fn napi_get_value_int64(env: Env, value: Value, result: *mut i64) -> Status;
    pub fn napi_create_int64(env: Env, value: i64, result: *mut Value) -> Status;
    pub fn napi_create_string_utf8(
        env: Env,
        text: *const c_char,
        length: usize,
        result: *mut Value,
    ) -> Status;
    pub fn napi_create_external(
        env: Env,
        data: *mut c_void,
        finalize: *const c_void,
        hint: *mut c_void,
        result: *mut Value,
    ) -> Status;
    pub fn napi_get_value_external(env: Env, value: Value, result: *mut *mut c_void) -> Status;
    pub fn napi_get_typedarray_info(
        env: Env,
        value: Value,
        kind: *mut c_int,
        length: *mut usize,
        data: *mut *mut c_void,
        buffer: *mut Value,
        offset: *mut usize,
    ) -> Status;
    pub fn napi_get_dataview_info(
        env: Env,
        value: Value,
        length: *mut usize,
        data: *mut *mut c_void,
        buffer: *mut Value,
        offset: *mut usize,
    ) -> Status;
    pub fn napi_throw_type_error(env: Env, code: *const c_char, message: *const c_char) -> Status;
    pub fn napi_is_exception_pending(env: Env, result: *mut bool) -> Status;
    pub fn napi_get_and_clear_last_exception(env: Env, result: *mut Value) -> Status;
    pub fn napi_fatal_exception(env: Env, error: Value) -> Status;
    pub fn napi_get_global(env: Env, result: *mut Value) -> Status;
    pub fn napi_open_handle_scope(env: Env, result: *mut HandleScope) -> Status;
    pub fn napi_close_handle_scope(env: Env, scope: HandleScope) -> Status;
    pub fn napi_create_reference(env: Env, value: Value, count: u32, result: *mut Ref) -> Status;
    pub fn napi_delete_reference(env: Env, reference: Ref) -> Status;
    pub fn napi_get_reference_value(env: Env, reference: Ref, result: *mut Value) -> Status;
    pub fn napi_create_promise(env: Env, deferred: *mut Deferred, promise: *mut Value) -> Status;
    pub fn napi_resolve_deferred(env: Env, deferred: Deferred, value: Value) -> Status;
    pub fn napi_create_async_work(
        env: Env,
        resource: Value,
        name: Value,
        execute: Execute,
        complete: Complete,
        data: *mut c_void,
        result: *mut AsyncWork,
    ) -> Status;
    pub fn napi_queue_async_work(env: Env, work: AsyncWork) -> Status;
    pub fn napi_delete_async_work(env: Env, work: AsyncWork) -> Status;
    pub fn napi_async_init(
        env: Env,
        resource: Value,
        name: Value,
        result: *mut AsyncContext,
    ) -> Status;
    pub fn napi_async_destroy(env: Env, context: AsyncContext) -> Status;
    pub fn napi_make_callback(
        env: Env,
        context: AsyncContext,
        this: Value,
        function: Value,
        count: usize,
        values: *const Value,
        result: *mut Value,
    ) -> Status;
    pub fn napi_add_async_cleanup_hook(
        env: Env,
        hook: Cleanup,
        argument: *mut c_void,
        result: *mut CleanupHook,
    ) -> Status;
    pub fn napi_remove_async_cleanup_hook(hook: CleanupHook) -> Status;
    pub fn napi_get_uv_event_loop(env: Env, result: *mut Loop) -> Status;

    pub fn uv_handle_size(kind: c_int) -> usize;
    pub fn uv_handle_get_data(handle: *const Poll) -> *mut c_void;
    pub fn uv_handle_set_data(handle: *mut Poll, data: *mut c_void);
    pub fn uv_poll_init(event_loop: Loop, handle: *mut Poll, fd: c_int) -> c_int;
    pub fn uv_poll_start(handle: *mut Poll, events: c_int, callback: PollCallback) -> c_int;
    pub fn uv_poll_stop(handle: *mut Poll) -> c_int;
    pub fn uv_ref(handle: *mut Poll);
    pub fn uv_unref(handle: *mut Poll);
    pub fn uv_close(handle: *mut Poll, callback: CloseCallback);
}

/// A JavaScript function, and what its calls are given.
pub unsafe fn function(env: Env, name: &CStr, callback: Callback, data: *mut c_void) -> Value {
    let mut result = Value::NULL;
    let length = name.count_bytes();
    napi_create_function(env, name.as_ptr(), length, callback, data, &mut result);
    result
}

/// A JavaScript number; exact below 2^53.
pub unsafe fn number(env: Env, value: i64) -> Value {
    let mut result = Value::NULL;
    napi_create_int64(env, value, &mut result);
    result
}

/// A JavaScript string from ASCII.
pub unsafe fn string(env: Env, text: &CStr) -> Value {
    let mut result = Value::NULL;
    napi_create_string_utf8(env, text.as_ptr(), text.count_bytes(), &mut result);
    result
}

/// Throws a TypeError when the callback returns.
pub unsafe fn throw_type_error(env: Env, message: &CStr) -> Value {
    napi_throw_type_error(env, core::ptr::null(), message.as_ptr());
    Value::NULL
}
