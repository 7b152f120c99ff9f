/** Holds a user namespace, and contexts of BPF file systems of it, until its input ends. Prints their descriptors. */

import { openContext } from './user-namespace.ts'

console.log(Array.from({ length: Number(process.argv[2]) }, openContext).join(' '))
process.stdin.resume()
