import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";

const long = "A".repeat(100_000);

/** Text that breaks parsers, logs, queries, paths and screens. */
export const hostileTexts: readonly string[] = [
  "",
  "\0",
  "7\0",
  "0",
  "1",
  "-1",
  "00",
  "+1",
  "1e9",
  " 1",
  "0x10",
  "NaN",
  (2n ** 64n).toString(),
  (2n ** 256n - 1n).toString(),
  (2n ** 256n).toString(),
  "9".repeat(5_000),
  long,
  "'; DROP TABLE tickets; --",
  '" OR 1=1',
  '\n{"level":50,"event":"forged.line"}\n',
  "\r\nset-cookie: forged=1",
  "\u202egnp.exe\u2066",
  "🧬".repeat(300),
  "e\u0301".repeat(500),
  "../../../etc/passwd",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what log injection looks like
  "${jndi:ldap://127.0.0.1/x}",
  "%s%n%x",
  "__proto__",
  "constructor",
  "toString",
  "open",
  "https://127.0.0.1:1/",
];

const notUtf8 = Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80]);
const text: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...hostileTexts).map((each) => Buffer.from(each)) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 60 }).map((each) => Buffer.from(each)) },
  { weight: 1, arbitrary: fc.constant(notUtf8) },
);
const bytes: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 4, arbitrary: filled([20, 32, 65]) },
  { weight: 3, arbitrary: filled([0, 1, 19, 21, 31, 33, 64, 4_096, 4_097, 100_000]) },
  { weight: 1, arbitrary: text },
);

function filled(lengths: readonly number[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(fc.constantFrom(...lengths), fc.integer({ min: 0, max: 255 }))
    .map(([length, fill]) => Buffer.alloc(length, fill));
}

const whole = fc.constantFrom(
  0n,
  1n,
  2n,
  50n,
  200n,
  201n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
);
const real = fc.constantFrom(0, -0, 1, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e308, 5e-324);

/** Bytes that claim to be a message: of its type with hostile values, of another type, cut, torn, or none at all. */
export function hostileMessage(type: DescMessage): fc.Arbitrary<Buffer> {
  const shaped = message(type, 4);
  return fc.oneof(
    { weight: 12, arbitrary: shaped },
    { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }).map((each) => Buffer.from(each)) },
    { weight: 2, arbitrary: torn(shaped) },
    { weight: 1, arbitrary: fc.tuple(shaped, shaped).map((both) => Buffer.concat(both)) },
    { weight: 1, arbitrary: hugeLength },
    { weight: 1, arbitrary: deepGroups },
    { weight: 1, arbitrary: deepNesting(type) },
  );
}

/** Some of the fields, some of them twice, some of another wire type, in any order. */
function message(type: DescMessage, depth: number): fc.Arbitrary<Buffer> {
  const fields = type.fields.map((each) => field(each, depth));
  if (fields.length === 0) return unknownField;
  // Mostly all fields, so that what lies behind the first check is reached too.
  const all = fc.tuple(...fields);
  const some = fc.array(fc.oneof(...fields, unknownField), { maxLength: fields.length * 2 });
  return fc
    .oneof({ weight: 3, arbitrary: all }, { weight: 2, arbitrary: some })
    .map((each) => Buffer.concat(each));
}

const unknownField = fc
  .tuple(fc.integer({ min: 1, max: 2 ** 29 - 1 }), whole)
  .map(([number, value]) =>
    Buffer.from(new BinaryWriter().tag(number, WireType.Varint).uint64(value).finish()),
  );

function field(of: DescField, depth: number): fc.Arbitrary<Buffer> {
  const once = value(of, depth).map((write) => {
    const writer = new BinaryWriter();
    write(writer, of.number);
    return Buffer.from(writer.finish());
  });
  const wrongType = fc
    .constantFrom(WireType.Varint, WireType.Bit64, WireType.LengthDelimited, WireType.Bit32)
    .map((wireType) =>
      Buffer.from(new BinaryWriter().tag(of.number, wireType).raw(Buffer.alloc(9, 1)).finish()),
    );
  const many =
    of.fieldKind === "list" ? fc.array(once, { maxLength: 5 }).map((each) => Buffer.concat(each)) : once;
  const flood = once.map((each) => Buffer.concat(Array(each.length > 1_000 ? 2 : 500).fill(each)));
  return fc.oneof(
    { weight: 14, arbitrary: many },
    { weight: 1, arbitrary: wrongType },
    { weight: 1, arbitrary: flood },
  );
}

type Write = (writer: BinaryWriter, number: number) => void;

function value(of: DescField, depth: number): fc.Arbitrary<Write> {
  const nested = of.fieldKind === "message" || of.fieldKind === "list" ? of.message : undefined;
  if (nested !== undefined) {
    const inner = depth === 0 ? fc.constant(Buffer.alloc(0)) : message(nested, depth - 1);
    return inner.map(
      (body) => (writer, number) => void writer.tag(number, WireType.LengthDelimited).bytes(body),
    );
  }
  if (of.fieldKind === "map")
    return text.map((body) => (writer, number) => void writer.tag(number, 2).bytes(body));
  if (of.enum !== undefined) {
    const numbers = fc.constantFrom(...of.enum.values.map((each) => each.number), 99, -1, 2 ** 31 - 1);
    return numbers.map((each) => (writer, number) => void writer.tag(number, WireType.Varint).int32(each));
  }
  return scalar(of.scalar);
}

function scalar(type: ScalarType | undefined): fc.Arbitrary<Write> {
  switch (type) {
    case ScalarType.STRING:
      return text.map(
        (body) => (writer, number) => void writer.tag(number, WireType.LengthDelimited).bytes(body),
      );
    case ScalarType.BYTES:
      return bytes.map(
        (body) => (writer, number) => void writer.tag(number, WireType.LengthDelimited).bytes(body),
      );
    case ScalarType.DOUBLE:
      return real.map((each) => (writer, number) => void writer.tag(number, WireType.Bit64).double(each));
    case ScalarType.FLOAT:
      return real.map(
        (each) => (writer, number) => void writer.tag(number, WireType.Bit32).float(Math.fround(each % 1e38)),
      );
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return whole.map((each) => (writer, number) => void writer.tag(number, WireType.Bit64).fixed64(each));
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return fc
        .constantFrom(0, 2 ** 32 - 1)
        .map((each) => (writer, number) => void writer.tag(number, WireType.Bit32).fixed32(each));
    default:
      return whole.map((each) => (writer, number) => void writer.tag(number, WireType.Varint).uint64(each));
  }
}

const torn = (of: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> =>
  fc.tuple(of, fc.nat(), fc.nat(), fc.nat(255)).map(([whole, cut, at, value]) => {
    const copy = Buffer.from(whole.subarray(0, whole.length === 0 ? 0 : cut % whole.length));
    if (copy.length > 0) copy[at % copy.length] = value;
    return copy;
  });

/** A field that announces more bytes than there are, up to 2^63. */
const hugeLength = fc
  .tuple(fc.integer({ min: 1, max: 15 }), whole)
  .map(([number, length]) =>
    Buffer.from(
      new BinaryWriter()
        .tag(number, WireType.LengthDelimited)
        .uint64(length)
        .raw(Buffer.from("short"))
        .finish(),
    ),
  );

const deepGroups = fc
  .integer({ min: 1, max: 15 })
  .map((number) => Buffer.alloc(200_000, (number << 3) | WireType.StartGroup));

/** Messages in messages down a field that may hold its own kind, or the first field where none does. */
function deepNesting(type: DescMessage): fc.Arbitrary<Buffer> {
  const number = type.fields.find((each) => each.message !== undefined)?.number ?? 1;
  return fc.integer({ min: 10, max: 2_000 }).map((depth) => {
    let body: Uint8Array = Buffer.alloc(0);
    for (let level = 0; level < depth; level++) {
      body = new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(body).finish();
    }
    return Buffer.from(body);
  });
}
