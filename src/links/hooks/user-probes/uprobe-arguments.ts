/**
 * Arguments of uprobes that the kernel would refuse without a reason, or that would be cut to other numbers.
 *
 * @module
 */

/** Reference counters are of type `short`. Source: kernel/events/uprobes.c `uprobe_register`. */
const COUNTER_ALIGNMENT = 2
const MAX_PID = 0x7fff_ffff

/**
 * Refuses offsets that are not in the file.
 *
 * @param what names the attachment in errors: `'program p to uprobe /bin/bash:readline'`
 * @throws RangeError
 */
export function requireFileOffset(what: string, offset: number, size: number): void {
  requireInFile(what, 'offset', offset, size)
}

/**
 * Refuses offsets that are not of a reference counter in the file; 0 stands for none.
 *
 * @throws RangeError
 */
export function requireCounterOffset(what: string, offset: number, size: number): void {
  requireInFile(what, 'refCtrOffset', offset, size)
  if (offset % COUNTER_ALIGNMENT !== 0) {
    throw new RangeError(
      `Cannot attach ${what}: refCtrOffset ${offset} is not aligned to ${COUNTER_ALIGNMENT}`,
    )
  }
}

function requireInFile(what: string, name: string, offset: number, size: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new RangeError(`Cannot attach ${what}: ${name} ${offset} is not a file offset`)
  }
  if (offset >= size) {
    throw new RangeError(`Cannot attach ${what}: ${name} ${offset} is behind the end of the file, ${size}`)
  }
}

/**
 * Refuses what is not the id of a process.
 *
 * @throws RangeError
 */
export function requirePid(what: string, pid: number | undefined): void {
  if (pid !== undefined && !(Number.isInteger(pid) && pid > 0 && pid <= MAX_PID)) {
    throw new RangeError(`Cannot attach ${what}: ${pid} is not the id of a process`)
  }
}
