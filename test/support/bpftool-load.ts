/**
 * Whole objects loaded by bpftool, and so by libbpf.
 *
 * @module
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ElfFile } from '../../src/elf/file.ts'
import { temporaryBpffs } from './bpffs.ts'
import { bpftool } from './bpftool.ts'
import { objectPath } from './objects.ts'

/**
 * An object whose optional programs are not optional: bpftool pins all programs of an object or none, and an optional
 * one is not loaded. The name of a section loses its `?` when it begins a byte later.
 */
function withoutOptional(path: string): Uint8Array {
  const bytes = readFileSync(path)
  const sectionHeaders = Number(bytes.readBigUInt64LE(40))
  for (const { index, name } of ElfFile.parse(bytes, path).sections) {
    const header = sectionHeaders + index * 64
    if (name.startsWith('?')) bytes.writeUInt32LE(bytes.readUInt32LE(header) + 1, header)
  }
  return bytes
}

/** Loads an object through bpftool, and calls back with a directory of its programs' pins. */
export function loadByBpftool(name: string, use: (directory: string) => void): void {
  using bpffs = temporaryBpffs()
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-object-'))
  try {
    const path = join(directory, 'object.o')
    writeFileSync(path, withoutOptional(objectPath(name)))
    bpftool('prog', 'loadall', path, `${bpffs.path}/programs`)
    use(`${bpffs.path}/programs`)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
