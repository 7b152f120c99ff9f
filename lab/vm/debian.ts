/**
 * Packages from Debian's archive, of any suite and architecture, without touching the host's package
 * database: a second apt configuration with its own lists and cache. apt checks the signatures.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Architectures of guests, by Node.js's names, and Debian's names for them. */
export const debianArchitectures = { x64: 'amd64', arm64: 'arm64' } as const
/** Architecture of a guest, as Node.js names it. */
export type GuestArch = keyof typeof debianArchitectures

/** A view of Debian's archive: some suites for one architecture. */
export class DebianArchive {
  readonly #directory: string
  readonly #options: readonly string[]
  #updated = false

  /**
   * @param directory where lists and packages are kept
   * @param suites such as `trixie` or `trixie-security`
   */
  constructor(directory: string, arch: GuestArch, suites: readonly string[]) {
    const debianArch = debianArchitectures[arch]
    this.#directory = directory
    for (const each of ['lists/partial', 'cache/archives/partial'])
      mkdirSync(join(directory, each), { recursive: true })
    const sources = suites.map(suite => `deb [arch=${debianArch}] ${mirror(suite)} ${suite} main\n`)
    writeFileSync(join(directory, 'sources.list'), sources.join(''))
    this.#options = Object.entries({
      'Dir::Etc::sourcelist': join(directory, 'sources.list'),
      'Dir::Etc::sourceparts': '-',
      'Dir::State::lists': join(directory, 'lists'),
      'Dir::State::status': '/dev/null',
      'Dir::Cache': join(directory, 'cache'),
      'APT::Architecture': debianArch,
      'APT::Architectures::': debianArch,
      'APT::Sandbox::User': 'root',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '3',
    }).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  }

  #apt(program: 'apt-get' | 'apt-cache', ...args: string[]): string {
    return execFileSync(program, [...this.#options, '-q', ...args], {
      encoding: 'utf8',
      cwd: this.#directory,
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  /** Fetches the package lists, once. */
  update(): void {
    if (!this.#updated) this.#apt('apt-get', 'update')
    this.#updated = true
  }

  /** Newest package, by version number in its name, whose name matches. */
  newest(pattern: RegExp): string {
    this.update()
    const names = this.#apt('apt-cache', 'pkgnames')
      .split('\n')
      .filter(name => pattern.test(name))
    const newest = names.sort(compareVersions).at(-1)
    if (newest === undefined) throw new Error(`The archive has no package that matches ${pattern}`)
    return newest
  }

  /** Whether there is a package of this name. */
  has(name: string): boolean {
    this.update()
    return this.#apt('apt-cache', 'pkgnames', name).split('\n').includes(name)
  }

  /**
   * Unpacks single packages, without what they depend on, below a directory.
   *
   * @returns names of their files, which have their versions: `libbpf-dev_1%3a1.5.0-3_amd64.deb`
   */
  unpack(names: readonly string[], into: string): string[] {
    this.update()
    const at = join(this.#directory, 'single')
    mkdirSync(at, { recursive: true })
    return names.map(name => {
      const find = (): string | undefined => readdirSync(at).find(file => file.startsWith(`${name}_`))
      if (find() === undefined) {
        execFileSync('apt-get', [...this.#options, '-q', 'download', name], { cwd: at, stdio: 'pipe' })
      }
      const file = find()!
      extract(join(at, file), into)
      return file
    })
  }

  /** Unpacks packages and all they depend on below a directory. */
  unpackClosure(names: readonly string[], into: string): void {
    this.update()
    this.#apt('apt-get', 'install', '--download-only', '--no-install-recommends', '-y', ...names)
    const archives = join(this.#directory, 'cache/archives')
    for (const file of readdirSync(archives)) {
      if (file.endsWith('.deb')) extract(join(archives, file), into)
    }
  }
}

function extract(deb: string, into: string): void {
  mkdirSync(into, { recursive: true })
  execFileSync('dpkg-deb', ['-x', deb, into], { stdio: 'pipe' })
}

/** Orders names by the numbers in them, as versions are. */
function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

/** The mirror that the host itself uses for a suite; `DEBIAN_MIRROR` overrides it. */
function mirror(suite: string): string {
  const security = suite.endsWith('-security')
  const base = process.env.DEBIAN_MIRROR
  if (base !== undefined) return security ? base.replace(/\/debian\/?$/, '/debian-security') : base
  if (!existsSync('/usr/bin/apt-get'))
    throw new Error('Fetching kernels needs apt-get, on Debian or a relative of it')
  const format = '$(ORIGIN) $(LABEL) $(REPO_URI)'
  const targets = execFileSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  })
  const wanted = security ? 'Debian Debian-Security ' : 'Debian Debian '
  const line = targets.split('\n').find(each => each.startsWith(wanted))
  if (line === undefined)
    throw new Error('apt has no Debian mirror configured; run apt-get update, or set DEBIAN_MIRROR')
  return line.slice(wanted.length)
}
