/**
 * Where file systems are mounted.
 *
 * Source: fs/proc_namespace.c `show_mountinfo`; proc_pid_mountinfo(5).
 *
 * @module
 */

import { readText } from './read-text.ts'

/** Mount points of a type of file system, such as `'tracefs'`, in this mount namespace; none without procfs. */
export function mountsOf(type: string): string[] {
  return parseMounts(readText('/proc/self/mountinfo') ?? '', type)
}

/** Mount points of a type, from the text of `mountinfo`: `ID PARENT DEVICE ROOT POINT OPTIONS [TAGS] - TYPE SOURCE OPTIONS`. */
export function parseMounts(text: string, type: string): string[] {
  const points: string[] = []
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const point = before.split(' ')[4]
    if (point !== undefined && after.split(' ')[0] === type) points.push(decoded(point))
  }
  return points
}

/** What the kernel writes as octal numbers: spaces, tabs, line ends and backslashes. */
function decoded(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
