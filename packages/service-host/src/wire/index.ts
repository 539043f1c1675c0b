export type { TlsFiles } from "./certificate-files.ts";
export * from "./tls-wire.ts";
export { type Caller, hostOf, whoMayCall } from "./who-may-call.ts";
export { isLoopback, plaintextWire, type Wire } from "./wire.ts";
