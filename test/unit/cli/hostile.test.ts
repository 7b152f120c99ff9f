import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { measuredRow, probesDocument } from '../../support/bench/probes-document.ts'
import { allCommands } from '../../support/cli/commands.ts'
import { executeHere } from '../../support/cli/fake-terminal.ts'
import { HOSTILE, hostileObject, obeyed, temporaryFile } from '../../support/cli/hostile.ts'
import { objectPath } from '../../support/objects.ts'

/** A line of arguments; commands that need the kernel end before they reach it. */
type Arguments = readonly string[]

const compared = (t: ExecutionContext): Arguments => {
  const { environment } = probesDocument()
  const document = probesDocument({
    environment: { ...environment, kernel: HOSTILE, cpu: HOSTILE },
    rows: [measuredRow(HOSTILE, [1, 2, 3])],
  })
  const path = temporaryFile(t, 'a.json', JSON.stringify(document))
  return ['--compare', path, path]
}

/** A file whose name is hostile too. */
const hostileFile = (t: ExecutionContext): string => {
  const path = join(dirname(temporaryFile(t, 'a', '')), HOSTILE.replaceAll('/', '_'))
  writeFileSync(path, 'not an object')
  return path
}

/** Options that name parts of an object, with names that it does not have: the nearest ones are shown. */
function objectArguments(object: string): string[][] {
  return ['--only', '--without', '--map-size', '--record', '--set', '--legacy-map-layout'].map(option => [
    object,
    option,
    `${HOSTILE}=${HOSTILE}`,
  ])
}

/**
 * For each command, lines of arguments that bring hostile text to the output by every way that needs no kernel:
 * arguments, names of files, names and source lines in objects, documents.
 */
const cases: Readonly<Record<string, (t: ExecutionContext) => readonly Arguments[]>> = {
  run: t => {
    const object = hostileObject(t, objectPath('data'), 'ro_colour')
    return [
      [hostileFile(t)],
      [`/nowhere/${HOSTILE}`],
      [`/nowhere/${HOSTILE}`, '--json'],
      [object, '--set', 'no_such=1'],
      [object, '--set', `${HOSTILE}=1`],
      [object, '--set', `ro_u8=${HOSTILE}`],
      [object, '--count', HOSTILE],
      ...objectArguments(object),
    ]
  },
  inspect: t => {
    const names = ['use_recent', 'tagged_function', 'WIDE_SMALL', 'plain', 'Dual MIT/GPL']
    const recent = hostileObject(t, objectPath('recent'), ...names)
    const core = hostileObject(t, objectPath('core'), 'task_struct', 'unguarded_access')
    const externs = hostileObject(t, objectPath('externs'), 'LINUX_KERNEL_VERSION', 'bpf_prog_active')
    return [recent, core, externs]
      .flatMap(path => [[path], [path, '--disassemble'], [path, '--json']])
      .concat([[hostileFile(t)], [hostileFile(t), '--json']])
      .concat(objectArguments(recent))
  },
  verify: t => {
    const object = hostileObject(t, objectPath('core'), 'unguarded_access', 'does_not_exist', 'core.bpf.c')
    const kernel = ['--btf', 'test/btf/abi.btf']
    return [
      [object, ...kernel],
      [object, ...kernel, '--json'],
      [hostileFile(t), object, ...kernel],
      [hostileFile(t), object, ...kernel, '--json'],
      [hostileFile(t), ...kernel, '--json'],
      [object, '--btf', hostileFile(t)],
      ...objectArguments(object).filter(([, option]) => option !== '--record'),
    ]
  },
  kprobe: t => {
    const object = hostileObject(t, objectPath('legacy-maps'), 'socket')
    return [
      [object, 'vfs_mkdir'],
      [object, 'vfs_mkdir', '--json'],
      [hostileFile(t), 'vfs_mkdir'],
      [object, 'vfs_mkdir', '--mode', HOSTILE],
    ]
  },
  tracelog: () => [
    ['--count', HOSTILE],
    ['--instance', HOSTILE],
    ['--instance', HOSTILE, '--json'],
  ],
  'bench probes': t => [
    compared(t),
    ['--body', HOSTILE],
    ['--variant', HOSTILE],
    ['--compare', hostileFile(t), hostileFile(t)],
    ['--compare', `/nowhere/${HOSTILE}`, '/nowhere'],
  ],
  profile: () => [
    ['--pid', HOSTILE],
    ['--frequency', HOSTILE],
    ['--duration', HOSTILE],
    ['--output', HOSTILE],
    ['--event', HOSTILE, '--duration', HOSTILE],
  ],
  // It shows nothing of others.
  version: () => [],
}

for (const [name, linesOf] of Object.entries(cases)) {
  const words = name.split(' ')

  test(`${name}: hostile text reaches the terminal escaped`, async t => {
    const lines = [...linesOf(t), [HOSTILE, HOSTILE, HOSTILE], [`--${HOSTILE}`]]
    for (const args of lines) {
      for (const columns of [undefined, 300]) {
        const { stdout, stderr, code } = await executeHere([...words, ...args], { columns, styles: false })
        const text = stdout + stderr
        const line = JSON.stringify({ args, code, text })
        t.deepEqual(obeyed(text), [], line)
        // It is shown, and not left out.
        t.regex(text, /\\x1b|\\x1B|\\u001b/, line)
      }
    }
  })
}

test('every command is tested with hostile text', async t => {
  t.deepEqual(Object.keys(cases).sort(), (await allCommands()).map(({ words }) => words.join(' ')).sort())
})

test('hostile commands and groups are escaped', async t => {
  for (const args of [
    [HOSTILE],
    ['help', HOSTILE],
    ['bench', HOSTILE],
    [`--${HOSTILE}`],
    ['bench', `-${HOSTILE}`],
  ]) {
    const { code, stdout, stderr } = await executeHere(args)
    t.deepEqual([code, stdout], [2, ''])
    t.deepEqual(obeyed(stderr), [])
    t.regex(stderr, /\\x1b|\\u001b/)
  }
})

test('a name with a line break makes no line of its own', async t => {
  const object = hostileObject(t, objectPath('recent'), 'use_recent')
  const { stdout } = await executeHere(['inspect', object, '--disassemble'])
  const { stdout: harmless } = await executeHere(['inspect', objectPath('recent'), '--disassemble'])
  t.is(stdout.split('\n').length, harmless.split('\n').length)
})
