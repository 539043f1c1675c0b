# One image for every service: Node.js runs the TypeScript as it is, so the image is Node, the packages that run, the
# sources and the compiled addon. Which service it is, is its command:
#   docker run cos/service:dev node services/access/src/main.ts
# The default target is that image; `chain` adds a development chain to it.

# A digest pins a base: --build-arg SLIM_DIGEST=@sha256:… ; tools/images makes bases of these names without a registry.
ARG NODE_VERSION=24.21.0
ARG BUILD_DIGEST=
ARG SLIM_DIGEST=

FROM node:${NODE_VERSION}-bookworm${BUILD_DIGEST} AS build

# The manifests alone, so that a change of sources installs nothing again.
FROM build AS manifests
COPY . /app
RUN find /app -type f ! -name package.json ! -name package-lock.json -delete

FROM build AS packages
WORKDIR /app
COPY --from=manifests /app .
# No package's install script runs: the addon is compiled below, and Node.js is the base image's.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
RUN mkdir /chain && mv node_modules/@foundry-rs/anvil* /chain/ \
 && rm -rf node_modules/node node_modules/node-linux-* node_modules/.package-lock.json \
 && rm -rf node_modules/@foundry-rs node_modules/solc node_modules/@openzeppelin/contracts node_modules/@types \
 && rm -rf node_modules/typescript node_modules/@typescript

FROM packages AS tree
COPY . .
# What the image is made of, for scanners: /app/sbom.cdx.json.
RUN node tools/supply-chain/sbom.ts sbom.cdx.json \
 && node packages/fhe-native/build.mjs --force \
 && test -f packages/fhe-native/build/fhe_native.node \
 && rm -rf packages/testkit packages/demo e2e contracts tools

FROM node:${NODE_VERSION}-bookworm-slim${SLIM_DIGEST} AS service-base
ENV NODE_ENV=production
WORKDIR /app
# Root's, and nobody else may write to it.
COPY --from=tree /app .
RUN groupadd --gid 10001 cos && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin cos \
 && for at in access gateway orchestrator settlement worker-1 worker-2 worker-3 operator client kafka postgres minio redis grafana chain minio-data gateway-keys; \
    do mkdir -p /run/cos/$at && chown 10001:10001 /run/cos/$at && chmod 750 /run/cos/$at; done
USER 10001:10001
# SERVING, by the standard gRPC health service of the process itself.
HEALTHCHECK --interval=10s --timeout=8s --start-period=120s --retries=6 CMD ["node", "packages/cluster/src/health-main.ts"]

# A development chain (anvil) that mines nothing while nothing happens.
FROM service-base AS chain
COPY --from=packages /chain/ node_modules/@foundry-rs/
CMD ["node", "packages/cluster/src/chain-main.ts"]

FROM service-base AS service
CMD ["node", "-e", "console.error('name a service: node services/access/src/main.ts'); process.exit(64)"]
