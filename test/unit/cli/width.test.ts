import test from 'ava'
import fc from 'fast-check'
import { columnsOf, cut, fill } from '../../../src/cli/output/width.ts'

test('wide characters take two columns, marks none', t => {
  for (const [text, columns] of [
    ['', 0],
    ['abc', 3],
    ['größe', 5],
    ['e\u0301', 1],
    ['\u0301', 0],
    ['日本語', 6],
    ['한글', 4],
    ['ｆｕｌｌ', 8],
    ['\u{1f600}', 2],
    ['\u2764\ufe0f', 2],
    ['…', 1],
    ['▏█', 2],
  ] as const) {
    t.is(columnsOf(text), columns, text)
  }
})

test('text is cut where it does not fit, with an ellipsis', t => {
  t.is(cut('abcdef', 6), 'abcdef')
  t.is(cut('abcdefg', 6), 'abcde…')
  t.is(cut('日本語', 5), '日本…')
  t.is(cut('日本語', 4), '日…')
  t.is(cut('abc', 1), '…')
  t.is(cut('abc', 0), '')
})

test('an escape is kept whole or left out', t => {
  t.is(cut('a\x1b[2J', 8), 'a\\x1b[2J')
  t.is(cut('a\x1b[2J', 7), 'a\\x1b[…')
  t.is(cut('a\x1b[2J', 5), 'a…')
  t.is(cut('\u202ea', 7), '\\u202ea')
  t.is(cut('\u202ea', 6), '…')
})

test('whatever is cut fits and is printable', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(30), (text, columns) => {
      const shown = cut(text, columns)
      t.true(columnsOf(shown) <= columns)
      t.notRegex(shown, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
    }),
  )
  t.pass()
})

test('paragraphs are filled', t => {
  t.deepEqual(fill('one two\n   three', 8), ['one two', 'three'])
  t.deepEqual(fill('one two three', 13), ['one two three'])
  t.deepEqual(fill('a_word_that_is_too_long is', 5), ['a_word_that_is_too_long', 'is'])
})

test('long text is measured piece by piece, graphemes whole', t => {
  // In one piece this takes more than the limit of the tests: the time of Intl.Segmenter grows with the square.
  const flags = '\u{1f1e9}\u{1f1ea}'.repeat(100_000)
  t.is(columnsOf(`a${flags}`), 1 + columnsOf('\u{1f1e9}\u{1f1ea}') * 100_000)
  t.is(cut(flags, 3), '\u{1f1e9}\u{1f1ea}…')
  for (let before = 500; before < 520; before++)
    t.is(columnsOf(`${'é'.repeat(before)}e\u0301\u{1f469}\u200d\u{1f4bb}é`), before + 4)
})
