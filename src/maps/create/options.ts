/**
 * How to create a map.
 *
 * @module
 */

import type { TokenOptions } from '../../kernel/tokens/handle.ts'
import type { OpenPinOptions } from '../../objects/pin.ts'
import type { DescriptorOwner } from '../kinds/descriptors.ts'
import type { KernelValueType } from '../kinds/struct-ops.ts'
import type { MapContent } from '../spec.ts'

/** What creating a map may need besides its spec. */
export interface CreateMapOptions extends TokenOptions {
  /** The spec's BTF as it was loaded into the kernel (Linux 5.2); without it the map has no types in the kernel. */
  btfFd?: number
  /** Template of the inner maps of a map of maps, instead of `spec.innerMap`. */
  innerMapFd?: number
  /** Of a `struct_ops` map, whose `valueSize` is that of this type; `btfFd` must be given too. */
  kernelValue?: KernelValueType
  /**
   * SHA-256 of the one program that may use the map, as `programHash` of `ebpf-ts/programs` computes it; 32 bytes. Others
   * are refused with `EACCES`, and so are links of iterators. Since Linux 6.18.
   */
  exclusiveProgramHash?: Uint8Array
  /** Directory on a bpffs that pins are below: those by name, and of specs with a relative `pinPath`. Default: `/sys/fs/bpf`. */
  pinPath?: string
  /** How to open a pin that exists. */
  pin?: OpenPinOptions
  /** Finds what elements of `contents` name. Without it, or when it returns nothing, named elements are an error. */
  resolve?: (reference: Exclude<MapContent['value'], Uint8Array>) => DescriptorOwner | undefined
}
