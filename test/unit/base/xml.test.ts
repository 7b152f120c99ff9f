import test from 'ava'
import { xmlText } from '../../../src/base/xml.ts'

test('markup is text', t => {
  t.is(xmlText(`<a href="x">&'`), '&#60;a href=&#34;x&#34;&#62;&#38;&#39;')
  t.is(xmlText('grün \u{1f600}'), 'grün \u{1f600}')
})

test('what XML does not allow, and what acts on the text around it, is an escape to be seen', t => {
  t.is(xmlText('\u0000\u001b\n\u202e\ud800\ufffe\uffff'), '\\x00\\x1b\\x0a\\u202e\\ud800\\ufffe\\uffff')
})
