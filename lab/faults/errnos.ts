/**
 * The errnos that operations fail with.
 *
 * @module
 */

import type { ErrnoName } from '../../src/base/errno.ts'

/** What any operation may fail with: no right, or nothing left of what it takes. */
export const TEST_ERRNOS: readonly ErrnoName[] = ['EPERM', 'EMFILE']

/** Besides these, errnos that the library draws conclusions from. */
export const ALL_ERRNOS: readonly ErrnoName[] = [...TEST_ERRNOS, 'EINVAL', 'ENOMEM', 'ENOENT', 'EACCES']
