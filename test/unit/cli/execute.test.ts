import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import test from 'ava'
import { BpfError, NotSupportedError, ObjectFileError } from '../../../src/base/errors.ts'
import { type Command, defineCommand, type JsonOutput } from '../../../src/cli/form/command.ts'
import type { Tool } from '../../../src/cli/form/execute.ts'
import { CommandFailure } from '../../../src/cli/form/failure.ts'
import { flag, text } from '../../../src/cli/form/option.ts'
import { UsageError } from '../../../src/cli/form/usage-error.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { executeHere } from '../../support/cli/fake-terminal.ts'

/** A command that throws an error. */
function throwing(error: unknown, form: JsonOutput['form'] = 'document'): Command {
  return defineCommand({
    positionals: ['OBJECT', '[FUNCTION]'],
    options: { loud: flag('be loud', 'l'), file: text('FILE', 'a file with a long description '.repeat(5)) },
    json: { form, help: 'print JSON' },
    description: ['Throws an error.'],
    notes: [{ title: 'Errors', text: 'EPERM, ENOENT' }],
    examples: [{ line: 'a.o --loud', does: 'throw' }],
    exit: { done: 'never', failed: 'always' },
    run() {
      throw error
    },
  })
}

/** A tool with a command, once by itself and once in groups. */
function toolWith(command: Command, onLoad: () => void = () => {}): Tool {
  const entry = {
    summary: 'throw an error',
    command: () => {
      onLoad()
      return Promise.resolve({ command })
    },
  }
  const inner = { summary: 'do more', group: () => Promise.resolve({ commands: { throw: entry } }) }
  const outer = {
    summary: 'do something',
    group: () => Promise.resolve({ commands: { inner, throw: entry } }),
  }
  return { name: 'tool', summary: 'test things', commands: { throw: entry, outer, version: entry } }
}

const plain = throwing(new UsageError('never'))

test('a command is found by its words, in groups of any depth', async t => {
  const of = toolWith(throwing(new BpfError('No', { code: 'EPERM' })))
  for (const words of [['throw'], ['outer', 'throw'], ['outer', 'inner', 'throw']]) {
    t.deepEqual(await executeHere([...words, 'a.o'], { of }), {
      code: 1,
      stdout: '',
      stderr: `tool ${words.join(' ')}: No\n`,
    })
  }
})

test('a command is loaded when it is asked for, not for lists', async t => {
  let loads = 0
  const of = toolWith(plain, () => loads++)
  for (const args of [[], ['help'], ['--help'], ['outer'], ['help', 'outer'], ['frob']])
    await executeHere(args, { of })
  t.is(loads, 0)
  await executeHere(['help', 'outer', 'throw'], { of })
  t.is(loads, 1)
})

const TOOL_HELP = `Usage: tool COMMAND [ARGUMENTS]

Test things.

Commands:
  throw      throw an error
  outer ...  do something
  version    throw an error

Run 'tool COMMAND --help' for details.
`
const GROUP_HELP = `Usage: tool outer inner COMMAND [ARGUMENTS]

Do more.

Commands:
  throw  throw an error

Run 'tool outer inner COMMAND --help' for details.
`
const COMMAND_HELP = `Usage: tool outer throw OBJECT [FUNCTION] [OPTIONS]

Throws an error.

Options:
  -l, --loud   be loud
  --file FILE  a file with a long description a file with a long description a file with
               a long description a file with a long description a file with a long
               description
  --json       print JSON
  -h, --help   print this text

Errors:
  EPERM, ENOENT

Examples:
  tool outer throw a.o --loud
      throw

Exit code: 0 never; 1 always; 2 on wrong use.
`

for (const [help, ...lines] of [
  [TOOL_HELP, ['help'], ['--help'], ['-h']],
  [GROUP_HELP, ['help', 'outer', 'inner'], ['outer', 'inner', '--help'], ['outer', 'inner', '-h']],
  [
    COMMAND_HELP,
    ['help', 'outer', 'throw'],
    ['outer', 'throw', '--help'],
    ['outer', 'throw', 'a.o', 'b', 'c', '--wrong', '-h'],
  ],
] as const) {
  for (const args of lines) {
    test(`help: ${args.join(' ')}`, async t => {
      t.deepEqual(await executeHere(args, { of: toolWith(plain) }), { code: 0, stdout: help, stderr: '' })
    })
  }
}

test('help fits a narrow terminal', async t => {
  for (const args of [['help'], ['help', 'throw']]) {
    const { stdout } = await executeHere(args, { of: toolWith(plain), columns: 45 })
    for (const line of stripVTControlCharacters(stdout).split('\n')) t.true(line.length <= 45, line)
  }
})

for (const [args, message, usage] of [
  [[], undefined, TOOL_HELP],
  [['outer', 'inner'], undefined, GROUP_HELP],
  [['frob'], 'tool: unknown command "frob"', TOOL_HELP],
  [['thorw'], 'tool: unknown command "thorw"; did you mean throw?', TOOL_HELP],
  [['help', 'vresion'], 'tool: unknown command "vresion"; did you mean version?', TOOL_HELP],
  [['outer', 'inner', 'trow'], 'tool outer inner: unknown command "trow"; did you mean throw?', GROUP_HELP],
  [['constructor'], 'tool: unknown command "constructor"', TOOL_HELP],
  [['--json', 'throw'], 'tool: unknown option --json; options follow the command', TOOL_HELP],
] as const) {
  test(`wrong use of the tool: ${args.join(' ')}`, async t => {
    t.deepEqual(await executeHere(args, { of: toolWith(plain) }), {
      code: 2,
      stdout: '',
      stderr: message === undefined ? usage : `${message}\n\n${usage}`,
    })
  })
}

test('wrong use of a command is text, even where JSON is asked for', async t => {
  const of = toolWith(throwing(new UsageError('do not')))
  t.deepEqual(await executeHere(['throw', 'a.o', '--json'], { of }), {
    code: 2,
    stdout: '',
    stderr: "tool throw: do not\nRun 'tool throw --help' for details\n",
  })
  t.is((await executeHere(['throw', '--json'], { of })).code, 2)
})

test('--version is the command of that name', async t => {
  for (const option of ['--version', '-V', 'version']) {
    const { code, stdout } = await executeHere([option])
    t.is(code, 0)
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    t.is(stdout.split('\n')[0], `ebpf-ts ${version}`)
    t.true(stdout.includes(`Node.js ${process.versions.node}\n`))
  }
  const { stdout } = await executeHere(['--version', '--json'])
  t.deepEqual(Object.keys(JSON.parse(stdout) as object), [
    'version',
    'node',
    'system',
    'release',
    'architecture',
    'backend',
  ])
})

/** Errors, with what the document has besides the message. */
const failures: readonly (readonly [error: Error, document: Record<string, unknown>])[] = [
  [
    new BpfError('Cannot load', { code: 'EPERM', errno: 1, syscall: 'bpf(BPF_PROG_LOAD)' }),
    { code: 'EPERM', errno: 1, syscall: 'bpf(BPF_PROG_LOAD)', hint: null },
  ],
  [
    new NotSupportedError('Arenas', '6.9', { hint: 'use an array' }),
    {
      code: 'ERR_NOT_SUPPORTED',
      errno: null,
      syscall: null,
      hint: 'use an array',
      feature: 'Arenas',
      since: '6.9',
    },
  ],
  [
    new ObjectFileError('Truncated', { file: 'a.o', offset: 4 }),
    {
      code: 'ERR_OBJECT_FILE',
      errno: null,
      syscall: null,
      hint: null,
      reason: 'Truncated',
      file: 'a.o',
      section: null,
      offset: 4,
    },
  ],
  [
    new VerifierError(
      'Refused',
      { log: 'long', reason: ['R1 invalid'], slot: 3 },
      { code: 'EACCES', errno: 13 },
    ),
    { code: 'EACCES', errno: 13, syscall: null, hint: null, reason: ['R1 invalid'], slot: 3, source: null },
  ],
  [
    new CommandFailure('CLI_NOTHING_ATTACHED', 'nothing is attached', { skipped: [1n] }),
    { code: 'CLI_NOTHING_ATTACHED', errno: null, syscall: null, hint: null, skipped: [1] },
  ],
  [
    Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT', errno: -2, syscall: 'open' }),
    { code: 'ENOENT', errno: 2, syscall: 'open', hint: null },
  ],
]

for (const [error, document] of failures) {
  test(`a failure is a message, or a document: ${error.message}`, async t => {
    const { message } = error
    t.deepEqual(await executeHere(['throw', 'a.o'], { of: toolWith(throwing(error)) }), {
      code: 1,
      stdout: '',
      stderr: `tool throw: ${message}\n`,
    })
    for (const form of ['document', 'lines'] as const) {
      const { code, stdout, stderr } = await executeHere(['throw', 'a.o', '--json'], {
        of: toolWith(throwing(error, form)),
      })
      t.deepEqual([code, stderr], [1, ''])
      t.is(stdout.trimEnd().includes('\n'), form === 'document')
      const { code: errorCode, ...rest } = document
      t.deepEqual(JSON.parse(stdout), { error: { code: errorCode, message, ...rest } })
    }
  })
}

test('a defect of this tool shows its stack, or is a document of its own code', async t => {
  const of = toolWith(throwing(new TypeError('x is not a function')))
  const { code, stderr } = await executeHere(['throw', 'a.o'], { of })
  t.is(code, 1)
  t.regex(stderr, /^tool throw: TypeError: x is not a function\n {4}at /)
  const { stdout } = await executeHere(['throw', 'a.o', '--json'], { of })
  t.like(JSON.parse(stdout), { error: { code: 'CLI_DEFECT', message: 'x is not a function' } })
  t.is((await executeHere(['throw', 'a.o'], { of: toolWith(throwing('text')) })).stderr, 'tool throw: text\n')
})

test('a message of several lines cannot look like a message of ours', async t => {
  const error = new BpfError('Cannot load a\ntool throw: all is well\n    at file.c:1', { code: 'EPERM' })
  const { stderr } = await executeHere(['throw', 'a.o'], { of: toolWith(throwing(error)) })
  t.is(stderr, 'tool throw: Cannot load a\n    tool throw: all is well\n    at file.c:1\n')
})
