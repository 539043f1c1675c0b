import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { PartUnavailable } from "./unavailable.ts";

const run = promisify(execFile);

export const kafkaVersion = "4.1.0";

/** What runs a broker: a Java command and a class path. */
export type KafkaFiles = { readonly java: string; readonly classPath: string; readonly version: string };

/**
 * Finds Kafka: an installation named by KAFKA_HOME, else the jars in the cache, else the jars fetched with Maven, by
 * whatever repository Maven is set up for and with its checksums enforced.
 * @errors `PartUnavailable` without Java 17, or without any of the three
 */
export async function kafkaFiles(cache: string): Promise<KafkaFiles> {
  const java = await findJava();
  const home = process.env.KAFKA_HOME;
  if (home) {
    const broker = (await readdir(join(home, "libs"))).find((name) =>
      /^kafka_2\.\d+-\d[\d.]*\.jar$/.test(name),
    );
    if (broker) {
      const version = /-([\d.]+)\.jar$/.exec(broker)?.[1] ?? "unknown";
      return { java, classPath: join(home, "libs", "*"), version };
    }
  }
  const folder = join(cache, `kafka-${kafkaVersion}`);
  if (!existsSync(folder)) await fetchJars(cache, folder);
  return { java, classPath: join(folder, "*"), version: kafkaVersion };
}

async function findJava(): Promise<string> {
  const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, "bin", "java") : "java";
  const said = await run(java, ["-version"]).then(
    ({ stderr }) => stderr,
    () => "",
  );
  const major = Number(/version "(\d+)/.exec(said)?.[1] ?? 0);
  if (major < 17) {
    throw new PartUnavailable("Kafka needs Java 17 or later: install a JRE, or set JAVA_HOME");
  }
  return java;
}

async function fetchJars(cache: string, folder: string): Promise<void> {
  await run("mvn", ["-version"]).catch(() => {
    throw new PartUnavailable(
      `Kafka ${kafkaVersion} is fetched with Maven: install mvn, or unpack Kafka and set KAFKA_HOME, or set COS_PARTS_KAFKA`,
    );
  });
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, "fetch-kafka-"));
  try {
    await writeFile(join(work, "pom.xml"), pom);
    const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
    const options = ["-DoutputDirectory=jars", "-DincludeScope=runtime"];
    await run("mvn", ["-q", "-B", "-C", goal, ...options], { cwd: work, maxBuffer: 1 << 24 });
    // Two runs may fetch at once: the first to finish gives its folder the name.
    await rename(join(work, "jars"), folder).catch((cause) => {
      if (!existsSync(folder)) throw cause;
    });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message.split("\n").slice(0, 3).join(" ") : String(cause);
    throw new PartUnavailable(`Maven could not fetch Kafka ${kafkaVersion}: ${detail}`, { cause });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The broker and its measuring tools, without Connect; and what writes its log lines, which its jars leave to the installation. */
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>cos</groupId><artifactId>parts</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${kafkaVersion}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${kafkaVersion}</version>
      <exclusions>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-api</artifactId></exclusion>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-json</artifactId></exclusion>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId></exclusion>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-transforms</artifactId></exclusion>
      </exclusions>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version>
    </dependency>
  </dependencies>
</project>
`;
