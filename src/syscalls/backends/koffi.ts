/**
 * The koffi backend: libc's `syscall()` through a foreign function interface. The only file that imports
 * koffi.
 *
 * @module
 */

import { isMainThread } from 'node:worker_threads'
import { O_CLOEXEC } from '../../abi/linux.ts'
import { BpfError } from '../../base/errors.ts'
import { CALL_WORDS, nr as numbers } from '../numbers.ts'
import { findPackage, loadFromPackage } from '../packages.ts'
import type { SyscallEntry } from './syscall-entry.ts'
import { EpollLoop } from './watch-epoll.ts'
import { PollWatcher } from './watch-poll.ts'

type Six = [a0: number, a1: number, a2: number, a3: number, a4: number, a5: number]
type Completion = (error: unknown, result: number) => void
interface NativeSyscall {
  (nr: number, ...args: Six): number
  async(...args: [nr: number, ...Six, Completion]): void
}

/** koffi refuses more than 256 pending calls; the pool behind them has four threads unless configured. */
const MAX_PENDING = 64

/**
 * Loads koffi and finds libc's `syscall()`, which glibc and musl both have.
 *
 * @throws BpfError when koffi, or its binary for this platform, is not installed, or others may change it
 */
export function openKoffi(): SyscallEntry {
  const koffi = loadKoffi()
  // glibc's and musl's syscall() take their arguments from general-purpose registers like a function of fixed
  // arity, and koffi calls those twice as fast as variadic ones. 'long' is koffi's fastest 64-bit type.
  const native: NativeSyscall = koffi
    .load(null)
    .func('syscall', 'long', ['long', 'long', 'long', 'long', 'long', 'long', 'long'])

  const syscall: SyscallEntry['syscall'] = (nr, a0 = 0, a1 = 0, a2 = 0, a3 = 0, a4 = 0, a5 = 0) => {
    const result = native(nr, a0, a1, a2, a3, a4, a5)
    return result === -1 ? -koffi.errno() : result
  }

  const { dup3, close } = numbers
  const syscallInto: SyscallEntry['syscallInto'] = (
    target,
    nr,
    a0 = 0,
    a1 = 0,
    a2 = 0,
    a3 = 0,
    a4 = 0,
    a5 = 0,
  ) => {
    // V8 ends a thread where a JavaScript function begins or a loop turns, and nowhere else: no such place lies between
    // the calls, which are native functions.
    const made = native(nr, a0, a1, a2, a3, a4, a5)
    if (made === -1) return -koffi.errno()
    const moved = native(dup3, made, target, O_CLOEXEC, 0, 0, 0)
    const result = moved === -1 ? -koffi.errno() : moved
    native(close, made, 0, 0, 0, 0, 0)
    return result
  }

  const prepare: SyscallEntry['prepare'] = () => {
    const call = new Uint32Array(CALL_WORDS)
    // The high half is signed, as the arguments are.
    const word = (at: number): number => call[2 * at]! + (call[2 * at + 1]! | 0) * 2 ** 32
    const make = (): number => {
      const result = native(word(0), word(1), word(2), word(3), word(4), word(5), word(6))
      return result === -1 ? -koffi.errno() : result
    }
    return { call, make }
  }

  let pending = 0
  const waiting: (() => void)[] = []
  const syscallAsync: SyscallEntry['syscallAsync'] = (nr, a0 = 0, a1 = 0, a2 = 0, a3 = 0, a4 = 0, a5 = 0) =>
    new Promise((resolve, reject) => {
      const run = (): void => {
        pending++
        native.async(nr, a0, a1, a2, a3, a4, a5, (error, result) => {
          // errno belongs to the pool's thread; koffi saves it there and restores it around this callback.
          const outcome = result === -1 ? -koffi.errno() : result
          pending--
          waiting.shift()?.()
          if (error === null) resolve(outcome)
          else reject(error)
        })
      }
      if (pending < MAX_PENDING) run()
      else waiting.push(run)
    })

  // The pool does not say what it made to a thread that ends meanwhile.
  const syscallIntoAsync: SyscallEntry['syscallIntoAsync'] = async (...call) => syscallInto(...call)

  // uv_poll handles of koffi crash a worker thread that ends before they are closed.
  let epoll: EpollLoop | undefined
  const watch: SyscallEntry['watch'] = (fd, onReadable) => {
    if (isMainThread)
      return PollWatcher.open({ syscall, syscallInto, poll: koffi.node.poll, addressOf }, fd, onReadable)
    epoll ??= new EpollLoop({ syscall, syscallInto, syscallAsync, addressOf })
    return epoll.watch(fd, onReadable)
  }

  const addressOf: SyscallEntry['addressOf'] = view =>
    view.byteLength === 0 ? 0 : Number(koffi.address(view))

  return { backend: 'koffi', syscall, syscallInto, syscallIntoAsync, prepare, syscallAsync, addressOf, watch }
}

function loadKoffi(): typeof import('koffi') {
  try {
    const folder = findPackage('koffi')
    if (folder === undefined) throw new Error('it is in none of the node_modules folders above this package')
    // koffi looks for its binary as `require` does, in global folders too when the package with it is missing. This other
    // entry looks only beside itself, for one that was built there.
    const binary = findPackage(`@koromix/koffi-${process.platform}-${process.arch}`, folder)
    return loadFromPackage(
      'koffi',
      binary === undefined ? 'indirect.cjs' : 'index.cjs',
    ) as typeof import('koffi')
  } catch (cause) {
    throw new BpfError(
      'Cannot load koffi: it, or its binary for this platform, is not installed, or others may change it',
      {
        code: 'ERR_BACKEND',
        cause,
      },
    )
  }
}
