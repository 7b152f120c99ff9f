/**
 * The shim backend: the few functions of `native/`, in Rust. The only file that loads it.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BpfError, closedError } from '../../base/errors.ts'
import { CALL_WORDS } from '../numbers.ts'
import { watchError } from './epoll.ts'
import type { FdWatcher, SyscallEntry } from './syscall-entry.ts'

/** Stands for a watcher of the shim. It must not be used after `watcherClose`. */
type Handle = object

/** What `native/src/lib.rs` exports. */
interface Shim extends Pick<SyscallEntry, 'syscall' | 'syscallInto' | 'addressOf'> {
  /** Of the interface between the shim and this file. */
  readonly version: number
  /** Both asynchronous calls; without a descriptor that the result is moved onto, `target` is -1. */
  readonly syscallAsync: SyscallEntry['syscallIntoAsync']
  /** Makes the call that is in these 14 words; reads them for as long as it exists. */
  prepare(call: Uint32Array): () => number
  /** An active watcher, or -errno. */
  watch(fd: number, onReadable: () => void): Handle | number
  watcherStart(handle: Handle): void
  watcherStop(handle: Handle): void
  watcherRef(handle: Handle): void
  watcherUnref(handle: Handle): void
  watcherClose(handle: Handle): void
}

/**
 * Loads the shim.
 *
 * @returns undefined when no prebuilt file is present
 * @throws BpfError when there is one that Node cannot load
 */
export function openShim(): SyscallEntry | undefined {
  const path = findShim()
  if (path === undefined) return undefined
  // Filled in by the file itself.
  const module = { exports: {} as Shim }
  try {
    // What `require` does with such a file, without the search for it.
    process.dlopen(module, path)
  } catch (cause) {
    throw new BpfError(`Cannot load the native shim ${path} (EBPF_TS_BACKEND=koffi does without it)`, {
      code: 'ERR_BACKEND',
      cause,
    })
  }
  const shim = module.exports
  if (shim.version !== VERSION) {
    const hint = 'npm run build:native makes another, EBPF_TS_BACKEND=koffi does without'
    throw new BpfError(`Cannot use the native shim ${path}: it is of another version (${hint})`, {
      code: 'ERR_BACKEND',
    })
  }
  const { syscall, syscallInto, syscallAsync, addressOf } = shim
  return {
    backend: 'shim',
    syscall,
    syscallInto,
    syscallIntoAsync: syscallAsync,
    prepare: () => {
      const call = new Uint32Array(CALL_WORDS)
      const make = shim.prepare(call)
      calls.set(make, call)
      return { call, make }
    },
    syscallAsync: (number, ...args) => syscallAsync(-1, number, ...args),
    addressOf,
    watch: (fd, onReadable) => {
      const handle = shim.watch(fd, onReadable)
      if (typeof handle === 'number') throw watchError(fd, handle, 'uv_poll_init')
      return new ShimWatcher(shim, handle)
    },
  }
}

/** Of the interface between the shim and this file: one more for each change of it. */
const VERSION = 3

/** Keeps the arguments of prepared calls for as long as they can be made. */
const calls = new WeakMap<() => number, Uint32Array>()

/** From here to the root of the package: from `dist/library.js`, or from where its own tests are built to. */
const ROOT = import.meta.url.includes('/build/src/syscalls/') ? '../../../..' : '..'

/**
 * The file that the environment names, or else the one in this package, with either name of the C library, as it uses
 * none. No other package is searched for one: whoever can install a package above this one, or name a folder in the
 * environment, would have root run it.
 *
 * @throws BpfError `ERR_BACKEND` when the environment names no file by its absolute path
 */
function findShim(): string | undefined {
  const named = process.env.EBPF_TS_SHIM
  if (named !== undefined && named !== '') {
    if (isAbsolute(named) && existsSync(named)) return named
    const reason = isAbsolute(named) ? 'the file does not exist' : 'it is not an absolute path'
    throw new BpfError(`Cannot load the native shim EBPF_TS_SHIM=${named}: ${reason}`, {
      code: 'ERR_BACKEND',
    })
  }
  const platforms = ['gnu', 'musl'].map(libc => `linux-${process.arch}-${libc}`)
  for (const platform of platforms) {
    const url = new URL(`${ROOT}/native/shim.${platform}.node`, import.meta.url)
    if (existsSync(url)) return fileURLToPath(url)
  }
  return undefined
}

/** Keeps the handle from being used after its end; the watcher itself lives in the shim. */
class ShimWatcher implements FdWatcher {
  readonly #shim: Shim
  #handle: Handle | undefined

  constructor(shim: Shim, handle: Handle) {
    this.#shim = shim
    this.#handle = handle
  }

  start(): void {
    if (this.#handle === undefined) throw closedError('Watcher')
    this.#shim.watcherStart(this.#handle)
  }

  stop(): void {
    if (this.#handle !== undefined) this.#shim.watcherStop(this.#handle)
  }

  ref(): void {
    if (this.#handle !== undefined) this.#shim.watcherRef(this.#handle)
  }

  unref(): void {
    if (this.#handle !== undefined) this.#shim.watcherUnref(this.#handle)
  }

  close(): void {
    if (this.#handle === undefined) return
    const handle = this.#handle
    this.#handle = undefined
    this.#shim.watcherClose(handle)
  }
}
