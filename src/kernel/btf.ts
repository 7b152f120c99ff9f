/**
 * The kernel's own BTF.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { fileErrno } from '../base/errno.ts'
import { BpfError, fileError, NotSupportedError, unlessRefused } from '../base/errors.ts'
import { Btf } from '../btf/btf.ts'
import { firstBtf, kernelImagePaths } from './types/btf-file.ts'
import { copyKernelBtf, mapKernelBtf } from './types/raw-btf.ts'

const SYSFS = '/sys/kernel/btf'

let vmlinux: Btf | undefined
const modules = new Map<string, Btf>()

/**
 * The types of the running kernel, read and indexed at the first call and kept until `releaseKernelBtf`: those in sysfs
 * (since Linux 5.4, with `CONFIG_DEBUG_INFO_BTF`), else those of its image where libbpf looks for it, such as
 * `/boot/vmlinux-RELEASE`.
 *
 * @throws NotSupportedError when the kernel was built without BTF
 * @throws BpfError, ObjectFileError when there are files, but none that can be read has BTF
 */
export function kernelBtf(): Btf {
  vmlinux ??= readKernelBtf()
  return vmlinux
}

function readKernelBtf(): Btf {
  const sysfs = `${SYSFS}/vmlinux`
  const bytes = mapKernelBtf(sysfs) ?? copyKernelBtf()
  if (bytes !== undefined) return Btf.parse(bytes, { file: 'vmlinux' })
  const images = kernelImagePaths(release())
  const btf = firstBtf([sysfs, ...images], 'vmlinux')
  if (btf !== undefined) return btf
  throw new NotSupportedError("Reading the kernel's types", undefined, {
    reason: `${sysfs} is missing: the kernel must be built with CONFIG_DEBUG_INFO_BTF=y, or have an image with BTF where libbpf looks for one, such as ${images[0]}`,
  })
}

/** Type id of a function of the kernel itself; `undefined` when the kernel has no such function, or no types. */
export function kernelFunctionId(name: string): number | undefined {
  return unlessRefused(() => kernelBtf().find(name, 'func'))
}

/**
 * The types of a loaded module, which continue those of the kernel (5.11 with
 * `CONFIG_DEBUG_INFO_BTF_MODULES`).
 *
 * @throws BpfError with code `ENOENT` when the module is not loaded, or has no BTF
 */
export function moduleBtf(name: string): Btf {
  let btf = modules.get(name)
  if (btf === undefined) {
    if (!/^[\w-]+$/.test(name))
      throw new TypeError(`Cannot read BTF: ${JSON.stringify(name)} is not a module name`)
    try {
      btf = Btf.parse(readFileSync(`${SYSFS}/${name}`), { base: kernelBtf(), file: name })
    } catch (error) {
      if (error instanceof BpfError) throw error
      if (fileErrno(error) !== 'ENOENT') throw fileError(`Cannot read the BTF of module ${name}`, error)
      throw new BpfError(`Module ${name} is not loaded, or has no BTF`, { code: 'ENOENT', cause: error })
    }
    modules.set(name, btf)
  }
  return btf
}

/** The types of every loaded module that has BTF (5.11); none on older kernels. */
export function* moduleBtfs(): Generator<Btf> {
  if (!existsSync(SYSFS)) return
  for (const name of moduleNames()) {
    if (name === 'vmlinux') continue
    try {
      yield moduleBtf(name)
    } catch (error) {
      // It may be gone since the directory was read.
      if (!(error instanceof BpfError && error.code === 'ENOENT')) throw error
    }
  }
}

function moduleNames(): string[] {
  try {
    return readdirSync(SYSFS)
  } catch (error) {
    throw fileError(`Cannot list ${SYSFS}`, error)
  }
}

/** Forgets the BTF of the kernel and its modules, some megabytes; the next use reads it again. */
export function releaseKernelBtf(): void {
  vmlinux = undefined
  modules.clear()
}
