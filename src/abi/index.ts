/** The kernel's enumerations, flags and struct layouts. @module */

export * from './constants.ts'
export * from './generated/enums.ts'
export * from './generated/flags.ts'
export * from './generated/layouts.ts'
export * from './helper-since.ts'
export { type EnumTable, enumName, enumNumber } from './names.ts'
export * from './since.ts'
