import { existsSync, readFileSync } from 'node:fs'
import test from 'ava'

/** For each list of ARCHITECTURE.md, something that was added so: what the placeholders stand for, and its words. */
const examples: Readonly<Record<string, { names: Record<string, string>; mention: RegExp }>> = {
  command: { names: { GROUP: 'bench', VERB: 'probes' }, mention: /\bprobes\b/ },
  'feature probe': { names: {}, mention: /\bmmapableMaps\b/ },
  'info field': { names: {}, mention: /\bmemlock\b/ },
  'map kind': { names: { KIND: 'arena' }, mention: /\barena\b/i },
  hook: { names: { FAMILY: 'network', HOOK: 'xdp' }, mention: /\bxdp\b/i },
}

const architecture = readFileSync('ARCHITECTURE.md', 'utf8')
const lists = [...architecture.matchAll(/^To add an? (.*):\n\n((?:\d\. .*\n)+)/gm)]

test('ARCHITECTURE.md has the lists that are followed here', t => {
  t.deepEqual(lists.map(([, what]) => what).sort(), Object.keys(examples).sort())
})

for (const [, what = '', items = ''] of lists) {
  test(`the files to touch for a ${what} are those of one that exists`, t => {
    const { names, mention } = examples[what]!
    const paths = [...items.matchAll(/^\d\. `([^`]+)`: /gm)].map(([, path]) => path!)
    t.is(paths.length, items.trim().split('\n').length, 'each item begins with a file')
    for (const path of paths) {
      const file = path.replace(/[A-Z]{3,}/g, name => names[name] ?? name)
      t.true(existsSync(file), `${path}: ${file} does not exist`)
      t.regex(readFileSync(file, 'utf8'), mention, file)
    }
  })
}

test('every file that ARCHITECTURE.md names exists', t => {
  const names = [...architecture.matchAll(/`((?:[a-z][\w-]*\/)+[\w.-]+\.(?:ts|md|mjs))`/g)].map(
    ([, name]) => name!,
  )
  t.true(names.length > 30)
  t.deepEqual(
    [...new Set(names)].filter(
      name => !/[A-Z]{3,}/.test(name) && !existsSync(name) && !existsSync(`src/${name}`),
    ),
    [],
  )
})
