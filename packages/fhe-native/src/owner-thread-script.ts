/** The script of an `OwnerPool`'s threads that take the keyless steps natively where they can. */
export const nativeOwnerThread: URL = new URL("./owner-thread.ts", import.meta.url);
