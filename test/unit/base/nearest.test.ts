import test from 'ava'
import { nearest, suggestion } from '../../../src/base/nearest.ts'

const known = ['run', 'inspect', 'verify', 'kprobe', 'bench', 'struct_ops']

test('the nearest word is found through slips of all kinds', t => {
  for (const [word, meant] of [
    ['rnu', 'run'],
    ['ru', 'run'],
    ['runn', 'run'],
    ['inspcet', 'inspect'],
    ['verfiy', 'verify'],
    ['krpobes', 'kprobe'],
    ['structops', 'struct_ops'],
    ['benhc', 'bench'],
  ] as const) {
    t.is(nearest(word, known), meant, word)
  }
})

test('what is like nothing has no suggestion', t => {
  for (const word of ['', 'x', 'frob', 'list', 'verification', '\x1b[2J'])
    t.is(nearest(word, known), undefined, word)
  t.is(suggestion('frob', known), '')
  t.is(suggestion('rnu', known, '--'), '; did you mean --run?')
})

test('a long word costs no time', t => {
  t.is(nearest('x'.repeat(1_000_000), known), undefined)
})
