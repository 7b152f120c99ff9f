/**
 * Records of the profiler's ring buffer: `struct sample` in `profile.bpf.c`. Pure.
 *
 * @module
 */

/** Where the members lie. */
const VALUE = 8
const PID = 16
const USER_SIZE = 28
const KERNEL_SIZE = 32
const COMM = 40
const COMM_BYTES = 16
const ADDRESSES = 56
/** Bytes of a stack that may have had more frames. */
const FULL = 127 * 8

/** Equal samples: of one thread's name in one process, with one stack. */
export interface SampleGroup {
  readonly pid: number
  /** Name of the thread. */
  readonly comm: string
  /** Addresses of the user stack, from the function that runs to the outermost. */
  readonly user: readonly bigint[]
  readonly kernel: readonly bigint[]
  /** Whether there may have been more frames. */
  readonly truncated: boolean
  /** Number of samples. */
  samples: number
  /** Samples again, or nanoseconds. */
  value: number
}

/** Counts samples, those that are equal as one. */
export class SampleGroups {
  readonly #groups = new Map<string, SampleGroup>()
  /** Number of samples. */
  samples = 0

  get groups(): Iterable<SampleGroup> {
    return this.#groups.values()
  }

  /**
   * Adds a record.
   *
   * @param data is read before this returns
   */
  add(data: Uint8Array): void {
    if (data.length < ADDRESSES) throw new RangeError(`A sample of ${data.length} bytes is too short`)
    const view = new DataView(data.buffer, data.byteOffset, data.length)
    const pid = view.getUint32(PID, true)
    const room = data.length - ADDRESSES
    const user = Math.min(sizeOf(view, USER_SIZE), room)
    const kernel = Math.min(sizeOf(view, KERNEL_SIZE), room - user)
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length)
    // The name and the addresses lie behind one another.
    const key = `${pid} ${user} ${bytes.toString('latin1', COMM, ADDRESSES + user + kernel)}`
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = {
        pid,
        comm: commOf(bytes),
        user: addressesOf(view, ADDRESSES, user),
        kernel: addressesOf(view, ADDRESSES + user, kernel),
        truncated: user === FULL || kernel === FULL,
        samples: 0,
        value: 0,
      }
      this.#groups.set(key, group)
    }
    group.samples++
    group.value += Number(view.getBigUint64(VALUE, true))
    this.samples++
  }
}

/** A negative size is an error number: the stack is missing. */
function sizeOf(view: DataView, offset: number): number {
  return Math.max(0, view.getInt32(offset, true)) & ~7
}

function commOf(bytes: Buffer): string {
  const end = bytes.indexOf(0, COMM)
  const most = COMM + COMM_BYTES
  return bytes.toString('utf8', COMM, end === -1 || end > most ? most : end)
}

function addressesOf(view: DataView, offset: number, size: number): bigint[] {
  return Array.from({ length: size / 8 }, (_, i) => view.getBigUint64(offset + 8 * i, true))
}
