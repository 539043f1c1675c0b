/**
 * What computing on ciphertexts takes, without engines, and without any code that touches a secret key: evaluation
 * threads load this instead of the whole package.
 */
export * from "./block-container.ts";
export * from "./ciphertext-list.ts";
export * from "./engine.ts";
export * from "./profile.ts";
export * from "./profiles.ts";
export * from "./thread-host.ts";
