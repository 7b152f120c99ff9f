/**
 * A kernel that does not exist here: `bpf(2)` answered by functions of a test, over the memory that the library passes.
 *
 * @module
 */

import { type Command, commands } from '../../../src/abi/generated/enums.ts'
import { EINVAL } from '../../../src/base/errno.ts'
import type { SyscallEntry } from '../../../src/syscalls/backends/syscall-entry.ts'
import { useEntry } from '../../../src/syscalls/entry.ts'
import { CALL_WORDS, nr } from '../../../src/syscalls/numbers.ts'

/** One call of `bpf(2)` as the kernel sees it. */
export interface FakeCall {
  /** The arm of the union. */
  readonly attr: DataView
  /** The common attributes (Linux 7.2), where they were passed. */
  readonly common: DataView | undefined
  /** The memory that a pointer in the attr leads to; zeros for a null pointer. */
  at(address: bigint): Uint8Array
}

/** Answers of commands: a result, or -errno. */
export type FakeAnswers = Partial<Record<Command, (call: FakeCall) => number>>

/** Bit of the command that says that common attributes follow. */
const COMMON_ATTRS = 0x1_0000
/** Far from each other, so that an address inside of memory leads back to it. */
const APART = 2 ** 32

const names = new Map<number, Command>(
  (Object.entries(commands) as [Command, number][]).map(([name, number]) => [number, name]),
)

/**
 * Makes this thread talk to a kernel that answers as given; every other command is `EINVAL`. For a test file of its own,
 * before the first call.
 */
export function fakeKernel(answers: FakeAnswers): void {
  const memory: Uint8Array[] = []
  const places = new Map<ArrayBufferLike, number>()

  const addressOf = (view: ArrayBufferView): number => {
    let place = places.get(view.buffer)
    if (place === undefined) {
      place = memory.push(new Uint8Array(view.buffer)) * APART
      places.set(view.buffer, place)
    }
    return place + view.byteOffset
  }
  const at = (address: bigint): Uint8Array => {
    const number = Number(address)
    if (number === 0) return new Uint8Array(64)
    const whole = memory[Math.floor(number / APART) - 1]
    if (whole === undefined) throw new Error(`The fake kernel has no memory at ${number}`)
    return whole.subarray(number % APART)
  }
  const view = (address: number, size: number): DataView => {
    const bytes = at(BigInt(address))
    return new DataView(bytes.buffer, bytes.byteOffset, size)
  }
  const syscall: SyscallEntry['syscall'] = (
    number,
    command = 0,
    attr = 0,
    size = 0,
    common = 0,
    room = 0,
  ) => {
    if (number === nr.close) return 0
    const name = names.get(command & ~COMMON_ATTRS)
    if (number !== nr.bpf || name === undefined) return -EINVAL
    const answer = answers[name]
    const passed = (command & COMMON_ATTRS) === 0 ? undefined : view(common, room)
    return answer === undefined ? -EINVAL : answer({ attr: view(attr, size), common: passed, at })
  }
  const prepare: SyscallEntry['prepare'] = () => {
    const call = new Uint32Array(CALL_WORDS)
    const word = (i: number): number => call[2 * i]! + call[2 * i + 1]! * 2 ** 32
    return { call, make: () => syscall(word(0), word(1), word(2), word(3), word(4), word(5), word(6)) }
  }
  useEntry({
    backend: 'shim',
    syscall,
    syscallInto: (_target, ...call) => syscall(...call),
    syscallIntoAsync: async (_target, ...call) => syscall(...call),
    syscallAsync: async (...call) => syscall(...call),
    prepare,
    addressOf,
    watch: () => {
      throw new Error('The fake kernel has nothing to watch')
    },
  })
}
