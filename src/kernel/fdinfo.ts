/**
 * What procfs says of a descriptor, beyond what the info command does.
 *
 * Source: kernel/bpf/syscall.c `bpf_map_show_fdinfo`, `bpf_link_show_fdinfo`; kernel/bpf/token.c `bpf_token_show_fdinfo`.
 *
 * @module
 */

import { readFileSync } from 'node:fs'

/** Reads `/proc/self/fdinfo` of a descriptor; empty without procfs. */
export function readFdinfo(fd: number): ReadonlyMap<string, string> {
  return parseFdinfo(readFdinfoText(fd))
}

/** As `readFdinfo`, the text, which may have a table besides. */
export function readFdinfoText(fd: number): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
  } catch {
    return ''
  }
}

/** Parses lines of `NAME:<tab>VALUE`; others are passed over. */
export function parseFdinfo(text: string): ReadonlyMap<string, string> {
  const facts = new Map<string, string>()
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) facts.set(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return facts
}
