import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { loadCxxDemangler } from '../../../src/symbols/demangle/cxx.ts'
import { demangle } from '../../../src/symbols/demangle/demangle.ts'
import { decodePunycode } from '../../../src/symbols/demangle/punycode.ts'
import { demangleRust } from '../../../src/symbols/demangle/rust.ts'

/** Symbols of rustc 1.95 with what c++filt of binutils 2.40 makes of them, without hashes and types of constants. */
const V0: Readonly<Record<string, string>> = {
  _RNvNtCsgEmfK2I1SDS_4core3fmt5write: 'core::fmt::write',
  _RINvMNtCsgEmfK2I1SDS_4core3stre18trim_start_matchesReECsgY6Mt91CT9J_14rustc_demangle:
    '<str>::trim_start_matches::<&str>',
  _RINvMNtNtCsgEmfK2I1SDS_4core5slice5asciiSh27eq_ignore_ascii_case_chunksKj10_ECsjS01nSQMIGk_15rustfmt_nightly:
    '<[u8]>::eq_ignore_ascii_case_chunks::<16>',
  _RINvNtCsgEmfK2I1SDS_4core3ptr13drop_in_placeAINtNtCslNYArtu3iFV_5alloc3vec3VecNtNtNtCs3wegSnFCpo7_12aho_corasick4util10primitives9PatternIDEj10_EB1k_:
    'core::ptr::drop_in_place::<[alloc::vec::Vec<aho_corasick::util::primitives::PatternID>; 16]>',
  _RNvXs11_NtNtCsduwmD7cSIQq_5gimli4read4lineINtB6_9FileEntryINtNtB8_12endian_slice11EndianSliceNtNtBa_9endianity12LittleEndianEjENtNtCsgEmfK2I1SDS_4core5clone5Clone5cloneCsjrHSEGnQ3l9_3std:
    '<gimli::read::line::FileEntry<gimli::read::endian_slice::EndianSlice<gimli::endianity::LittleEndian>, usize> as core::clone::Clone>::clone',
  _RINvMNtNtCsgEmfK2I1SDS_4core4cell4onceINtB3_8OnceCellINtNtB7_6result6ResultNtNtCs4X4t9plMPHF_9addr2line4line5LinesNtNtCsduwmD7cSIQq_5gimli4read5ErrorEE8try_initNCINvB2_11get_or_initNCINvMB1d_NtB1d_9LazyLines6borrowINtNtB1Q_12endian_slice11EndianSliceNtNtB1S_9endianity12LittleEndianEE0E0zECsjrHSEGnQ3l9_3std:
    '<core::cell::once::OnceCell<core::result::Result<addr2line::line::Lines, gimli::read::Error>>>::try_init::<<core::cell::once::OnceCell<core::result::Result<addr2line::line::Lines, gimli::read::Error>>>::get_or_init<<addr2line::line::LazyLines>::borrow<gimli::read::endian_slice::EndianSlice<gimli::endianity::LittleEndian>>::{closure#0}>::{closure#0}, !>',
}

/** Names that RFC 2603 gives as examples, or that its grammar allows. */
const GRAMMAR: Readonly<Record<string, string>> = {
  _RNvC1a4main: 'a::main',
  _RNCNvC1a4main0: 'a::main::{closure#0}',
  _RNCNvC1a4mains_0: 'a::main::{closure#1}',
  _RNSNvC1a4main6vtable: 'a::main::{shim:vtable#0}',
  _RINvC1a1fTlEE: 'a::f::<(i32,)>',
  _RINvC1a1fTlhEE: 'a::f::<(i32, u8)>',
  _RINvC1a1fQhE: 'a::f::<&mut u8>',
  _RINvC1a1fPhOhE: 'a::f::<*const u8, *mut u8>',
  _RINvC1a1fFUKCxEuE: 'a::f::<unsafe extern "C" fn(i64)>',
  _RINvC1a1fFG_RL0_hEjE: "a::f::<for<'a> fn(&'a u8) -> usize>",
  _RINvC1a1fDNtC1b1TEL_E: 'a::f::<dyn b::T>',
  _RINvC1a1fDINtC1b1ThEp4ItemlEL_E: 'a::f::<dyn b::T<u8, Item = i32>>',
  _RINvC1a1fKb1_Kc41_Kin5_KpE: "a::f::<true, 'A', -5, _>",
  '_RNvC1a1f.cold': 'a::f.cold',
  '_RNvC1a1f.llvm.1234ABCD': 'a::f',
}

test('Rust names of the present mangling are readable', t => {
  for (const [symbol, name] of Object.entries({ ...V0, ...GRAMMAR })) {
    t.is(demangleRust(symbol), name)
  }
})

test('identifiers beyond ASCII are readable', t => {
  t.is(decodePunycode('gdel_5qa'), 'gödel')
  t.is(decodePunycode('fiqs8s'), '中国')
  t.is(decodePunycode('99999999'), undefined)
  t.is(decodePunycode('A'), undefined)
  t.is(demangleRust('_RNvC1au8gdel_5qa'), 'a::gödel')
})

test('an identifier that is longer than any compiler writes is left alone', t => {
  t.is(decodePunycode('a'.repeat(300_000)), undefined)
  t.is(decodePunycode(`${'a'.repeat(300_000)}_`), undefined)
  t.is(decodePunycode(`${'a'.repeat(4095)}_`)?.length, 4095)
})

test('Rust names of the old mangling are readable', t => {
  const hash = '17h0123456789abcdefE'
  for (const [symbol, name] of [
    [`_ZN4core3fmt5write${hash}`, 'core::fmt::write'],
    [`_ZN4test1a2bc${hash}`, 'test::a::bc'],
    [`_ZN33_$LT$$u5b$T$u5d$$u20$as$u20$a$GT$1f${hash}`, '<[T] as a>::f'],
    [`_ZN13a..b$C$$RF$c${hash}`, undefined],
    [`_ZN11a..b$C$$RF$c${hash}`, undefined],
    [`_ZN12a..b$C$$RF$c${hash}`, 'a::b,&c'],
    [`_ZN1a1f${hash}.llvm.123`, 'a::f'],
    [`_ZN1a1f${hash}.cold`, 'a::f.cold'],
    ['_ZN1a1fE', undefined],
    ['_ZN4core3fmt5writeEv', undefined],
    ['_ZNSo5flushEv', undefined],
  ] as const) {
    t.is(demangleRust(symbol), name, symbol)
  }
})

test('what is not a Rust name stays as it is', t => {
  for (const name of [
    '',
    '_R',
    '_RN',
    '_RNvC1',
    '_RNvC9a',
    'malloc',
    '_ZNSo5flushEv',
    '_RB_',
    '_RNvB_1a',
    '_ZN',
  ]) {
    t.is(demangle(name), name)
  }
})

test('short names that describe endless ones are left alone', t => {
  const nested = `_RINvC1a1f${'T'.repeat(10_000)}`
  t.is(demangle(nested), nested)
  // Each element is twice the one before.
  let tuple = 'TllE'
  let symbol = `_RINvC1a1f${tuple}`
  for (let i = 0; i < 40; i++) {
    const at = symbol.length - tuple.length - 2
    const digits = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
    const base62 =
      at === 0 ? '_' : `${at - 1 >= 62 ? digits[Math.floor((at - 1) / 62)] : ''}${digits[(at - 1) % 62]}_`
    tuple = `TB${base62}B${base62}E`
    symbol += tuple
  }
  t.is(demangle(`${symbol}E`), `${symbol}E`)
})

test('damaged names end in a name', t => {
  const symbols = Object.keys({ ...V0, ...GRAMMAR })
  const change = fc.tuple(fc.nat(), fc.constantFrom(...'_0129asBCEFDGIKLMNRTXYpuz'))
  t.notThrows(() =>
    fc.assert(
      fc.property(
        fc.constantFrom(...symbols),
        fc.array(change, { maxLength: 4 }),
        fc.nat(),
        (symbol, changes, cut) => {
          const letters = [...symbol.slice(0, cut % 3 === 0 ? cut % symbol.length : symbol.length)]
          for (const [at, letter] of changes) letters[2 + (at % letters.length)] = letter
          return typeof demangle(letters.join('')) === 'string'
        },
      ),
      { numRuns: 2000 },
    ),
  )
})

test('C++ names are readable where the package for them is installed', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'demangle-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  t.is(await loadCxxDemangler(folder), undefined)
  const made = join(folder, 'node_modules/gecko-profiler-demangle')
  mkdirSync(made, { recursive: true })
  writeFileSync(join(made, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(made, 'index_bg.js'),
    `let loaded = 0
    export const __wbg_set_wasm = () => void loaded++
    export function demangle_any(name) {
      if (name === 'bad') throw new Error('unreachable')
      return loaded + name
    }`,
  )
  writeFileSync(join(made, 'index_bg.wasm'), Buffer.from('0061736d01000000', 'hex'))
  const demangleCxx = await loadCxxDemangler(folder)
  t.is(demangleCxx?.('_Z1fv'), '1_Z1fv')
  t.is(demangleCxx?.('bad'), 'bad')
  t.is(demangleCxx?.('_Z1fv'), '2_Z1fv')
})
