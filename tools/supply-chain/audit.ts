/**
 * `npm run audit`: asks the registry for known vulnerabilities of what runs in production (`npm audit --omit=dev
 * --audit-level=high`). A registry without that service is said to be one, and is no failure unless `--required` is given:
 * a mirror that cannot answer must not stop work, and must not be taken for a clean answer.
 */
import { spawnSync } from "node:child_process";

const { status, stdout, stderr } = spawnSync("npm", ["audit", "--omit=dev", "--audit-level=high", "--json"], {
  encoding: "utf8",
  maxBuffer: 64 * 1024 * 1024,
});
const answer = parse(stdout);
if (answer?.metadata === undefined) {
  const reason = answer?.message ?? stderr.split("\n").find((line) => /warn audit|error/.test(line)) ?? "";
  console.log(`NOT AUDITED: this registry does not answer audits (${reason.trim() || `status ${status}`})`);
  process.exitCode = process.argv.includes("--required") ? 1 : 0;
} else {
  const { critical, high, moderate, low } = answer.metadata.vulnerabilities;
  console.log(`known vulnerabilities: ${critical} critical, ${high} high, ${moderate} moderate, ${low} low`);
  for (const { name, severity } of Object.values(answer.vulnerabilities ?? {})) {
    console.log(`  ${severity} ${name}`);
  }
  process.exitCode = critical + high > 0 ? 1 : 0;
}

type Answer = {
  readonly message?: string;
  readonly metadata?: {
    readonly vulnerabilities: Record<"critical" | "high" | "moderate" | "low", number>;
  };
  readonly vulnerabilities?: Record<string, { name: string; severity: string }>;
};

function parse(text: string): Answer | undefined {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return undefined;
  }
}
