/**
 * Keys of LPM tries.
 *
 * Source: include/uapi/linux/bpf.h `struct bpf_lpm_trie_key_hdr`; kernel/bpf/lpm_trie.c.
 *
 * @module
 */

import { hostByteOrder } from '../../base/bytes.ts'

/** Bytes of the prefix length, before the data. */
const HEADER = 4
/** Bytes of data that the kernel takes. Source: kernel/bpf/lpm_trie.c `LPM_DATA_SIZE_MIN`, `LPM_DATA_SIZE_MAX`. */
const DATA_MIN = 1
const DATA_MAX = 256

/**
 * The raw key of an LPM trie (Linux 4.11): the prefix length as a `__u32` in host byte order, then the data.
 *
 * @param prefixLength how many leading bits of `data` count
 * @param data what is matched, most significant byte first, as addresses are on the network: 4 bytes for IPv4
 * @throws RangeError when `data` has fewer bits, or has not 1 to 256 bytes
 */
export function lpmKey(prefixLength: number, data: Uint8Array): Uint8Array<ArrayBuffer> {
  if (data.length < DATA_MIN || data.length > DATA_MAX) {
    throw new RangeError(
      `Cannot make an LPM trie key: ${data.length} bytes of data are not ${DATA_MIN} to ${DATA_MAX}`,
    )
  }
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > data.length * 8) {
    throw new RangeError(
      `Cannot make an LPM trie key: prefix length ${prefixLength} of ${data.length * 8} bits`,
    )
  }
  const key = new Uint8Array(HEADER + data.length)
  new DataView(key.buffer).setUint32(0, prefixLength, hostByteOrder === 'little')
  key.set(data, HEADER)
  return key
}
