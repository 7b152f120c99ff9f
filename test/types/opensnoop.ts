/**
 * A shape as a user writes it, or as generated bindings have it.
 *
 * @module
 */

/** `struct event`. */
export interface Event {
  pid: number
  comm: string
  /** `unsigned long long` */
  delay_ns: bigint
  kind: 'OPEN' | 'OPENAT' | number
  position: { x: number; y: number }
  stack: bigint[]
}

/** `struct key`. */
export interface Key {
  pid: number
  cpu: number
}

/** An object with a map of each kind that has a type of its own. */
export interface Opensnoop {
  maps: {
    events: { type: 'ringbuf'; record: Event }
    plain_events: { type: 'ringbuf' }
    starts: { type: 'hash'; key: Key; value: bigint }
    hits: { type: 'percpu_array'; value: bigint }
    jobs: { type: 'queue'; value: Event }
    seen: { type: 'bloom_filter'; value: number }
    progs: { type: 'prog_array'; key: number; value: number }
    by_cgroup: { type: 'hash_of_maps'; key: bigint; inner: { type: 'hash'; key: number; value: Event } }
    raw: { type: 'hash'; key: Uint8Array; value: Uint8Array }
    congestion: { type: 'struct_ops' }
    '.bss': { type: 'array'; value: { dropped: bigint } }
  }
  programs: { on_enter: { type: 'tracepoint' }; on_exit: { type: 'tracepoint' } }
  variables: { dropped: bigint; point: { x: number; y: number }; label: string }
  constants: { target_uid: number }
}
