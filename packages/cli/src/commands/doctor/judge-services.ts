import { bad, type Check, fine, listed, warning } from "./check.ts";
import type { SeenService } from "./look-at-service.ts";

const isWorker = ({ name }: SeenService): boolean => name.startsWith("worker ");
const serves = ({ report }: SeenService): boolean => report.health === "SERVING";

/** Each service: is it there, is it what it should be, does it take work. */
export function judgeServices(seen: readonly SeenService[]): readonly Check[] {
  return seen.map(judgeService);
}

function judgeService(service: SeenService): Check {
  const { name, address, reach, report, certificate } = service;
  switch (reach) {
    case "refused":
      return bad(
        name,
        `nobody listens at ${address}`,
        "its process is not running, or listens elsewhere: start it, or look at the end of its log",
      );
    case "silent":
      return bad(
        name,
        `no answer from ${address}`,
        "its machine is down, or a firewall drops what is sent there",
      );
    case "unknown-host":
      return bad(name, `${address} is no known host`, "correct the address in the platform file, or the DNS");
    case "open":
      break;
  }
  if (serves(service)) return fine(name, `${address} serving`);
  if (report.health === "NOT_SERVING") return judgeIdle(service);
  if (certificate?.distrust !== undefined) {
    return bad(
      name,
      `${address} shows a certificate that is not believed: ${certificate.distrust}`,
      fixOf(certificate.distrust),
    );
  }
  return report.late === true
    ? bad(
        name,
        `${address} takes connections and does not answer`,
        "the process hangs or is stopped: look at its log and its load, and restart it",
      )
    : bad(
        name,
        `${address} is answered by something that is not this service`,
        "another program has the port, or one side speaks TLS and the other does not: fetch the platform file again",
      );
}

function judgeIdle(service: SeenService): Check {
  const { name, address, report } = service;
  const missing = [...report.said].flatMap(([what, isThere]) =>
    isThere || what.startsWith("region/") ? [] : [labelOf(what)],
  );
  const says = `${address} answers and takes no work`;
  if (missing.length > 0) return bad(name, says, `it waits for ${listed(missing)}`);
  if (name === "access") return bad(name, says, "its mirror stands still: see the line of the mirror");
  return isWorker(service)
    ? bad(name, says, "it was drained, or it starts: start it again where it should work on")
    : bad(name, says, "it starts or stops: wait, then look at the end of its log");
}

const fixOf = (distrust: string): string =>
  distrust === "CERT_HAS_EXPIRED"
    ? "renew the services' certificates (compose: docker compose run --rm prepare)"
    : "it was made by another authority than the platform file names: fetch the platform file again";

type Part = { readonly label: string; readonly fix: string; readonly onlyWarn?: string };

const parts: Readonly<Record<string, Part>> = {
  database: { label: "database", fix: "start Postgres, or mend the way to it" },
  broker: { label: "broker", fix: "start Kafka, or mend the way to it" },
  objects: { label: "object store", fix: "start the S3 store, or mend the way to it" },
  cache: {
    label: "cache",
    fix: "start Redis, or mend the way to it",
    onlyWarn: "each gateway counts limits alone until then",
  },
  chain: { label: "chain's node", fix: "start the node, or mend the way to it" },
  "second-chain": {
    label: "second chain's node",
    fix: "start it, or mend the way to it: while it does not answer nothing is permitted",
  },
};

/** `part/database` and `service/access` in words. */
const labelOf = (name: string): string => {
  const [, what = name] = name.split("/");
  return name.startsWith("part/") ? `the ${parts[what]?.label ?? what}` : what;
};

/** The parts beside the services: each is down for all, or for some only, which is another fault. */
export function judgeParts(seen: readonly SeenService[]): readonly Check[] {
  return Object.entries(parts).flatMap(([part, { label, fix, onlyWarn }]) => {
    const tell = seen.filter(({ report }) => report.said.has(`part/${part}`));
    const [with_, without] = [true, false].map((there) =>
      tell.filter(({ report }) => report.said.get(`part/${part}`) === there),
    ) as [SeenService[], SeenService[]];
    if (tell.length === 0) return [];
    if (without.length === 0) return [fine(label, `answers ${names(with_)}`)];
    const says =
      with_.length === 0
        ? `does not answer ${names(without)}`
        : `does not answer ${names(without)}; it does answer ${names(with_)}`;
    const remedy =
      with_.length === 0
        ? `${fix}; services go on by themselves`
        : `look at the settings of ${names(without)}, the part's authority among them (CA_FILE), and at the network between`;
    return [
      onlyWarn === undefined ? bad(label, says, remedy) : warning(label, says, `${remedy}; ${onlyWarn}`),
    ];
  });
}

/** Services that one cannot reach while they serve. What does not serve has a line of its own. */
export function judgeCalls(seen: readonly SeenService[]): readonly Check[] {
  return seen.flatMap((caller) =>
    [...caller.report.said].flatMap(([what, isThere]) => {
      const called = what.startsWith("service/") ? what.slice("service/".length) : undefined;
      if (called === undefined || isThere) return [];
      const other = seen.find(({ name }) => name === called);
      if (other !== undefined && !serves(other)) return [];
      return [
        bad(
          `${caller.name} to ${called}`,
          `${caller.name} does not reach ${called}${other === undefined ? "" : ", which serves"}`,
          `look at ${caller.name}'s address of ${called} (COS_…_ADDRESS), its certificate (COS_TLS_*), and the network`,
        ),
      ];
    }),
  );
}

/**
 * Who takes the tasks of each region.
 * @param region the platform's own; empty for none
 */
export function judgeRegions(seen: readonly SeenService[], region: string): readonly Check[] {
  const workers = seen.filter(isWorker);
  const heard = new Map(seen.find(({ name }) => name === "orchestrator")?.report.said);
  const all = new Set([
    ...(region === "" ? ["any"] : [region]),
    ...regionsOf(heard),
    ...workers.flatMap(({ report }) => regionsOf(report.said)),
  ]);
  return [...all].toSorted().map((name): Check => {
    const label = `region ${name}`;
    const takers = workers.filter(({ report }) => report.said.get(`region/${name}`) === true);
    if (takers.length > 0 && heard.get(`region/${name}`) === false) {
      return bad(
        label,
        `${names(takers)} would take its tasks, and the orchestrator has not heard of them`,
        "look at the worker's orchestrator address and service token",
      );
    }
    if (takers.length > 0) return fine(label, `${names(takers)} of ${workers.length}`);
    if (heard.get(`region/${name}`) === true) return fine(label, "the orchestrator has heard of workers");
    const start = `start a worker whose COS_WORKER_REGIONS names ${name}`;
    if (heard.get(`tasks/${name}`) === false)
      return bad(label, "tasks wait, and no worker takes them", start);
    return workers.length > 0
      ? bad(label, "no worker takes its tasks", start)
      : warning(label, "no worker now", `${start}, unless an autoscaler does it once there is work`);
  });
}

const regionsOf = (said: SeenService["report"]["said"]): string[] =>
  [...said.keys()].flatMap((name) => (name.startsWith("region/") ? [name.slice("region/".length)] : []));

/** A ticket's proof of possession may be so old; a grant's window is asked by two clocks. */
const refusedBeyondMs = 60_000;
const noticedBeyondMs = 5_000;

/** Clocks of services against this machine's. */
export function judgeClocks(seen: readonly SeenService[]): readonly Check[] {
  const told = seen.flatMap(({ name, report: { aheadMs } }) =>
    aheadMs === undefined ? [] : [{ name, aheadMs }],
  );
  if (told.length === 0) return [];
  const off = told.filter(({ aheadMs }) => Math.abs(aheadMs) > noticedBeyondMs);
  if (off.length === 0) return [fine("clocks", "services and this machine agree")];
  const says = off.map(
    ({ name, aheadMs }) =>
      `${name} is ${(Math.abs(aheadMs) / 1000).toFixed(0)} s ${aheadMs > 0 ? "ahead" : "behind"}`,
  );
  const fix = "let NTP set the clock of that machine, or of this one if all are off";
  return off.some(({ aheadMs }) => Math.abs(aheadMs) > refusedBeyondMs)
    ? [bad("clocks", `${says.join(", ")}: tickets and sign-ins are refused`, fix)]
    : [warning("clocks", says.join(", "), fix)];
}

/** `access, gateway and 3 workers`. */
function names(services: readonly SeenService[]): string {
  const workers = services.filter(isWorker);
  const others = services.filter((one) => !isWorker(one)).map(({ name }) => name);
  const some = workers.length > 1 ? [`${workers.length} workers`] : workers.map(({ name }) => name);
  return listed([...others, ...some]);
}
