/**
 * Trees of unpacked packages, and tools that run in them with the libraries that they were built for.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { DebianArchive } from '../vm/debian.ts'
import { type Suite, tools } from './sources.ts'

/** Where everything that is fetched or built for the corpus is kept. */
export const CACHE = '.cache/corpus'

const archives = new Map<Suite, DebianArchive>()

/** The packages of a suite. */
export function archiveOf(suite: Suite): DebianArchive {
  let archive = archives.get(suite)
  if (archive === undefined) {
    archive = new DebianArchive(join(process.cwd(), CACHE, 'apt', suite), 'x64', [suite])
    archives.set(suite, archive)
  }
  return archive
}

/** Makes a directory, or takes it from the cache; one that is half made is made again. */
export function prepareDirectory(name: string, make: (directory: string) => void): string {
  const directory = join(CACHE, name)
  if (existsSync(directory)) return directory
  const unfinished = `${directory}.new`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  make(unfinished)
  renameSync(unfinished, directory)
  return directory
}

/** Unpacks the tools of a suite, or takes them from the cache. */
export function prepareTree(suite: Suite): string {
  return prepareDirectory(`tree-${suite}`, tree => {
    const { closure, single } = tools[suite]!
    archiveOf(suite).unpackClosure(closure, tree)
    archiveOf(suite).unpack(single, tree)
    // Debian keeps these as links into /usr; the package that makes them is not among ours.
    for (const each of ['bin', 'sbin', 'lib', 'lib64']) {
      if (!existsSync(join(tree, each))) symlinkSync(`usr/${each}`, join(tree, each))
    }
    mkdirSync(join(tree, 'tmp'), { recursive: true })
  })
}

/** What a tool said. */
export interface ToolResult {
  readonly ok: boolean
  readonly stdout: string
  /** What it says against its input; never empty when it failed. */
  readonly stderr: string
}

/** Runs a tool with a tree as its root, and as its working directory. */
export function runIn(tree: string, program: string, args: readonly string[]): ToolResult {
  const { status, signal, stdout, stderr, error } = spawnSync('chroot', [tree, program, ...args], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/usr/sbin', LC_ALL: 'C' },
    maxBuffer: 1 << 30,
  })
  if (error !== undefined) throw error
  const complaint = stderr.trim() || `${program} ended with ${signal ?? `exit code ${status}`}`
  return { ok: status === 0, stdout, stderr: status === 0 ? stderr : complaint }
}
