import test from 'ava'
import { fileName, fileOf, testNamer } from '../../../lab/test-runner/test-names.ts'

const batch = 'build/test/kernel/maps/batch.test.js'
const kprobe = 'build/test/kernel/links/kprobe.test.js'
const multi = 'build/test/kernel/links/kprobe-multi.test.js'
const own = 'build/test/kernel/lab/test-names.test.js'

test('the name of a test has its folder and its file, whatever ava leaves out', t => {
  t.is(testNamer([batch, kprobe])('maps › batch › a › b'), 'maps/batch › a › b')
  t.is(testNamer([kprobe, multi])('kprobe › a'), 'links/kprobe › a')
  t.is(testNamer([kprobe, multi])('kprobe-multi › a'), 'links/kprobe-multi › a')
  t.is(testNamer([kprobe])('a › b'), 'links/kprobe › a › b')
  // ava drops `test-` from names.
  t.is(testNamer([batch, own])('lab › names › a'), 'lab/test-names › a')
})

test('what has no file keeps its title', t => {
  t.is(testNamer([batch, kprobe])('Exited with code 1'), 'Exited with code 1')
})

test('a name leads back to the file', t => {
  t.is(fileName(batch), 'maps/batch')
  t.is(fileOf({ name: testNamer([batch, kprobe])('maps › batch › a › b') }), 'maps/batch')
})
