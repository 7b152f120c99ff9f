import test from 'ava'
import { type Command, defineCommand } from '../../../src/cli/form/command.ts'
import { choice, count, flag, text, texts } from '../../../src/cli/form/option.ts'
import { parseArguments, wantsHelp } from '../../../src/cli/form/parse.ts'
import { UsageError } from '../../../src/cli/form/usage-error.ts'

/** A command that takes some positional arguments. */
function taking(positionals: readonly string[]): Command {
  return defineCommand({
    positionals,
    options: {
      loud: flag('be loud', 'l'),
      file: text('FILE', 'a file'),
      set: texts('NAME=VALUE', 'a value'),
      count: count('N', 'how many'),
      mode: choice('MODE', ['fast', 'slow'], 'how'),
    },
    json: { form: 'document', help: 'print JSON' },
    exclusive: [['json', 'file', 'loud']],
    description: [],
    examples: [],
    exit: { done: '', failed: '' },
    run: () => 0,
  })
}

const plain = taking(['OBJECT', '[FUNCTION]'])

test('options have the values that they are declared with', t => {
  const args = ['a.o', '--file=x', '--set', 'a=1', '--set=b=-2', '--count', '7', '--mode', 'slow', 'f']
  t.deepEqual(parseArguments(plain, args), {
    values: { loud: false, file: 'x', set: ['a=1', 'b=-2'], count: 7, mode: 'slow' },
    positionals: ['a.o', 'f'],
    json: false,
  })
  t.deepEqual(parseArguments(plain, ['-l', 'a.o']), {
    values: { loud: true, file: undefined, set: [], count: undefined, mode: undefined },
    positionals: ['a.o', undefined],
    json: false,
  })
  t.true(parseArguments(plain, ['a.o', '--json']).json)
})

test('positional arguments may be optional, and the last may be many', t => {
  const positionals = (declared: string[], ...args: string[]): unknown =>
    parseArguments(taking(declared), args).positionals
  t.deepEqual(positionals([]), [])
  t.deepEqual(positionals(['A', 'B...'], 'a', 'b', 'c'), ['a', ['b', 'c']])
  t.deepEqual(positionals(['[A...]']), [[]])
  t.deepEqual(positionals(['[A...]'], 'a'), [['a']])
  t.deepEqual(positionals(['A'], '--', '--loud'), ['--loud'])
})

for (const [args, message] of [
  [[], 'OBJECT is missing'],
  [['a', 'b', 'c'], 'unexpected argument "c"'],
  [['a', '--cuont', '1'], 'unknown option --cuont; did you mean --count?'],
  [['a', '--jsn'], 'unknown option --jsn; did you mean --json?'],
  [['a', '--frobnicate'], 'unknown option --frobnicate'],
  [['a', '--__proto__'], 'unknown option --__proto__'],
  [['a', '-x'], 'unknown option -x'],
  [['a', '--count'], '--count needs a value: --count N'],
  [['a', '--count', '--json'], '--count needs a value, not --json; for that value write --count=--json'],
  [['a', '--count', '0'], '--count needs a positive number, not "0"'],
  [['a', '--count', '1e3'], '--count needs a positive number, not "1e3"'],
  [['a', '--count='], '--count needs a positive number, not ""'],
  [['a', '--mode', 'fats'], '--mode needs one of fast, slow, not "fats"'],
  [['a', '--loud=yes'], '--loud takes no value, but has "yes"'],
  [['a', '--json', '--loud'], '--json and --loud cannot be used together'],
] satisfies [string[], string][]) {
  test(`wrong use: ${args.join(' ')}`, t => {
    const error = t.throws(() => parseArguments(plain, args), { instanceOf: UsageError })
    t.is(error.message, message)
  })
}

test('many arguments need one at least', t => {
  t.throws(() => parseArguments(taking(['A...']), []), { message: 'A is missing' })
})

test('help is asked for by an option, not by a file of its name', t => {
  t.true(wantsHelp(['a', '--help']))
  t.true(wantsHelp(['-h', '--nonsense']))
  t.false(wantsHelp(['a', '--', '--help']))
  t.false(wantsHelp(['help']))
})
