import type { LeftWhere } from "./field-sightings.ts";
import { camelCase, protoComments } from "./proto-comments.ts";

export interface FieldMeaning {
  readonly meaning: string;
  /** Where erasing differs from the place's ordinary way. */
  readonly erase?: string;
}

const saltAtHome =
  "a salted digest: without the salt, which stays at home, it says nothing about what it stands for";

/** Last names of fields that the wire contracts do not explain, or not to a hospital. */
const meanings: Readonly<Record<string, string>> = {
  // Ciphertexts and what stands beside them.
  ciphertext: "encrypted genotypes, traits or sums; opens only with the key, which never left",
  streamIndex: "number of a padded, secretly permuted row; says nothing about who sits there",
  seed: "public; half of every fresh ciphertext of a block expands from it, the half that hides nothing",
  keyId: "random name of the key; says nothing about the key",
  contextDigest: "digest of parameters and key name; two objects under one key show that they are",
  parameterDigest: "digest of public encryption parameters",
  profile: "name of public encryption parameters",
  ciphertextsPerRow: "how many ciphertexts a row takes: follows from the number of sites or trait columns",
  rowsPadded: "number of rows after padding: the cohort's size is at most this",
  rows: "which padded rows a block holds",
  firstRow: "number of the segment's first padded row",
  rowsPerBlock: "rows to a block, a constant of the layout",
  rowBlock: "number of a block along the rows",
  variantBlock: "number of a block along the sites",
  rowDeletable: "that single rows can be deleted",
  salt: saltAtHome,
  commitment: "salted or high-entropy digest that binds what was published; shows nothing of it",
  contraction: "number of a planned sum",
  run: "number of a run of rows that are summed together",
  degree: "degree of a ciphertext, from the plan",
  context: "which of the listed contexts a sum is under",
  layout: "name of a public layout",
  packing: "name of a public packing",
  axes: "names of the table's axes",
  index: "position within a list",
  count: "number of sites in a block",
  first: "first site of a block",
  weight: "which quantity of a fixed trait a counter is weighted by; nobody's value",
  traitComplete: "that everybody in the dataset has a value for a case/control trait",
  bound: "largest code of a channel, a constant of the layout; for a trait its declared bound",
  scale: "declared scale of a channel or trait; null for quantities, whose scale is secret",
  offset: "declared offset of a channel; null for quantities, whose offset is secret",
  radixPower: "digit weight, a constant of the layout",
  multiplier: "digit weight, a constant of the layout",
  coefficient: "place within a ciphertext, a constant of the layout",
  missing: "that missing values are encrypted zeros",
  quantity: "name of an encrypted quantity, such as alleles",
  // What the manifest says in the clear.
  species: "whose chromosomes these are",
  assembly: "name of the genome assembly",
  contig: "chromosome of a site",
  position: "position of a site",
  ref: "reference allele of a site; nobody's genotype",
  alt: "alternative allele of a site; nobody's genotype",
  counted: "which of the two alleles is counted",
  strand: "strand state of a site",
  ploidy: "ploidy class of a chromosome",
  site: "name that the hospital gave for itself",
  consentClass: "GA4GH DUO codes that everybody in a segment consented to",
  segment: "name of a group of rows that joined together",
  addedIn: "version in which a segment joined",
  trait: "name of a trait; nobody's value",
  traits: "name of a trait; nobody's value",
  traitKind: "case/control or quantity",
  codes: "meaning of a trait's codes",
  unit: "unit of a trait",
  ontology: "ontology term of a trait",
  role: "what a trait is for",
  nullModelDigest: "digest of a null model; none here",
  validMask: "name of a mask; none here",
  visibleToGrant: "whether a trait is named to grantees",
  // Programs.
  array: "which published table a block or input belongs to",
  alleles: "declared bound of a program's input",
  called: "declared bound of a program's input",
  calledAlleles: "declared bound of a program's input",
  dosage: "declared bound of a program's input",
  dosageSq: "declared bound of a program's input",
  case: "declared bound of a program's input",
  control: "declared bound of a program's input",
  present: "declared bound of a program's input",
  square: "declared bound of a program's input",
  product: "which encrypted quantities a program multiplies",
  over: "axis that a program sums over",
  partition: "how a program splits long sums",
  title: "a program's title",
  format: "name and version of an object's format",
  // Objects, calls and people.
  digest: "SHA-256 of bytes that are themselves public or encrypted",
  sizeBytes: "number of bytes",
  modifiedAt: "when the object was stored",
  "object bytes": "ciphertexts, manifest, variant axis: see the object store",
  "object digest": "SHA-256 of an object's bytes",
  "transfer token": "short-lived right to move certain objects",
  authorization: "session token of a signed-in account, short-lived",
  proof: "signature that proves who redeems a ticket",
  message: "sign-in text: account, domain, time",
  signature: "signature by an account or worker key",
  address: "an account's public address: a pseudonym",
  account: "an account's public address: a pseudonym",
  from: "sender's public address: a pseudonym",
  to: "a public address: a pseudonym",
  owner: "the hospital's public address: a pseudonym",
  holder: "a public address: a pseudonym",
  grantee: "the researcher's public address: a pseudonym",
  issuer: "who issued the permit: a public address",
  minter: "the operator's address",
  nonce: "number that is used once",
  gasUsed: "computing steps of a transaction",
  blockTime: "time of a block: when something was asked for, granted, run, released",
  didCommitment: `commitment to a decentralised identifier: ${saltAtHome}`,
  purposeHash: "digest of the structured purpose; its text went to the hospital alone",
  termsHash: "digest of agreed terms",
  documentHash: "digest of the agreed data use terms",
  uri: "digest of a document or object, written as an address",
  paramsHash: "digest of the job's document: which trait, for which purpose code",
  paramsJson: "the job's document: which trait, for which purpose code; the purpose's words as a digest",
  duo: "GA4GH DUO codes of the purpose, by which segments are chosen",
  statementDigest: "digest of the purpose in words; the words went to the hospital alone",
  releaseCommitment: `digest of what was released: ${saltAtHome}`,
  class: "class of the release",
  releaseClass: "class of the release",
  datasetRoots: "commitments of the datasets' manifests",
  signatures: "the hospital's signature under this one permit",
  deadline: "until when a signature is good",
  fees: "amounts of the permit",
  data: "amount due to a dataset's owner",
  compute: "amount due to the operator",
  total: "amount in all",
  permitIds: "identifiers of permits",
  challengeWindow: "seconds in which a posted result may be challenged",
  releaseWindow: "seconds that the hospital has to release",
  rateWindow: "seconds over which a grant counts runs",
  datasetVersions: "version numbers of the datasets",
  datasetIds: "numbers of the datasets",
  grantIds: "numbers of the grants",
  ownerSbt: "number of the hospital's identity token",
  tokenId: "number of a dataset or identity token",
  sender: "who sent a transaction: a public address",
  spender: "who may take a fee: a contract's address",
  work: "amount due for work done before a stop",
  route: "which of the gateway's object routes was asked",
  inputsRoot: "digest over the commitments of the datasets' manifests",
  id: "public name: of a site (rs number), or of a segment",
  failureFacts: "codes and numbers of a failed transaction",
  // Work and its book-keeping.
  headers: "message id, producer and mode of an event",
  value: "an event's bytes: the fields listed under calls and events",
  key: "identifier of what an event is about",
  topic: "name of an event stream",
  record: "a permit's state as the chain logged it",
  event: "a chain log's bytes, or the name of a log line",
  fact: "a chain log's bytes",
  state: "where a permit, job, ticket or transaction is",
  terms: "a permit's terms as the chain logged them",
  description: "a task's plan: references to objects, no content",
  facts: "codes and numbers of a refusal or failure; none of the data",
  call: "an operator's transaction",
  intent: "an operator's transaction and what it is for",
  time: "when a line was written",
  level: "severity of a line",
  service: "which service wrote a line",
  pid: "process number",
  url: "where a service listens",
  messageId: "random identifier of an event",
  producer: "which service published an event",
  mode: "live, catching up or replayed",
  traceId: "number of a job's trace: follows from the permit's public id",
  traceparent: "number of a job's trace and of the step before: follows from the permit's public id",
  cost: "planned work of a task: follows from the published layout and the program",
};

let comments: ReadonlyMap<string, string> | undefined;

/** Book-keeping columns that say when or how often a service did something. */
const bookKeeping =
  /(_at|_until|_number|_hash|_index|_block|_offset|_left|_bytes|_seconds|_id|_ids|_digest|_root|_commitment|_uri|_by)$|^(seq|position|ordinal|fence|replica|revision|attempts|broadcasts|checksum|consumer|outcome|final|depth|kind|id|scope|subject|only_row|n|at|hash|number|offset|partitions|retractions|stage|published|paused|begun|reducing|wanted|op|taken_by|record|doubted|is_bond|accounts|operator|token|head|confirmed|finalized|lagBlocks|durationMs|tasks|code|reason|engine|worker|region|rpc|version|name|signer|redeemed_at|consumer_group|next_offset|partition|last_served|signal|bounced|compatible|races|times|unanswered|route|lagMs|capacity|slots)$/;

/**
 * What a field says, for people: our own words where we have some, else the wire contract's comment on the field of that
 * name. A field that neither explains is listed all the same.
 */
export function describeField(where: LeftWhere, field: string): FieldMeaning {
  const names = [
    field,
    camelCase(field),
    where === "service database" ? "" : (field.split(".").at(-1) ?? field),
  ];
  // Codes and parameters have names that are data: `traits.codes.1`, `inputs.G.array`.
  const within = field.split(".").slice(0, -1).reverse();
  comments ??= protoComments();
  for (const name of [...names, ...within]) {
    const own = Object.hasOwn(meanings, name) ? meanings[name] : undefined;
    const meaning = own ?? comments.get(camelCase(name));
    if (meaning !== undefined) return { meaning };
  }
  if (bookKeeping.test(field)) {
    const meaning =
      where === "service database" || where === "logs"
        ? "book-keeping of the services: when, how often, which identifier; nothing of the data"
        : "identifier, time or count of a permit, grant or payment";
    return { meaning };
  }
  return { meaning: "" };
}
