/**
 * Where the objects of the corpus are put, and what could not be made.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Collects objects, each once: the same bytes come from several packages. */
export class Collector {
  readonly objects: string[] = []
  readonly versions: Record<string, string> = {}
  readonly failures: { what: string; reason: string }[] = []
  readonly #directory: string
  readonly #seen = new Set<string>()

  constructor(directory: string) {
    this.#directory = directory
  }

  add(origin: string, name: string, bytes: Uint8Array): void {
    const hash = createHash('sha256').update(bytes).digest('hex')
    if (this.#seen.has(hash)) return
    this.#seen.add(hash)
    let path = join(origin, `${name}.o`)
    for (let n = 2; this.objects.includes(path); n++) path = join(origin, `${name}.${n}.o`)
    mkdirSync(join(this.#directory, origin), { recursive: true })
    writeFileSync(join(this.#directory, path), bytes)
    this.objects.push(path)
  }

  fail(what: string, complaint: string): void {
    const lines = complaint.split('\n')
    this.failures.push({ what, reason: lines.find(line => /error:|^libbpf: /.test(line)) ?? lines[0]! })
  }
}
