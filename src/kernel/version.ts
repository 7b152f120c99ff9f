/**
 * Version of the running kernel.
 *
 * @module
 */

import { release, version } from 'node:os'
import { readText } from './read-text.ts'

/** A kernel version. */
export interface KernelVersion {
  major: number
  minor: number
  patch: number
  /** `KERNEL_VERSION(major, minor, patch)`; a patch level above 255 counts as 255. */
  code: number
}

/** Makes a version from its parts. */
export function versionOf(major: number, minor: number, patch: number): KernelVersion {
  return { major, minor, patch, code: (major << 16) + (minor << 8) + Math.min(patch, 255) }
}

/**
 * Parses a release as in `uname -r`: `'6.12.5-amd64'`, `'5.10'`.
 *
 * @throws RangeError when it does not start with a version
 */
export function parseKernelVersion(text: string): KernelVersion {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(text)
  if (match === null) throw new RangeError(`Cannot parse kernel version ${JSON.stringify(text)}`)
  return versionOf(Number(match[1]), Number(match[2]), Number(match[3] ?? 0))
}

/** The texts that tell the version; injectable for tests. */
export interface VersionSources {
  release: string
  /** `/proc/version_signature` of Ubuntu, if there is one. */
  ubuntuSignature?: string | undefined
  /** `uname -v`, in which Debian writes the upstream version: `'#1 SMP Debian 6.12.5-1 (2025-01-01)'`. */
  build?: string | undefined
}

/**
 * Finds the upstream version: distributions keep the patch level of `uname -r` fixed and write the true one
 * elsewhere.
 *
 * Source: libbpf `get_kernel_version`.
 */
export function upstreamVersion(sources: VersionSources): KernelVersion {
  const ubuntu = /^Ubuntu \S+ (\d+\.\d+\.\d+)/.exec(sources.ubuntuSignature ?? '')
  const debian = / Debian (\d+\.\d+(?:\.\d+)?)/.exec(sources.build ?? '')
  return parseKernelVersion(ubuntu?.[1] ?? debian?.[1] ?? sources.release)
}

let cached: KernelVersion | undefined

/** The running kernel's upstream version. */
export function kernelVersion(): KernelVersion {
  cached ??= upstreamVersion({
    release: release(),
    ubuntuSignature: readText('/proc/version_signature'),
    build: version(),
  })
  return cached
}

/**
 * Whether the running kernel is of a release or of a newer one.
 *
 * @param release such as `'5.10'`
 */
export function isAtLeast(release: string): boolean {
  return kernelVersion().code >= parseKernelVersion(release).code
}
