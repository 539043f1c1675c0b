import { describe, expect, it } from "vitest";
import { judgeCalls, judgeClocks, judgeParts, judgeRegions, judgeServices } from "./judge-services.ts";
import type { Reach, SeenService } from "./look-at-service.ts";

type Told = {
  readonly said?: Readonly<Record<string, boolean>>;
  readonly health?: SeenService["report"]["health"];
  readonly aheadMs?: number;
  readonly late?: true;
  readonly reach?: Reach;
  readonly distrust?: string;
};

function service(
  name: string,
  { said = {}, health = "SERVING", reach = "open", distrust, ...rest }: Told = {},
): SeenService {
  return {
    name,
    address: "host:1",
    reach,
    report: { health, said: new Map(Object.entries(said)), ...rest },
    ...(distrust === undefined ? {} : { certificate: { endsAt: 0, distrust } }),
  };
}

const gone = { health: "UNREACHABLE" } as const;

describe("a service", () => {
  it.each<[Told, "ok" | "bad", RegExp, RegExp]>([
    [{}, "ok", /^host:1 serving$/, /^$/],
    [{ ...gone, reach: "refused" }, "bad", /nobody listens at host:1/, /process is not running/],
    [{ ...gone, reach: "silent" }, "bad", /no answer from host:1/, /firewall/],
    [{ ...gone, reach: "unknown-host" }, "bad", /no known host/, /DNS/],
    [{ ...gone, late: true }, "bad", /takes connections and does not answer/, /hangs/],
    [gone, "bad", /not this service/, /TLS/],
    [{ ...gone, distrust: "CERT_HAS_EXPIRED" }, "bad", /CERT_HAS_EXPIRED/, /renew/],
    [
      { ...gone, distrust: "SELF_SIGNED_CERT_IN_CHAIN" },
      "bad",
      /SELF_SIGNED/,
      /another authority.*platform file again/,
    ],
    [
      { health: "NOT_SERVING", said: { "part/database": false, "part/broker": true } },
      "bad",
      /takes no work/,
      /waits for the database$/,
    ],
    [{ health: "NOT_SERVING" }, "bad", /takes no work/, /starts or stops/],
  ])("seen as %o is %s", (told, level, says, fix) => {
    const [check] = judgeServices([service("gateway", told)]);
    expect(check).toMatchObject({ name: "gateway", level });
    expect(check?.says).toMatch(says);
    expect(check?.fix ?? "").toMatch(fix);
  });

  it("that stands still has its own reason", () => {
    const idle = { health: "NOT_SERVING" } as const;
    const [access, worker] = judgeServices([service("access", idle), service("worker 1", idle)]);
    expect(access?.fix).toContain("mirror");
    expect(worker?.fix).toContain("drained");
  });
});

describe("a part", () => {
  it("that answers some and not others is a matter of the others", () => {
    const seen = [
      service("gateway", { said: { "part/database": false } }),
      service("access", { said: { "part/database": true } }),
      service("worker 1", { said: { "part/broker": true } }),
      service("worker 2", { said: { "part/broker": true } }),
    ];
    expect(judgeParts(seen)).toEqual([
      {
        name: "database",
        level: "bad",
        says: "does not answer gateway; it does answer access",
        fix: "look at the settings of gateway, the part's authority among them (CA_FILE), and at the network between",
      },
      { name: "broker", level: "ok", says: "answers 2 workers" },
    ]);
  });

  it("that answers nobody is down; only of the cache that is a warning", () => {
    const said = { "part/objects": false, "part/cache": false };
    expect(judgeParts([service("gateway", { said })])).toMatchObject([
      { name: "object store", level: "bad", fix: expect.stringMatching(/^start the S3 store/) },
      { name: "cache", level: "warn", fix: expect.stringMatching(/^start Redis/) },
    ]);
  });

  it("of which nobody tells has no line", () => {
    expect(judgeParts([service("gateway", { ...gone, reach: "refused" })])).toEqual([]);
  });
});

describe("a call between services", () => {
  const gateway = service("gateway", { said: { "service/access": false, "service/orchestrator": true } });

  it("that fails though the other serves, or is not known, is a fault of its own", () => {
    expect(judgeCalls([gateway, service("access")])).toMatchObject([
      { name: "gateway to access", level: "bad" },
    ]);
    expect(judgeCalls([gateway])).toHaveLength(1);
  });

  it("that fails because the other does not serve is told by the other's line", () => {
    expect(judgeCalls([gateway, service("access", gone)])).toEqual([]);
    expect(judgeCalls([gateway, service("access", { health: "NOT_SERVING" })])).toEqual([]);
  });
});

describe("a region", () => {
  const eu = service("worker 1", { said: { "region/any": true, "region/eu": true } });
  const us = service("worker 2", { said: { "region/any": true, "region/us": true } });
  const orchestrator = (said: Readonly<Record<string, boolean>>) => service("orchestrator", { said });

  it("is served by the workers that say so", () => {
    const heard = orchestrator({ "region/any": true, "region/eu": true, "region/us": true });
    expect(judgeRegions([heard, eu, us], "eu")).toEqual([
      { name: "region any", level: "ok", says: "2 workers of 2" },
      { name: "region eu", level: "ok", says: "worker 1 of 2" },
      { name: "region us", level: "ok", says: "worker 2 of 2" },
    ]);
  });

  it("without a worker is bad in a fleet that the platform file lists, and where tasks wait", () => {
    const worker = service("worker 1", gone);
    expect(judgeRegions([orchestrator({ "region/us": false }), worker], "")).toMatchObject([
      { name: "region any", level: "bad" },
      { name: "region us", level: "bad", says: "no worker takes its tasks" },
    ]);
    expect(judgeRegions([orchestrator({ "region/us": false, "tasks/us": false })], "us")).toMatchObject([
      { name: "region us", level: "bad", says: "tasks wait, and no worker takes them" },
    ]);
  });

  it("scaled to nothing while nothing waits is only said", () => {
    const idle = orchestrator({ "region/us": false, "tasks/us": true });
    expect(judgeRegions([idle], "us")).toMatchObject([{ name: "region us", level: "warn" }]);
  });

  it("whose workers the orchestrator does not hear is bad", () => {
    expect(judgeRegions([orchestrator({ "region/eu": false }), eu], "eu")).toMatchObject([
      {}, // any: the worker says that it takes its tasks
      { name: "region eu", level: "bad", says: expect.stringContaining("has not heard of them") },
    ]);
  });
});

describe("clocks", () => {
  it.each([
    [0, "ok"],
    [5_000, "ok"],
    [-5_001, "warn"],
    [60_000, "warn"],
    [-60_001, "bad"],
  ] as const)("off by %d ms are %s", (aheadMs, level) => {
    expect(judgeClocks([service("gateway", { aheadMs }), service("access", { aheadMs: 0 })])).toMatchObject([
      { level },
    ]);
  });

  it("say which one is off, and which way", () => {
    const [check] = judgeClocks([
      service("gateway", { aheadMs: -75_400 }),
      service("access", { aheadMs: 0 }),
    ]);
    expect(check?.says).toBe("gateway is 75 s behind: tickets and sign-ins are refused");
  });
});
