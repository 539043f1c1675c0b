/** The layer rules of CONTRIBUTING.md, checked by `npm run check:layers`. */
const impureNode = "^(node:)?(fs|fs/promises|net|http|https|child_process|worker_threads|process|os|dgram|tls)$";

export default {
  forbidden: [
    {
      name: "domain-is-pure",
      comment: "domain/ holds values and decisions: no app, no adapter, no transport, store or framework.",
      severity: "error",
      from: { path: "^services/[^/]+/src/domain/" },
      to: {
        path: [
          "^services/[^/]+/src/(app|adapters|compose|main|config)",
          "^packages/(store|messaging|objects|chain|service-host|client|cli|standalone|testkit)/",
          "node_modules/(@nestjs|@grpc|pg|pino|jose|@electric-sql)/",
        ],
        pathNot: "\\.spec\\.ts$",
      },
    },
    {
      name: "domain-does-no-io",
      comment: "domain/ has no clock, environment or I/O.",
      severity: "error",
      from: { path: "^services/[^/]+/src/domain/", pathNot: "\\.spec\\.ts$" },
      to: { dependencyTypes: ["core"], path: impureNode },
    },
    {
      name: "app-knows-no-adapter",
      comment: "app/ owns its ports; adapters depend on it, never the other way round.",
      severity: "error",
      from: { path: "^services/[^/]+/src/app/", pathNot: "\\.spec\\.ts$" },
      to: { path: "^services/[^/]+/src/(adapters|compose|main)" },
    },
    {
      name: "services-meet-on-the-wire",
      comment: "A service never imports a service.",
      severity: "error",
      from: { path: "^services/([^/]+)/" },
      to: { path: "^services/([^/]+)/", pathNot: "^services/$1/" },
    },
    {
      name: "packages-know-no-service",
      comment: "Only the host of all five (packages/standalone) may import services.",
      severity: "error",
      from: { path: "^packages/", pathNot: "^packages/standalone/" },
      to: { path: "^services/" },
    },
    {
      name: "pure-packages",
      comment: "protocol, genomics and programs know no transport, store or framework.",
      severity: "error",
      from: { path: "^packages/(protocol|genomics|programs)/src/" },
      to: { path: "^packages/(store|messaging|objects|chain|service-host|client|cli|standalone|testkit|proto)/" },
    },
    {
      name: "no-cycles",
      comment: "A cycle has no first thing to read.",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "tests-stay-tests",
      comment: "Code that runs does not import tests or the test kit.",
      severity: "error",
      from: { path: "^(packages|services)/[^/]+/src/", pathNot: ["\\.spec\\.ts$", "^packages/testkit/"] },
      to: { path: ["\\.spec\\.ts$", "^packages/testkit/"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: ["packages/proto/src/gen", "packages/chain/src/abi"] },
    tsPreCompilationDeps: true,
    parser: "swc",
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"], extensions: [".ts", ".js"] },
  },
};
