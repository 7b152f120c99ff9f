/**
 * Where maps are pinned. Names and paths come from object files too, so nothing but an absolute path that the caller
 * chose may lead out of the directory that pins are below.
 *
 * Source: libbpf `pathname_concat`, `bpf_object__init_user_btf_map`.
 *
 * @module
 */

import { posix } from 'node:path'
import { BpfError } from '../base/errors.ts'
import { isPathStep, type MapSpec } from './spec.ts'

/** Where pins are by default. */
const DEFAULT_PIN_PATH = '/sys/fs/bpf'

/**
 * Path of the pin that a spec asks for; `undefined` when it asks for none.
 *
 * @param root directory that pins are below, as `CreateMapOptions.pinPath`
 * @throws BpfError `ERR_INVALID_SPEC` when the name, or a relative `pinPath`, is not a path below the directory, and for
 *   a pinning that is a number
 */
export function pinPathOf(spec: MapSpec, root: string = DEFAULT_PIN_PATH): string | undefined {
  const { name, pinning, pinPath } = spec
  if (pinning === 'none') return undefined
  if (pinPath?.startsWith('/') === true && !pinPath.includes('\0')) return posix.resolve(pinPath)
  const relative = pinPath ?? (pinning === 'by_name' ? name : undefined)
  if (typeof pinning === 'number' && pinPath === undefined) {
    throw new BpfError(
      `Cannot create map ${JSON.stringify(name)}: its pinning is ${pinning}, whose meaning only the loader that the object was made for knows. Set its pinning to 'none' or 'by_name', or its pinPath`,
      { code: 'ERR_INVALID_SPEC' },
    )
  }
  if (relative === undefined) return undefined
  const steps = pinPath === undefined ? [name] : pinPath.split('/')
  if (!steps.every(isPathStep)) {
    throw new BpfError(
      `Cannot pin map ${JSON.stringify(name)}: ${JSON.stringify(relative)} is not a path below ${root}`,
      { code: 'ERR_INVALID_SPEC' },
    )
  }
  return posix.resolve(root, relative)
}
