/** Who a certificate can say that its holder is: a service, or an operator's command line. */
export const callers = ["access", "gateway", "orchestrator", "settlement", "fhe-worker", "operator"] as const;
export type Caller = (typeof callers)[number];

/** `anyone`: also people, who have no certificate and are known by their signatures. */
type Allowed = "anyone" | readonly Caller[];

/**
 * Who may call which rpc where callers are known by certificate; `*` stands for the service's other rpcs. What is not
 * listed may be called by nobody. A service token or a session is asked for besides.
 */
const table: Readonly<Record<string, Readonly<Record<string, Allowed>>>> = {
  // The mirrored chain is public; a permission is the business of those who act on it, and of people who ask beforehand.
  "cos.access.v1.AccessService": { "*": "anyone" },
  "cos.settlement.v1.SettlementService": { "*": "anyone" },
  "cos.gateway.v1.SessionService": { "*": "anyone" },
  "cos.gateway.v1.TicketService": { "*": "anyone" },
  "cos.gateway.v1.JobService": { "*": "anyone" },
  "cos.compute.v1.ComputeService": { "*": ["gateway"] },
  "cos.compute.v1.TaskService": { "*": ["fhe-worker"] },
  "cos.worker.v1.WorkerService": { GetStatus: ["operator", "orchestrator"], Drain: ["operator"] },
  "cos.ops.v1.OpsService": { "*": ["operator"] },
  "cos.ops.v1.MirrorOpsService": { "*": ["operator"] },
  "cos.ops.v1.SenderOpsService": { "*": ["operator"] },
  "cos.ops.v1.KeyOpsService": { "*": ["operator"] },
  // Health is asked by whoever restarts containers; reflection repeats the published protos.
  "grpc.health.v1.Health": { "*": "anyone" },
  "grpc.reflection.v1.ServerReflection": { "*": "anyone" },
  "grpc.reflection.v1alpha.ServerReflection": { "*": "anyone" },
};

/** @param path `/cos.compute.v1.TaskService/BeginTask`; unknown ones are allowed to nobody */
export function whoMayCall(path: string): Allowed {
  const [, service = "", rpc = ""] = path.split("/");
  const rules = Object.hasOwn(table, service) ? table[service] : undefined;
  if (rules === undefined) return [];
  return (Object.hasOwn(rules, rpc) ? rules[rpc] : rules["*"]) ?? [];
}

/** Which service answers an rpc service's calls; undefined where every service hosts one. */
export function hostOf(rpcService: string): Caller | undefined {
  const [, area] = /^cos\.([a-z]+)\.v\d+\./.exec(rpcService) ?? [];
  if (area === "compute") return "orchestrator";
  if (area === "worker") return "fhe-worker";
  if (rpcService === "cos.ops.v1.MirrorOpsService") return "access";
  if (rpcService === "cos.ops.v1.SenderOpsService") return "settlement";
  if (rpcService === "cos.ops.v1.KeyOpsService") return "gateway";
  return callers.find((caller) => caller === area);
}
