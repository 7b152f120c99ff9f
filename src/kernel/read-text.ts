/**
 * Files of procfs and sysfs.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { type ErrnoName, fileErrno } from '../base/errno.ts'
import { fileError } from '../base/errors.ts'

/** Text of a file; `undefined` when it cannot be read, for whatever reason. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/**
 * Text of a file that may be missing.
 *
 * @param absent the errnos that say that it is
 * @returns `undefined` when it is missing
 * @throws BpfError with the errno's name as code when it cannot be read for another reason
 */
export function readTextIfPresent(
  path: string,
  absent: readonly ErrnoName[] = ['ENOENT'],
  encoding: 'utf8' | 'latin1' = 'utf8',
): string | undefined {
  try {
    return readFileSync(path, encoding)
  } catch (error) {
    if (absent.includes(fileErrno(error))) return undefined
    throw fileError(`Cannot read ${path}`, error)
  }
}

/**
 * Text of a file that every system has.
 *
 * @throws BpfError with the errno's name as code when it cannot be read
 */
export function readRequiredText(path: string): string {
  return readTextIfPresent(path, []) as string
}
