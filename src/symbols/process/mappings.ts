/**
 * What a process has mapped, from `/proc/PID/maps`. Pure.
 *
 * Source: fs/proc/task_mmu.c `show_map_vma`: `START-END PERMISSIONS OFFSET MAJOR:MINOR INODE NAME`.
 *
 * @module
 */

/** A mapping that may be executed. */
export interface Mapping {
  readonly start: number
  /** Behind its last byte. */
  readonly end: number
  /** Where its first byte is in the file. */
  readonly offset: number
  /** Device of the file, `MAJOR:MINOR` in hexadecimal digits. */
  readonly device: string
  /** Inode of the file; 0 without one. */
  readonly inode: bigint
  /** Path of the file, or a name such as `'[vdso]'`; empty for anonymous memory. */
  readonly path: string
  /** Whether the file has lost this name. */
  readonly deleted: boolean
}

const LINE = /^([\da-f]+)-([\da-f]+) (\S{4}) ([\da-f]+) ([\da-f]+:[\da-f]+) (\d+)(?: +(.*))?$/s
const DELETED = ' (deleted)'
/** Addresses from here on are of the kernel: `[vsyscall]` of x86. */
const KERNEL = 2 ** 56

/**
 * The mappings that may be executed, in the order of their addresses.
 *
 * With `node --use-largepages` and its kin, the middle of a file's code is copied into anonymous memory at the same place:
 * this belongs to the file.
 */
export function parseMappings(text: string): Mapping[] {
  const mappings: Mapping[] = []
  /** The mapping with a file before the current one, whose anonymous memory may be the file's; and where that memory is. */
  let before: Mapping | undefined
  let copies: number[] = []
  for (const line of text.split('\n')) {
    const [mapping, executable] = parseLine(line) ?? []
    if (mapping === undefined) continue
    if (mapping.inode === 0n && mapping.path === '') {
      const adjacent = (mappings[copies.at(-1) ?? -1] ?? before)?.end === mapping.start
      if (executable === true && adjacent) copies.push(mappings.length)
      if (executable === true) mappings.push(mapping)
      continue
    }
    if (before !== undefined && isSameFile(before, mapping) && isInLine(before, mapping)) {
      for (const each of copies) mappings[each] = ofFile(mappings[each]!, before)
    }
    copies = []
    before = mapping.inode === 0n ? undefined : mapping
    if (executable === true) mappings.push(mapping)
  }
  return mappings
}

function parseLine(line: string): [mapping: Mapping, executable: boolean] | undefined {
  const match = LINE.exec(line)
  if (match === null) return undefined
  const [, first, last, permissions, offset, device, inode, name = ''] = match
  const start = Number.parseInt(first!, 16)
  if (start >= KERNEL) return undefined
  const deleted = name.endsWith(DELETED)
  const path = unescaped(deleted ? name.slice(0, -DELETED.length) : name)
  const end = Number.parseInt(last!, 16)
  const place = { start, end, offset: Number.parseInt(offset!, 16) }
  return [{ ...place, device: device!, inode: BigInt(inode!), path, deleted }, permissions![2] === 'x']
}

/** The kernel writes the end of a line in a name as an octal number, and nothing else. */
function unescaped(name: string): string {
  return name.replaceAll('\\012', '\n')
}

/** Whether two mappings are of one file. */
export function isSameFile(a: Mapping, b: Mapping): boolean {
  return a.inode === b.inode && a.device === b.device && a.inode !== 0n
}

/** Whether two mappings have their file at the same distance from its offsets. */
function isInLine(a: Mapping, b: Mapping): boolean {
  return a.start - a.offset === b.start - b.offset
}

function ofFile({ start, end }: Mapping, file: Mapping): Mapping {
  return { ...file, start, end, offset: start - file.start + file.offset }
}

/** The mapping that an address lies in. */
export function mappingAt(mappings: readonly Mapping[], address: number): Mapping | undefined {
  let low = 0
  let high = mappings.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (mappings[middle]!.start <= address) low = middle + 1
    else high = middle
  }
  const mapping = mappings[low - 1]
  return mapping !== undefined && address < mapping.end ? mapping : undefined
}
