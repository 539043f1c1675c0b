/** What we use of the host's WebAssembly; neither Node's types nor our library settings declare it. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports?: object) => { readonly exports: Record<string, unknown> };
  Memory: new (...args: never[]) => WasmMemory;
};

export type WasmMemory = { readonly buffer: ArrayBuffer; grow(pages: number): number };

export const webAssembly = WebAssembly;
