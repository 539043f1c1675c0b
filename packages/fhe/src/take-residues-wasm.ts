/** `take-residues.wat`, assembled by `test/build-wasm.ts`. */
export const takeResiduesWasm: Uint8Array = Buffer.from(
  [
    "AGFzbQEAAAABCQFgBH9/fn4BfwMCAQAFAwEAAQcRAgZtZW1vcnkCAAR0YWtlAAAKVgFUAgN/AX4gACEFIAAhBiAAIAFBA3RqIQQC",
    "QANAIAUgBE8NASAFKQMAIAKDIQcgBiAHNwMAIAYgByADVEEDdGohBiAFQQhqIQUMAAsLIAYgAGtBA3YL",
  ].join(""),
  "base64",
);
