import {
  AbstractSigner,
  copyRequest,
  getBytes,
  hashMessage,
  type Provider,
  recoverAddress,
  resolveAddress,
  Signature,
  Transaction,
  type TransactionRequest,
  type TypedDataDomain,
  TypedDataEncoder,
  type TypedDataField,
  toBeHex,
} from "ethers";
import type { DigestSigner } from "./digest-signer.ts";

/** Order of secp256k1's group. */
const groupOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/**
 * An account whose key lies elsewhere: everything is hashed here and signed there. Signatures come back as Ethereum has
 * them (the lower s, EIP-2; the parity found by recovery) and only if they are the key's.
 */
export class RemoteSigner extends AbstractSigner {
  readonly #signer: DigestSigner;

  constructor(signer: DigestSigner, provider: Provider | null = null) {
    super(provider);
    this.#signer = signer;
  }

  get address(): string {
    return this.#signer.address;
  }

  override async getAddress(): Promise<string> {
    return this.address;
  }

  override connect(provider: Provider | null): RemoteSigner {
    return new RemoteSigner(this.#signer, provider);
  }

  override async signMessage(message: string | Uint8Array): Promise<string> {
    return (await this.#sign(hashMessage(message))).serialized;
  }

  override async signTypedData(
    domain: TypedDataDomain,
    types: Record<string, TypedDataField[]>,
    value: Record<string, unknown>,
  ): Promise<string> {
    return (await this.#sign(TypedDataEncoder.hash(domain, types, value))).serialized;
  }

  override async signTransaction(request: TransactionRequest): Promise<string> {
    const { from, to, ...rest } = copyRequest(request);
    if (from && (await resolveAddress(from, this)).toLowerCase() !== this.address) {
      throw new TypeError("the transaction is another account's");
    }
    const transaction = Transaction.from({
      ...rest,
      to: to ? await resolveAddress(to, this) : null,
    } as never);
    transaction.signature = await this.#sign(transaction.unsignedHash);
    return transaction.serialized;
  }

  async #sign(digest: string): Promise<Signature> {
    const { r, s } = await this.#signer.signDigest(getBytes(digest));
    const given = BigInt(`0x${Buffer.from(s).toString("hex")}`);
    const lower = given > groupOrder / 2n ? groupOrder - given : given;
    for (const yParity of [0, 1] as const) {
      const candidate = Signature.from({
        r: `0x${Buffer.from(r).toString("hex")}`,
        s: toBeHex(lower, 32),
        yParity,
      });
      if (recovers(digest, candidate)?.toLowerCase() === this.address) return candidate;
    }
    throw new TypeError("the signer's signature is not its key's");
  }
}

function recovers(digest: string, signature: Signature): string | undefined {
  try {
    return recoverAddress(digest, signature);
  } catch {
    return undefined; // No point of the curve under this parity.
  }
}
