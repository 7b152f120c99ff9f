/**
 * Writes the arms of `union bpf_attr` through the generated layouts. Pure, apart from the address of a view,
 * which the caller provides.
 *
 * @module
 */

import { BPF_OBJ_NAME_MAX } from '../abi/constants.ts'
import type { Command } from '../abi/generated/enums.ts'
import type { attr } from '../abi/generated/layouts.ts'

/** A field's value; its type says what is written. */
export type AttrValue = number | bigint | string | ArrayBufferView

interface Layout {
  readonly $size: number
  readonly [field: string]: number | Layout
}

/** Name of the arm of the union that each command uses, as in the layouts. Source: kernel/bpf/syscall.c `__sys_bpf`. */
export const arms = {
  map_create: 'map_create',
  map_lookup_elem: 'map_elem',
  map_update_elem: 'map_elem',
  map_delete_elem: 'map_elem',
  map_get_next_key: 'map_elem',
  map_lookup_and_delete_elem: 'map_elem',
  // The kernel reads only the descriptor.
  map_freeze: 'map_elem',
  map_lookup_batch: 'batch',
  map_lookup_and_delete_batch: 'batch',
  map_update_batch: 'batch',
  map_delete_batch: 'batch',
  prog_load: 'prog_load',
  prog_attach: 'prog_attach',
  prog_detach: 'prog_attach',
  prog_test_run: 'test',
  prog_run: 'test',
  prog_query: 'query',
  prog_bind_map: 'prog_bind_map',
  prog_stream_read_by_fd: 'prog_stream_read',
  prog_assoc_struct_ops: 'prog_assoc_struct_ops',
  prog_get_next_id: 'get_id',
  map_get_next_id: 'get_id',
  btf_get_next_id: 'get_id',
  link_get_next_id: 'get_id',
  prog_get_fd_by_id: 'get_id',
  map_get_fd_by_id: 'get_id',
  btf_get_fd_by_id: 'get_id',
  link_get_fd_by_id: 'get_id',
  obj_pin: 'obj',
  obj_get: 'obj',
  obj_get_info_by_fd: 'info',
  raw_tracepoint_open: 'raw_tracepoint',
  btf_load: 'btf_load',
  task_fd_query: 'task_fd_query',
  link_create: 'link_create',
  link_update: 'link_update',
  link_detach: 'link_detach',
  enable_stats: 'enable_stats',
  iter_create: 'iter_create',
  token_create: 'token_create',
} as const

/** The commands that return a new descriptor. */
export const makers: ReadonlySet<Command> = new Set<Command>([
  'map_create',
  'prog_load',
  'btf_load',
  'link_create',
  'raw_tracepoint_open',
  'iter_create',
  'obj_get',
  'prog_get_fd_by_id',
  'map_get_fd_by_id',
  'btf_get_fd_by_id',
  'link_get_fd_by_id',
  'enable_stats',
  'token_create',
])

/** Fields of a layout, all optional: what is left out is zero. */
export type FieldsOf<L> = {
  -readonly [K in keyof L as K extends '$size' ? never : K]?:
    | (L[K] extends number ? AttrValue : FieldsOf<L[K]>)
    | undefined
}

/**
 * Fields of a `bpf(2)` command by their kernel names; nested structs are nested objects. A `number` is written
 * as 32 bits, a `bigint` as 64, a `string` as the address of a NUL-terminated copy, a view as its address.
 * `map_name` and `prog_name`, which the kernel holds in the union itself, take a string or bytes.
 */
export type AttrFields<C extends Command> = FieldsOf<(typeof attr)[(typeof arms)[C]]>

/** `char[BPF_OBJ_NAME_LEN]` inside the union; every other string is a pointer. */
const inlineNames: readonly string[] = ['map_name', 'prog_name']

const utf8 = new TextEncoder()

/** What {@link writeAttr} needs to turn memory into addresses. */
export interface AttrWriter {
  /** The union, zeroed by the caller. */
  readonly view: DataView
  /** Address of a view; called just before the system call. */
  addressOf(view: ArrayBufferView): number
  /** Takes what the union points to: it must stay referenced until the call has returned. */
  readonly referenced: ArrayBufferView[]
}

/**
 * Writes fields at their places in an arm of the union.
 *
 * @throws RangeError for an unknown field, a number that is not a 32-bit integer, a 64-bit value in a 32-bit place
 */
export function writeAttr(writer: AttrWriter, layout: Layout, fields: object): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue
    const place = Object.hasOwn(layout, name) && name !== '$size' ? layout[name] : undefined
    if (place === undefined) throw new RangeError(`Cannot write bpf_attr: it has no field ${name}`)
    if (typeof place === 'object') writeAttr(writer, place, value)
    else if (inlineNames.includes(name)) writeName(writer.view, place, name, value)
    else {
      if (typeof value !== 'number' && !hasRoom(layout, place)) {
        throw new RangeError(`Cannot write bpf_attr: ${name} has 32 bits, use a number`)
      }
      writeField(writer, place, name, value)
    }
  }
}

const fieldOffsets = new WeakMap<Layout, ReadonlySet<number | Layout>>()

/** Whether 64 bits fit at a place: it is aligned, and the next field does not begin in their middle. */
function hasRoom(layout: Layout, offset: number): boolean {
  let offsets = fieldOffsets.get(layout)
  if (offsets === undefined) {
    offsets = new Set(Object.values(layout))
    fieldOffsets.set(layout, offsets)
  }
  return offset % 8 === 0 && offset + 4 < layout.$size && !offsets.has(offset + 4)
}

function writeField(writer: AttrWriter, offset: number, name: string, value: AttrValue): void {
  if (typeof value === 'number') {
    if (!Number.isInteger(value) || value < -0x80000000 || value > 0xffffffff) {
      throw new RangeError(`Cannot write bpf_attr: ${name} ${value} is not a 32-bit integer`)
    }
    writer.view.setUint32(offset, value, true)
    return
  }
  if (typeof value === 'bigint') {
    writer.view.setBigUint64(offset, value, true)
    return
  }
  const target = typeof value === 'string' ? terminated(value, name) : value
  writer.referenced.push(target)
  writer.view.setBigUint64(offset, BigInt(writer.addressOf(target)), true)
}

function writeName(view: DataView, offset: number, name: string, value: AttrValue): void {
  const bytes = typeof value === 'string' ? utf8.encode(value) : value
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`Cannot write bpf_attr: ${name} must be a string or bytes`)
  }
  const end = bytes.indexOf(0)
  const text = end === -1 ? bytes : bytes.subarray(0, end)
  if (text.length > BPF_OBJ_NAME_MAX) {
    throw new RangeError(`Cannot write bpf_attr: ${name} has more than ${BPF_OBJ_NAME_MAX} bytes`)
  }
  new Uint8Array(view.buffer, view.byteOffset + offset, BPF_OBJ_NAME_MAX).set(text)
}

function terminated(text: string, name: string): Uint8Array {
  if (text.includes('\0')) throw new RangeError(`Cannot write bpf_attr: ${name} contains a NUL`)
  return utf8.encode(`${text}\0`)
}
