import { moveMaskWasm } from "./move-mask-wasm.ts";
import { type Profile, packedPolynomialBytes } from "./profile.ts";
import { type WasmMemory, webAssembly } from "./web-assembly.ts";

type Exports = {
  memory: WasmMemory;
  prepare(secret: number, quotients: number, count: number, q: bigint): void;
  move(
    first: number,
    from: number,
    message: number,
    to: number,
    secret: number,
    quotients: number,
    count: number,
    q: bigint,
    bits: bigint,
    packed: number,
  ): void;
};

let compiled: object | undefined;

/**
 * Moves encryptions of zero to another public mask and adds a message: `(c0, from)` becomes
 * `(c0 + (from - to) * s + message, to)`, which has the same noise.
 * Holds two secret polynomials (s, and s divided by the primes) in a WebAssembly memory of its own until `free`.
 *
 * Whoever sees both forms of one encryption, or two masks put under it, solves for s. So this is no public function: only
 * the block writer calls it, once per encryption, on masks that are handed out once.
 * @source docs/adr/0034-one-mask-per-block.md
 */
export class MaskMover {
  readonly #profile: Profile;
  readonly #wasm: Exports;
  readonly #bytes: Uint8Array;
  /** Bytes of one polynomial, all primes. */
  readonly #size: number;
  readonly #packedSize: number;

  /** @param secret s in NTT form modulo each prime, as pairs of 32-bit words in SEAL's order; the caller wipes it */
  constructor(profile: Profile, secret: Uint8Array) {
    this.#profile = profile;
    this.#size = profile.ringDegree * profile.primes.length * 8;
    this.#packedSize = packedPolynomialBytes(profile);
    if (secret.length !== this.#size) throw new RangeError("a secret of another size");
    compiled ??= new webAssembly.Module(moveMaskWasm);
    this.#wasm = new webAssembly.Instance(compiled).exports as unknown as Exports;
    this.#wasm.memory.grow(Math.ceil((places * this.#size) / 65_536));
    this.#bytes = new Uint8Array(this.#wasm.memory.buffer);
    this.#bytes.set(secret, this.#at("secret"));
    this.#eachPrime((offset, prime) => {
      const { ringDegree } = profile;
      this.#wasm.prepare(this.#at("secret") + offset, this.#at("quotients") + offset, ringDegree, prime);
    });
  }

  /**
   * Moves one encryption of zero and packs the first polynomial of what comes out. The original is wiped wherever this
   * function saw it.
   * @param zero both polynomials as SEAL lays them out; wiped
   * @param mask residues of the mask to move to, as pairs of words
   * @param message residues of the message in NTT form, as pairs of words
   * @param packed where the packed first polynomial goes: `packedPolynomialBytes(profile)`
   */
  move(
    zero: readonly [Uint8Array, Uint8Array],
    mask: Uint32Array,
    message: Uint32Array,
    packed: Uint8Array,
  ): void {
    if (packed.length !== this.#packedSize) throw new RangeError("sizes");
    const { ringDegree, primeBits } = this.#profile;
    const wasm = this.#wasm;
    this.#put("first", zero[0]);
    this.#put("from", zero[1]);
    zero[0].fill(0);
    zero[1].fill(0);
    this.#put("message", message);
    this.#put("to", mask);
    let packedAt = this.#at("packed");
    this.#eachPrime((offset, prime, i) => {
      const bits = primeBits[i] as number;
      wasm.move(
        this.#at("first") + offset,
        this.#at("from") + offset,
        this.#at("message") + offset,
        this.#at("to") + offset,
        this.#at("secret") + offset,
        this.#at("quotients") + offset,
        ringDegree,
        prime,
        BigInt(bits),
        packedAt,
      );
      packedAt += (ringDegree * bits) / 8;
    });
    packed.set(this.#bytes.subarray(this.#at("packed"), packedAt));
    this.#bytes.fill(0, this.#at("first"), this.#at("to"));
  }

  /** Overwrites the secret. The mover is unusable afterwards. */
  free(): void {
    this.#bytes.fill(0);
  }

  #put(place: keyof typeof order, { buffer, byteOffset, byteLength }: Uint8Array | Uint32Array): void {
    if (byteLength !== this.#size) throw new RangeError("sizes");
    this.#bytes.set(new Uint8Array(buffer, byteOffset, byteLength), this.#at(place));
  }

  #at(place: keyof typeof order): number {
    return order[place] * this.#size;
  }

  #eachPrime(use: (offset: number, prime: bigint, index: number) => void): void {
    for (const [i, prime] of this.#profile.primes.entries()) use(i * this.#profile.ringDegree * 8, prime, i);
  }
}

/** The memory: one polynomial per place. What stands before `to` is wiped after each move. */
const order = { first: 0, from: 1, message: 2, to: 3, packed: 4, secret: 5, quotients: 6 } as const;
const places = 7;
