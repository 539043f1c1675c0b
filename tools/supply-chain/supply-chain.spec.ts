import { describe, expect, it } from "vitest";
import { lockedPackages } from "./lockfile.ts";
import { lockfileFaults } from "./lockfile-faults.ts";
import { unpinned } from "./pins.ts";
import { plainBom, productionOf } from "./sbom.ts";

const integrity = `sha512-${"A".repeat(86)}==`;
const good = { version: "1.2.3", integrity, license: "MIT" };
const faultsOf = (entry: object, scripts: string[] = []) =>
  lockfileFaults(lockedPackages({ "node_modules/x": { ...good, ...entry } }), new Set(scripts));

describe("a lockfile's packages", () => {
  it("pass when their bytes, place, scripts and licence are accounted for", () => {
    expect(faultsOf({})).toEqual([]);
    expect(faultsOf({ license: "(MIT OR GPL-3.0-only)" })).toEqual([]);
    expect(faultsOf({ hasInstallScript: true }, ["x@1.2.3"])).toEqual([]);
  });

  it.each([
    [{ integrity: undefined }, "no sha512 of its bytes"],
    [{ integrity: "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=" }, "no sha512 of its bytes"],
    [{ license: undefined }, "names no licence"],
    [{ license: "GPL-3.0-only" }, "is under GPL-3.0-only, which is not on the list"],
    [{ license: "MIT AND GPL-3.0-only" }, "is under MIT AND GPL-3.0-only, which is not on the list"],
    [{ resolved: "git+ssh://git@example.org/x.git#1" }, "comes from git+ssh:, not from a registry"],
    [{ hasInstallScript: true }, "has an install script that package.json does not allow"],
  ])("are refused with %o", (entry, fault) => {
    expect(faultsOf(entry)).toEqual([`node_modules/x 1.2.3: ${fault}`]);
  });

  it("allows a script of one version only", () => {
    expect(faultsOf({ hasInstallScript: true }, ["x@1.2.2"])).toHaveLength(1);
  });
});

describe("what is fetched by name", () => {
  it("is named by an exact version", () => {
    expect(unpinned("docker-compose.yml", "    image: postgres:18.4-bookworm\n")).toEqual([]);
    expect(unpinned("Dockerfile", `ARG V=1\nFROM node:\${V}-slim AS build\nFROM build\n`)).toEqual([]);
    expect(unpinned("package.json", '{"dependencies":{"pg":"8.1.0"}}')).toEqual([]);
  });

  it.each([
    ["docker-compose.yml", "    image: postgres\n"],
    ["docker-compose.yml", "    image: postgres:latest\n"],
    ["Dockerfile", "FROM debian:latest\n"],
    ["Dockerfile", "FROM debian\n"],
    ["package.json", '{"dependencies":{"pg":"^8.1.0"}}'],
    ["package.json", '{"devDependencies":{"pg":"https://example.org/pg.tgz"}}'],
  ])("is refused in %s as %s", (file, text) => {
    expect(unpinned(file, text)).toHaveLength(1);
  });
});

describe("a bill of materials", () => {
  const bom = (serialNumber: string, timestamp: string) => ({
    serialNumber,
    metadata: { timestamp, tools: [{ name: "cli" }], component: { name: "folder", "bom-ref": "cos@1.0.0" } },
    components: [{ "bom-ref": "b@1" }, { "bom-ref": "a@1" }],
  });

  it("is the same for the same lockfile, wherever and whenever it is written", () => {
    const one = plainBom(bom("urn:uuid:1", "2026-01-01"), "lock");
    expect(one).toEqual(plainBom(bom("urn:uuid:2", "2026-02-02"), "lock"));
    expect(one).not.toEqual(plainBom(bom("urn:uuid:1", "2026-01-01"), "another lock"));
    expect(JSON.stringify(one.components)).toBe('[{"bom-ref":"a@1"},{"bom-ref":"b@1"}]');
  });

  it("keeps what any workspace runs with, and nothing that only tests need", () => {
    const locked = lockedPackages({
      "node_modules/a": { version: "1", dev: true },
      "e2e/node_modules/a": { version: "2" },
      "node_modules/b": { version: "1" },
    });
    const whole = {
      metadata: {},
      components: [{ "bom-ref": "a@1" }, { "bom-ref": "a@2" }, { "bom-ref": "b@1" }],
      dependencies: [{ ref: "b@1", dependsOn: ["a@1", "a@2"] }],
    };
    expect(productionOf(whole, locked)).toMatchObject({
      components: [{ "bom-ref": "a@2" }, { "bom-ref": "b@1" }],
      dependencies: [{ ref: "b@1", dependsOn: ["a@2"] }],
    });
  });
});
