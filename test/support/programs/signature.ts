/**
 * A program that is signed, and a keyring with the key that it is signed by.
 *
 * Made with OpenSSL 3.0, by a private key that was thrown away afterwards; `insns` are the bytes of the program:
 *
 *     openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 36500 -subj '/CN=ebpf-ts test' \\
 *       -addext keyUsage=digitalSignature -addext subjectKeyIdentifier=hash -addext basicConstraints=critical,CA:FALSE
 *     openssl x509 -in cert.pem -outform DER -out cert.der
 *     openssl cms -sign -binary -noattr -nocerts -nosmimecap -keyid -md sha256 -outform DER -signer cert.pem \\
 *       -inkey key.pem -in insns -out signature.der
 *
 * @module
 */

import { mov } from '../../../src/asm/alu.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { syscallEntry } from '../../../src/syscalls/entry.ts'
import { allocate, nativeString } from '../../../src/syscalls/memory.ts'

/** The program. */
export const signedCode: readonly Instruction[] = [mov(r0, 0), exit()]

/** PKCS #7 of it, detached, in DER. */
export const signature: Uint8Array = Buffer.from(
  `
  MIIBcwYJKoZIhvcNAQcCoIIBZDCCAWACAQMxDTALBglghkgBZQMEAgEwCwYJKoZIhvcNAQcBMYIBPTCCATkCAQOAFFScAFXh0+Go
  h4lkiVi1mYMQ7V8fMAsGCWCGSAFlAwQCATANBgkqhkiG9w0BAQEFAASCAQCGHcNffKgBC862hkBS2cbSHD8UXiF5GttYhxNrWEGO
  FDD7q66+p0rKDfsfKymotgDntAio32XqAnPWbiA4bqOnmaHieBWySkh4QG7VnqzMr5qi26IeUHkGrJz4OvNS6boC9/QdrmpA9yKc
  hQjW5kz4rB+5CUKRHY2Bixw5+7UIyZD1HaXYIgRMoPc0JLbdXi+SaXgp3lUyUOUAi0iTVuhRYqgsKQnxEIcdBRxS3oeIG2+x1zoo
  NhJmoSd5wWCVs+/gIAsJL6due3XN9Ty1srxADK2S+QIUl+oPWP+3q77ypVWvquiUTt2nf3BKL6Ruh+dvNPY77wGK0VdWucGy+PHA
`,
  'base64',
)

/** Certificate of the key, in DER. */
const certificate = Buffer.from(
  `
  MIIDGzCCAgOgAwIBAgIUPwHko9bQXE846oxXz2HnM4sQWEUwDQYJKoZIhvcNAQELBQAwFzEVMBMGA1UEAwwMZWJwZi10cyB0ZXN0
  MCAXDTI2MTEzMDIyMDIyMFoYDzIxMjYxMTA2MjIwMjIwWjAXMRUwEwYDVQQDDAxlYnBmLXRzIHRlc3QwggEiMA0GCSqGSIb3DQEB
  AQUAA4IBDwAwggEKAoIBAQDJ0od7BiQ8MubgKYOvk+UtZKGLztaCMb6u3XmmyGKmgPHaM/GIWTgzL6mrtfZN0wmvfgmWumktRhhY
  +BsCJNt+aH5Sxe0rQXxL8gxz6U7HUzlG6yN2oRK10Lywyv2ivRbY5eglMUrrGrAETV5x5ZgmdCn51gTs3q8uo5QAbF3jBDJSyDw2
  ohVJ0MsqfxMFuRWMIj1+WOIGSDgdfGQfleQUeqcRM5tcWhPUf/2QsqmL1CJJTvDMzq7UUctrEzdgmNgQQT1driAXfTGMYKpXH6tL
  d0TLItFMstw+TrgWZO1VnAYJZAqsDZN7XmtzvyDPTUeq7yZkamhA2IUdtWwuDxv7AgMBAAGjXTBbMB8GA1UdIwQYMBaAFFScAFXh
  0+Goh4lkiVi1mYMQ7V8fMAsGA1UdDwQEAwIHgDAdBgNVHQ4EFgQUVJwAVeHT4aiHiWSJWLWZgxDtXx8wDAYDVR0TAQH/BAIwADAN
  BgkqhkiG9w0BAQsFAAOCAQEAAECWe2jri+qUFnyNARBBABReMIDzZvuHN4eiIN7tITnohdiR/6gXasUp9J16OtF+z09/sV1s8BGJ
  Q95+B1o6p6xsrICEJpRAUOlZ1TMR7WdO67YfjMeDYWY+iK3/hk8/UJiEsCswlZM1diSoL6jalJ+otALMxargRVDrk+EBIYSklBaG
  Hb2Q2lnJ6fq8Ik+weutHHaCabCtusMHkhW3OMp2tBDj2JrfrnV9zEPsMN5fwo7OdEAMcHL4Rn38OXsLlSbX7qypjj/FEsUZ7jVY1
  5Ws1AnhlmcwqebyvXTMUoU8uz4CjbaJq2Rjm72izIQRbP0t80TSF7yT/vDSZ7HqvlA==
`,
  'base64',
)

/** Source: include/uapi/linux/keyctl.h; include/uapi/asm-generic/unistd.h. */
const KEY_SPEC_PROCESS_KEYRING = -2
const ADD_KEY = process.arch === 'x64' ? 248 : 217

/** Serial of a new keyring of this process with the key; it ends with the process. */
export function keyringWithKey(): number {
  const keyring = addKey('keyring', 'ebpf-ts', new Uint8Array(), KEY_SPEC_PROCESS_KEYRING)
  addKey('asymmetric', 'ebpf-ts', certificate, keyring)
  return keyring
}

function addKey(type: string, description: string, payload: Uint8Array, keyring: number): number {
  const [kind, name, memory] = [nativeString(type), nativeString(description), allocate(payload.length)]
  memory.bytes.set(payload)
  const address = payload.length === 0 ? 0 : memory.address
  const result = syscallEntry().syscall(ADD_KEY, kind.address, name.address, address, payload.length, keyring)
  if (result < 0) throw new Error(`add_key ${type}: ${-result}`)
  return result
}
