/**
 * Does what README asks of a stranger: clones the repository into an empty directory and follows the two lines of
 * "Try it" word by word. Needs root, git and npm.
 *
 *     npm run test:readme [-- start|test]    default: both lines
 *
 * @module
 */

import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exitCodeOf, tallyLine } from './tally.ts'

/** Records that the first line must print before it is interrupted. */
const RECORDS = 3
/** Seconds that a line may take. */
const TIMEOUT = 1800

interface Outcome {
  /** Lines of standard output. */
  lines: string[]
  /** How it ended: `'exit code 0'`, `'SIGKILL'`. */
  end: string
}

/** Runs a line in a shell; interrupts it as Ctrl-C does once `enough` says so. */
function follow(line: string, cwd: string, enough: (lines: readonly string[]) => boolean): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    // A process group of its own: Ctrl-C reaches all processes of a terminal's foreground group.
    const shell = spawn('sh', ['-c', line], { cwd, detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
    const lines: string[] = []
    let rest = ''
    let interrupted = false
    const timer = setTimeout(() => process.kill(-shell.pid!, 'SIGKILL'), TIMEOUT * 1000)
    shell.stdout.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      lines.push(...parts)
      if (!interrupted && enough(lines)) {
        interrupted = true
        process.kill(-shell.pid!, 'SIGINT')
      }
    })
    shell.on('error', reject)
    shell.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ lines, end: signal ?? `exit code ${code}` })
    })
  })
}

/** The commands of README's "Try it", in order. */
export function readmeCommands(readme: string): string[] {
  const section = readme.split(/^## /m).find(text => text.startsWith('Try it')) ?? ''
  return [...section.matchAll(/```sh\n(.*?)\n```/gs)].map(([, command]) => command!)
}

function isRecord(line: string): boolean {
  return /^events \{ kind: '(?:EXEC|EXIT)', pid: \d+, .*comm: '.+/.test(line)
}

async function main(only = process.argv[2]): Promise<number> {
  const tally = { passed: 0, failed: 0, skipped: 0 }
  const report = (name: string, good: boolean, detail: readonly string[]): void => {
    tally[good ? 'passed' : 'failed']++
    if (!good) console.log(`  FAILED ${name}\n    ${detail.slice(-30).join('\n    ')}`)
  }
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    console.log('  skipped README: it needs root on Linux')
    console.log(tallyLine({ ...tally, skipped: 1 }))
    return 0
  }
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-readme-'))
  // Something that starts and ends, for the first line to report.
  const noise = setInterval(() => execFileSync('true'), 200)
  try {
    execFileSync('git', ['clone', '--quiet', '.', directory])
    const [start = '', test = ''] = readmeCommands(readFileSync(join(directory, 'README.md'), 'utf8'))
    if (only !== 'test') {
      const { lines, end } = await follow(start, directory, lines => lines.filter(isRecord).length >= RECORDS)
      report(`${start}: prints records`, lines.filter(isRecord).length >= RECORDS, [...lines, end])
      // The shell and npm say how they were interrupted in several ways; only a crash would be another signal.
      report(`${start}: ends with Ctrl-C`, ['exit code 0', 'exit code 130', 'SIGINT'].includes(end), [end])
    }
    clearInterval(noise)
    if (only !== 'start') {
      const { lines, end } = await follow(test, directory, () => false)
      const good = end === 'exit code 0' && /^\d+ passed, 0 failed, \d+ skipped$/.test(lines.at(-1) ?? '')
      report(`${test}: passes`, good, [...lines, end])
    }
  } finally {
    clearInterval(noise)
    rmSync(directory, { recursive: true, force: true })
  }
  console.log(tallyLine(tally))
  return exitCodeOf(tally)
}

process.exitCode = await main()
