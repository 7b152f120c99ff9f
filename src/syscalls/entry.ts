/**
 * The one way into the kernel: one of two backends, chosen at the first call, per thread.
 *
 * The shim (`native/`) is taken where its prebuilt file is in this package or named by `EBPF_TS_SHIM`, else koffi. `EBPF_TS_BACKEND=koffi` or
 * `shim` in the environment forces one. Importing this file loads nothing native.
 *
 * @module
 */

import { BpfError, NotSupportedError } from '../base/errors.ts'
import { openKoffi } from './backends/koffi.ts'
import { openShim } from './backends/shim.ts'
import type { SyscallEntry } from './backends/syscall-entry.ts'
import { syscallTables } from './numbers.ts'

let entry: SyscallEntry | undefined

/**
 * The backend of this thread, opened at the first call.
 *
 * @throws NotSupportedError on an operating system or CPU without support
 * @throws BpfError when the backend that the environment asks for is absent
 */
export function syscallEntry(): SyscallEntry {
  entry ??= openEntry(process.env.EBPF_TS_BACKEND)
  return entry
}

/**
 * Makes this thread use another entry, before its first system call: for tests of kernels that do not exist here.
 *
 * @internal
 */
export function useEntry(other: SyscallEntry): void {
  entry = other
}

/**
 * How this thread makes system calls: through the prebuilt shim, or through koffi.
 *
 * @throws NotSupportedError on an operating system or CPU without support
 * @throws BpfError `ERR_BACKEND` when the backend that the environment asks for is absent
 */
export function syscallBackend(): 'koffi' | 'shim' {
  return syscallEntry().backend
}

function openEntry(wanted: string | undefined): SyscallEntry {
  if (process.platform !== 'linux') {
    throw new NotSupportedError('eBPF', undefined, { reason: `it needs Linux, this is ${process.platform}` })
  }
  if (syscallTables[process.arch] === undefined) {
    throw new NotSupportedError('eBPF on this CPU', undefined, {
      reason: `x64 and arm64 are known, this is ${process.arch}`,
    })
  }
  if (wanted === 'koffi') return openKoffi()
  if (wanted !== undefined && wanted !== '' && wanted !== 'shim') {
    throw new BpfError(`Unknown backend EBPF_TS_BACKEND=${wanted}: expected koffi or shim`, {
      code: 'ERR_BACKEND',
    })
  }
  const shim = openShim()
  if (shim === undefined && wanted === 'shim') {
    throw new BpfError(
      'Cannot use EBPF_TS_BACKEND=shim: this package has no prebuilt shim for this platform (npm run build:native in a clone, or EBPF_TS_SHIM=/absolute/path.node); unset it to use koffi',
      { code: 'ERR_BACKEND' },
    )
  }
  return shim ?? openKoffi()
}
