import { connect } from "node:net";
import { connect as connectTls, type PeerCertificate } from "node:tls";
import type { Platform } from "@cos/client";
import { type HealthReport, readHealthReport } from "@cos/service-host/health-report";
import { publicTlsWire } from "@cos/service-host/wire";

/** Whether somebody listens. `silent`: no answer at all, as behind a firewall. */
export type Reach = "open" | "refused" | "silent" | "unknown-host";

export type SeenCertificate = {
  /** Unix seconds. */
  readonly endsAt: number;
  /** OpenSSL's reason not to believe it, such as `CERT_HAS_EXPIRED`; undefined where it is believed. */
  readonly distrust?: string;
};

export type SeenService = {
  /** As the platform file knows it: `gateway`, `worker 1`. */
  readonly name: string;
  readonly address: string;
  readonly reach: Reach;
  readonly report: HealthReport;
  /** Where the platform is under TLS; undefined where the other side gave none. */
  readonly certificate?: SeenCertificate;
};

const patienceMs = 4_000;

/** The services that a platform file names, in the order in which a call passes them. */
export function servicesOf({ services }: Platform): readonly { name: string; address: string }[] {
  const named = (["gateway", "access", "settlement", "orchestrator"] as const).flatMap((name) => {
    const address = services[name];
    return address === undefined ? [] : [{ name, address }];
  });
  return [...named, ...services.workers.map((address, i) => ({ name: `worker ${i + 1}`, address }))];
}

/** Looks at one service from outside, as anyone may: does somebody listen, who is it, and what does it tell of itself. */
export async function lookAtService(
  { name, address }: { readonly name: string; readonly address: string },
  tls: Platform["tls"],
): Promise<SeenService> {
  const reach = await reachOf(address);
  if (reach !== "open") {
    return { name, address, reach, report: { health: "UNREACHABLE", said: new Map() } };
  }
  const [report, certificate] = await Promise.all([
    readHealthReport(address, patienceMs, tls && publicTlsWire(tls.ca)),
    tls && certificateOf(address, tls.ca),
  ]);
  return { name, address, reach, report, ...(certificate === undefined ? {} : { certificate }) };
}

function reachOf(address: string): Promise<Reach> {
  return new Promise((resolve) => {
    const socket = connect(hostAndPort(address));
    const end = (reach: Reach) => {
      socket.destroy();
      resolve(reach);
    };
    socket.setTimeout(patienceMs, () => end("silent"));
    socket.once("connect", () => end("open"));
    socket.once("error", ({ code }: NodeJS.ErrnoException) => {
      if (code === "ENOTFOUND" || code === "EAI_AGAIN") end("unknown-host");
      else end(code === "ECONNREFUSED" || code === "ECONNRESET" ? "refused" : "silent");
    });
  });
}

/** Reads the certificate and whether the authority vouches for it; nothing is said over this connection. */
function certificateOf(address: string, ca: string): Promise<SeenCertificate | undefined> {
  return new Promise((resolve) => {
    const socket = connectTls({
      ...hostAndPort(address),
      ca,
      servername: "cos.internal",
      ALPNProtocols: ["h2"],
      rejectUnauthorized: false, // it is looked at, not trusted
      checkServerIdentity: () => undefined, // a service is known by its SAN, which the health client checks
    });
    const end = (seen: SeenCertificate | undefined) => {
      socket.destroy();
      resolve(seen);
    };
    socket.setTimeout(patienceMs, () => end(undefined));
    socket.once("error", () => end(undefined));
    socket.once("secureConnect", () => {
      const { valid_to: ends } = socket.getPeerCertificate() as Partial<PeerCertificate>;
      if (ends === undefined) return end(undefined);
      const { authorizationError: distrust } = socket as { authorizationError?: unknown };
      end({
        endsAt: Date.parse(ends) / 1000,
        ...(socket.authorized ? {} : { distrust: String((distrust as { code?: string })?.code ?? distrust) }),
      });
    });
  });
}

function hostAndPort(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(":");
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(address.slice(at + 1)) };
}
