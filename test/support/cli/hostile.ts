/**
 * Names that do harm to a terminal, in objects of this repository.
 *
 * @module
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

/** Clears the screen, sets the title, hides the line, colours with U+009B, turns the direction. */
export const HOSTILE = '\x1b[2J\x1b]0;t\x07\rx\x9b31m\u202ey\nz'

/** Text of as many bytes as some name, full of control characters; it begins with a letter, which names must. */
export function hostileName(name: string): string {
  const parts = ['\x1b[2J', '\x9b1m', '\u202e', '\n', '\r', '\x07']
  let text = name[0]!
  for (const part of parts) {
    if (Buffer.byteLength(text + part) <= Buffer.byteLength(name)) text += part
  }
  return text.padEnd(text.length + Buffer.byteLength(name) - Buffer.byteLength(text), '_')
}

/** Writes a copy of an object with some names replaced, wherever they stand, by hostile ones of the same length. */
export function hostileObject(t: ExecutionContext, path: string, ...names: readonly string[]): string {
  let bytes = readFileSync(path).toString('latin1')
  for (const name of names) {
    const hostile = Buffer.from(hostileName(name)).toString('latin1')
    if (!bytes.includes(name)) throw new Error(`${path} has no ${name}`)
    bytes = bytes.replaceAll(name, hostile)
  }
  return temporaryFile(t, 'hostile.bpf.o', Buffer.from(bytes, 'latin1'))
}

/** Writes a file that goes away with the test; returns its path. */
export function temporaryFile(t: ExecutionContext, name: string, content: string | Uint8Array): string {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-cli-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

/** What a terminal obeys in a text; line breaks and tabs, which shape it, apart. */
export function obeyed(text: string): string[] {
  return text.match(/[^\n\t\P{Cc}]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu) ?? []
}
