/**
 * Profiles of processes and of the machine: what runs and what waits, with the names of functions, JavaScript's too.
 *
 * @module
 */

export {
  type ProfileDocument,
  type ProfileDocumentFrame,
  type ProfileDocumentStack,
  profileDocument,
} from './document.ts'
export { type ProfileFormat, profileFile, profileFormat, profileNotes } from './files.ts'
export type { ProfileOptions, ProfileProgress, ProfileStacks } from './options.ts'
export { profile } from './profile.ts'
export type { Profile, ProfiledProcess } from './profile-result.ts'
export { formatProfile } from './report.ts'
