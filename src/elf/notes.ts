/**
 * Notes: what identifies the build of a program, library or debug file.
 *
 * Source: System V ABI, chapter 5, "Note Section"; GNU ld manual, `--build-id`.
 *
 * @module
 */

import { ObjectFileError } from '../base/errors.ts'
import type { ElfFile } from './file.ts'
import { NT_GNU_BUILD_ID, PT_NOTE, sectionTypes } from './format.ts'

/** Bytes of notes that are looked through; those of linkers are some hundred. */
const MAX_NOTES = 1 << 16
/** Owner of the note, with its NUL. */
const OWNER = [0x47, 0x4e, 0x55, 0]
const HEADER = 12

/**
 * The build id of a file, in hexadecimal digits; `undefined` when it has none. Notes that are damaged are passed over.
 *
 * @throws ObjectFileError when headers of segments are truncated
 */
export function buildIdOf(elf: ElfFile): string | undefined {
  const segments = elf.segments
    .filter(({ type }) => type === PT_NOTE)
    .map(({ offset, fileSize }) => [offset, fileSize])
  const sections = elf.sections
    .filter(({ type }) => type === sectionTypes.note)
    .map(({ offset, size }) => [offset, size])
  for (const [offset = 0, size = 0] of [...segments, ...sections]) {
    try {
      const id = buildIdIn(elf, offset, Math.min(size, MAX_NOTES))
      if (id !== undefined) return id
    } catch (error) {
      if (!(error instanceof ObjectFileError)) throw error
    }
  }
  return undefined
}

function buildIdIn(elf: ElfFile, offset: number, size: number): string | undefined {
  const notes = elf.part(offset, size, 'notes')
  for (let at = 0; at + HEADER <= notes.length; ) {
    const [nameSize, idSize, type] = [notes.u32(at), notes.u32(at + 4), notes.u32(at + 8)]
    const name = at + HEADER
    const id = name + padded(nameSize)
    if (type === NT_GNU_BUILD_ID && nameSize === OWNER.length && idSize > 0) {
      const owner = notes.slice(name, nameSize)
      if (OWNER.every((byte, i) => owner[i] === byte)) return hex(notes.slice(id, idSize))
    }
    at = id + padded(idSize)
  }
  return undefined
}

const padded = (size: number): number => Math.ceil(size / 4) * 4

/** Bytes in hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
