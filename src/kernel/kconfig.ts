/**
 * The configuration that a kernel was built with.
 *
 * Source: libbpf `bpf_object__read_kconfig_file`, `bpf_object__process_kconfig_line`; Documentation/kbuild/kconfig.rst.
 *
 * @module
 */

import { release } from 'node:os'
import { helperSince } from '../abi/helper-since.ts'
import { call } from '../asm/calls.ts'
import { exit } from '../asm/jumps.ts'
import { BpfError } from '../base/errors.ts'
import { answerOf, discard, loadCode } from './probes/experiment.ts'
import { defineFeature, type Feature } from './probes/probe.ts'
import { readRegularFile } from './read-file.ts'

/** Bytes that a configuration may have, and unpack to; they have some hundred thousand. */
const MAX_SIZE = 16 << 20
const GZIP_MAGIC = [0x1f, 0x8b] as const

/**
 * Parses a configuration, as in `.config`: lines `CONFIG_NAME=value`. Other lines, such as comments, are skipped; of an
 * option that is there twice the first counts.
 *
 * @returns values as they are written, strings with their quotes: `'y'`, `'250'`, `'"(none)"'`
 * @throws BpfError `ERR_KCONFIG` when a line has a name without a value
 */
export function parseKconfig(text: string): Map<string, string> {
  const options = new Map<string, string>()
  for (const line of text.split('\n')) {
    if (!line.startsWith('CONFIG_')) continue
    const separator = line.indexOf('=')
    if (separator === -1 || separator === line.length - 1) {
      throw new BpfError(`Cannot parse the kernel's configuration: ${JSON.stringify(line)} has no value`, {
        code: 'ERR_KCONFIG',
      })
    }
    const name = line.slice(0, separator)
    if (!options.has(name)) options.set(name, line.slice(separator + 1))
  }
  return options
}

/** Where distributions and the kernel itself (`CONFIG_IKCONFIG_PROC`) keep it, in libbpf's order. */
function defaultPaths(): string[] {
  return [`/boot/config-${release()}`, '/proc/config.gz']
}

/**
 * Reads the configuration of the running kernel.
 *
 * @param paths where to look, the first that exists counts; gzip is unpacked. Default: `/boot/config-$(uname -r)`,
 *   `/proc/config.gz`
 * @throws BpfError with code `ENOENT` when it is nowhere, else as `parseKconfig`
 */
export function kernelConfig(paths: readonly string[] = defaultPaths()): Map<string, string> {
  for (const path of paths) {
    let bytes: Buffer
    try {
      bytes = readRegularFile(path, MAX_SIZE, `Cannot read the kernel's configuration: ${path}`)
    } catch (error) {
      if (error instanceof BpfError && error.code === 'ENOENT') continue
      throw error
    }
    return parseKconfig(unpacked(bytes, path).toString('utf8'))
  }
  throw new BpfError(`The kernel's configuration is in none of ${paths.join(', ')}`, { code: 'ENOENT' })
}

function unpacked(bytes: Buffer, path: string): Buffer {
  if (!GZIP_MAGIC.every((byte, at) => bytes[at] === byte)) return bytes
  try {
    // Imported, it would take a fortieth of what importing this library does.
    return process.getBuiltinModule('node:zlib').gunzipSync(bytes, { maxOutputLength: MAX_SIZE })
  } catch (error) {
    throw new BpfError(`Cannot unpack the kernel's configuration: ${path}: ${(error as Error).message}`, {
      code: 'ERR_KCONFIG',
      cause: error,
    })
  }
}

/** Cookies: what an attachment passes to its program. libbpf: `LINUX_HAS_BPF_COOKIE`. */
export const attachCookie: Feature = defineFeature(
  'The helper bpf_get_attach_cookie',
  helperSince.get_attach_cookie,
  token => answerOf(discard(loadCode(token, 'tracepoint', [call('get_attach_cookie'), exit()]))),
)
