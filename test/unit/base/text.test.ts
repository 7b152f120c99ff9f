import test from 'ava'
import fc from 'fast-check'
import { disassemble } from '../../../src/asm/disassemble.ts'
import { exit, label } from '../../../src/asm/jumps.ts'
import { printable, printableJson, printableLines } from '../../../src/base/text.ts'

test('escape sequences, both sets of control characters and carriage returns are made visible', t => {
  t.is(printable('a\x1b[2Jb\x07c'), 'a\\x1b[2Jb\\x07c')
  t.is(printable('\x9b31m'), '\\x9b31m')
  t.is(printable('harmless\rsource\x7f\0'), 'harmless\\x0dsource\\x7f\\x00')
})

test('changes of direction and invisible characters are made visible', t => {
  t.is(printable('\u202egnp.\u2066x'), '\\u202egnp.\\u2066x')
  t.is(printable('a\u200bb\ufeff\u00ad\u2028\u061c'), 'a\\u200bb\\ufeff\\xad\\u2028\\u061c')
  t.is(printable('\u{e0041}'), '\\u{e0041}')
  t.is(printable('\ud83d'), '\\ud83d')
})

test('text in any language stays as it is', t => {
  for (const text of ['größe', '日本語', 'שלום', 'न\u093f', '\u{1f600}', 'back\\slash', ''])
    t.is(printable(text), text)
})

test('line breaks and tabs are escaped on one line, and stay in lines', t => {
  t.is(printable('a\n\tb'), 'a\\x0a\\x09b')
  t.is(printableLines('a\n\tb\r\x1b\u202e\ud800'), 'a\n\tb\\x0d\\x1b\\u202e\\ud800')
})

test('nothing that a terminal obeys is left, and escaping again changes nothing', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const shown = printable(text)
      t.notRegex(shown, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      t.is(printable(shown), shown)
      t.is(printableLines(text).replaceAll('\n', '\\x0a').replaceAll('\t', '\\x09'), shown)
    }),
  )
  t.pass()
})

test('escaped JSON means the same, and has no control character', t => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), value => {
      for (const indent of [undefined, 2, '\t']) {
        const shown = printableJson(JSON.stringify(value, null, indent))
        t.notRegex(shown.replaceAll(/[\n\t]/g, ''), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
        t.deepEqual(JSON.parse(shown), JSON.parse(JSON.stringify(value)))
      }
    }),
  )
  t.is(printableJson('"\x9b\u202e\u{e0041}"'), '"\\u009b\\u202e\\udb40\\udc41"')
})

test('a disassembly has one line per instruction, whatever the symbols are called', t => {
  t.is(disassemble([label('f\n   0: exit\x1b[2J', exit())]), 'f\\x0a   0: exit\\x1b[2J:\n   0: exit\n')
})
