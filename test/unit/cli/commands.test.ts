import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import { parseArguments } from '../../../src/cli/form/parse.ts'
import { allCommands, allGroups } from '../../support/cli/commands.ts'
import { executeHere } from '../../support/cli/fake-terminal.ts'

const COMMANDS = 'src/cli/commands'
const placed = await allCommands()
const groups = await allGroups()

test('each command is a file named after it in the folder of its group, and each file is a command', t => {
  const files = readdirSync(COMMANDS, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.ts'),
  )
  t.deepEqual(
    files.sort(),
    [
      ...placed.map(({ words }) => `${join(...words)}.ts`),
      ...groups.map(([words]) => join(...words, 'group.ts')),
    ].sort(),
  )
})

test('the list of sources in ARCHITECTURE.md is all that a new command needs', t => {
  const page = readFileSync('ARCHITECTURE.md', 'utf8')
  const listed = [...page.matchAll(/^\d\. `(src\/cli\/commands\/\S+)`/gm)].map(([, path]) => path!)
  t.deepEqual(listed, [`${COMMANDS}/GROUP/VERB.ts`, `${COMMANDS}/GROUP/group.ts`])
  for (const [words] of groups) t.true(existsSync(join(COMMANDS, ...words, 'group.ts')))
  for (const { words } of placed) {
    const path = `${join(COMMANDS, ...words)}.ts`
    // Its name stands in its own file, its group's table, and nowhere else in the sources.
    const module = `'./${words.at(-1)}.ts'`
    const group = readFileSync(join(dirname(path), 'group.ts'), 'utf8')
    t.is(group.split(module).length, 2, path)
  }
})

for (const { words, summary, command } of placed) {
  const name = `ebpf-ts ${words.join(' ')}`

  test(`${name} says what it does in one line, and how to use it`, async t => {
    t.regex(summary, /^[a-z].{10,70}[^.]$/)
    t.true(command.description.length > 0)
    const { code, stdout, stderr } = await executeHere([...words, '--help'])
    t.deepEqual([code, stderr], [0, ''])
    t.true(stdout.startsWith(`Usage: ${name} `))
    for (const option of [...Object.keys(command.options), 'json', 'help'])
      t.regex(stdout, new RegExp(`^ .*--${option}\\b`, 'm'))
    t.true(stdout.split('\n').every(line => line.length <= 90))
    t.deepEqual(await executeHere(['help', ...words]), { code, stdout, stderr })
  })

  test(`${name} has examples, which it understands`, t => {
    t.true(command.examples.length > 0)
    for (const { line } of command.examples)
      t.notThrows(() => parseArguments(command, line.split(' ').filter(Boolean)), line)
  })

  test(`${name} refuses an option that it does not have`, async t => {
    const { code, stdout, stderr } = await executeHere([...words, '--jsno'])
    t.deepEqual([code, stdout], [2, ''])
    t.is(stderr, `${name}: unknown option --jsno; did you mean --json?\nRun '${name} --help' for details\n`)
  })

  test(`${name} is documented`, t => {
    const page = readFileSync('docs/command-line.md', 'utf8')
    t.true(page.includes(`| \`${words.join(' ')}`), 'docs/command-line.md lists every command')
    const json = page.slice(page.indexOf('## JSON'))
    t.true(json.includes(`| \`${words.join(' ')}\` |`), 'docs/command-line.md says what every --json prints')
  })
}
