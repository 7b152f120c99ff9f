import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'

test('what the compiler infers of shapes and codecs is exact, and wrong uses do not compile', t => {
  const files = readdirSync('test/types').filter(name => name.endsWith('.ts'))
  const text = files.map(name => readFileSync(`test/types/${name}`, 'utf8')).join('')
  const wrong = text.match(/@ts-expect-error \w/g) ?? []
  t.true(wrong.length >= 30, `${wrong.length} wrong uses`)
  const tsc = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'test/types'], {
    encoding: 'utf8',
  })
  t.is(tsc.stdout, '')
  t.is(tsc.status, 0)
})
