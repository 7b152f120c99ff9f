/**
 * Links of iterators, which are read.
 *
 * Source: kernel/bpf/bpf_iter.c `bpf_iter_new_fd`, `bpf_seq_read`.
 *
 * @module
 */

import { readSync } from 'node:fs'
import { failure } from '../../../kernel/failure.ts'
import { bpf } from '../../../syscalls/bpf.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'
import type { IterLinkInfo } from '../../info.ts'
import { defineLinkClass, KernelLink } from '../../link.ts'

/** A link of an iterator; each `read` walks anew. */
export class IterLink extends KernelLink {
  static {
    defineLinkClass('iter', fd => new IterLink(fd))
  }

  override info(): IterLinkInfo {
    return super.info() as IterLinkInfo
  }

  /**
   * Walks once and returns all that the program wrote. Since Linux 5.8.
   *
   * @throws BpfError when the kernel refuses, or the program stops the walk with an error
   */
  read(): Buffer {
    return readIterator(this.fd)
  }
}

const CHUNK = 64 << 10

function readIterator(linkFd: number): Buffer {
  const result = bpf('iter_create', { link_fd: linkFd })
  if (result < 0) throw failure('Cannot open the iterator', result, 'bpf(BPF_ITER_CREATE)')
  using iterator = OwnedFd.adopt(result, 'iterator')
  const chunks: Buffer[] = []
  for (;;) {
    const chunk = Buffer.alloc(CHUNK)
    const length = readChunk(iterator.fd, chunk)
    if (length === 0) return Buffer.concat(chunks)
    chunks.push(chunk.subarray(0, length))
  }
}

/** `read(2)`; goes on after a million objects of which the program wrote nothing, where the kernel pauses. */
function readChunk(fd: number, chunk: Buffer): number {
  for (;;) {
    try {
      return readSync(fd, chunk)
    } catch (error) {
      const { errno, code } = error as NodeJS.ErrnoException
      if (code === 'EAGAIN' || code === 'EINTR') continue
      if (errno === undefined) throw error
      throw failure('Cannot read the iterator', errno, 'read')
    }
  }
}
