export type * from "./db.ts";
export { StoreError } from "./db.ts";
export * from "./dead-letter.ts";
export { lockFolder } from "./embedded/folder-lock.ts";
export { openEmbeddedStore } from "./embedded/open-embedded-store.ts";
export { claimInbox, releaseInbox } from "./inbox.ts";
export type * from "./message.ts";
export { defineMigrations } from "./migrate.ts";
export * from "./outbox.ts";
