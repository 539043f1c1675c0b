import { describe, expect, it } from "vitest";
import type { ReceivedMessage, SubscribeOptions } from "../message-log.ts";
import { GroupMember, type Standing } from "./group-member.ts";
import type { GroupSession, SessionEvents } from "./group-session.ts";

const stallMs = 60;
const soon = { timeout: 10_000, interval: 5 };

/** A member whose client library the test plays itself: it says what the group and the brokers say. */
function played(options: Partial<SubscribeOptions> = {}, standing?: () => Promise<Standing>) {
  const sessions: { events: SessionEvents; paused: number[]; resumed: number[]; stopped: boolean }[] = [];
  const commits: string[] = [];
  const rebuilt: string[] = [];
  const member = new GroupMember(
    { group: "g", topic: "t", handle: async () => {}, ...options },
    {
      readAhead: 4,
      stallMs,
      standing: standing ?? (async () => new Map()),
      onRebuilt: (reason) => void rebuilt.push(reason),
      onAssigned: () => {},
      openSession: (_subscription, events): GroupSession => {
        const session = { events, paused: [] as number[], resumed: [] as number[], stopped: false };
        sessions.push(session);
        return {
          start: async () => {},
          pause: (partition) => void session.paused.push(partition),
          resume: (partition) => void session.resumed.push(partition),
          commit: async (positions) =>
            void commits.push(...positions.map(({ partition, offset }) => `${partition}@${offset}`)),
          stop: async () => {
            session.stopped = true;
          },
        };
      },
    },
  );
  return { member, sessions, commits, rebuilt };
}

const message = (offset: number, partition = 0): ReceivedMessage => ({
  topic: "t",
  key: "k",
  partition,
  offset: BigInt(offset),
  value: new Uint8Array(),
  headers: { messageId: `${partition}/${offset}`, producer: "p", mode: "live" },
});
const messages = (from: number, to: number): ReceivedMessage[] =>
  Array.from({ length: to - from }, (_, at) => message(from + at));

describe("a member that stalls", () => {
  it("is rebuilt when brokers answer and the group does not", async () => {
    const { member, sessions, rebuilt } = played();
    sessions[0]!.events.assigned([0], 1);
    await expect.poll(() => sessions.length, soon).toBe(2);
    expect(rebuilt).toEqual(["NO_HEARTBEAT"]);
    expect(sessions[0]!.stopped).toBe(true);
    await member.close(true);
  });

  it("is left alone while no broker answers", async () => {
    let asked = 0;
    const { member, sessions } = played({}, async () => {
      asked += 1;
      throw new Error("no broker");
    });
    await expect.poll(() => asked, soon).toBeGreaterThan(30); // several times the stall
    expect(sessions.length).toBe(1);
    await member.close(true);
  });

  it("is rebuilt when there is something to read and nothing comes, and not for what it has read", async () => {
    let end = 2n;
    const { member, sessions, rebuilt } = played({}, async () => {
      sessions.at(-1)!.events.heartbeat();
      return new Map([[0, { committed: 0n, end }]]);
    });
    let beats = 0;
    sessions[0]!.events.assigned([0], 1);
    sessions[0]!.events.messages(0, messages(0, 2));
    await expect.poll(() => (beats += 1), soon).toBeGreaterThan(40);
    expect(rebuilt).toEqual([]);
    end = 3n;
    await expect.poll(() => rebuilt, soon).toEqual(["NO_FETCH"]);
    await member.close(true);
  });

  it("keeps its running handler through a crash of its session, and does not run the message twice", async () => {
    const gate = Promise.withResolvers<void>();
    const handled: string[] = [];
    const handle = async ({ headers }: ReceivedMessage): Promise<void> => {
      handled.push(headers.messageId);
      await gate.promise;
    };
    const { member, sessions, commits } = played({ handle });
    sessions[0]!.events.assigned([0], 1);
    sessions[0]!.events.messages(0, messages(5, 7));
    expect(handled).toEqual(["0/5"]);
    sessions[0]!.events.failed("CRASHED");
    await expect.poll(() => sessions.length, soon).toBe(2);
    expect(await sessions[1]!.events.claim()).toEqual({
      generation: 1,
      owned: [0],
      busy: [0],
      leaving: false,
    });
    sessions[1]!.events.assigned([0], 7);
    sessions[1]!.events.messages(0, messages(5, 8)); // from the committed offset on
    gate.resolve();
    await expect.poll(() => commits.at(-1), soon).toBe("0@8");
    expect(handled).toEqual(["0/5", "0/6", "0/7"]);
    await member.close(true);
  });
});

describe("a member's partitions", () => {
  it("start nothing new between claim and deal, but where a handler runs", async () => {
    const gates = new Map<string, () => void>();
    const handled: string[] = [];
    const handle = ({ headers }: ReceivedMessage): Promise<void> => {
      handled.push(headers.messageId);
      return new Promise((resolve) => gates.set(headers.messageId, resolve));
    };
    const { member, sessions } = played({ handle, maxInFlight: 2 });
    const { events } = sessions[0]!;
    events.assigned([0, 1], 1);
    events.messages(0, [message(0), message(1)]);
    const claimed = events.claim();
    events.messages(1, [message(0, 1)]);
    gates.get("0/0")!();
    await expect.poll(() => handled, soon).toEqual(["0/0", "0/1"]);
    expect(await claimed).toEqual({ generation: 1, owned: [0, 1], busy: [0], leaving: false });
    events.assigned([0, 1], 2);
    expect(handled).toEqual(["0/0", "0/1", "1/0"]);
    await member.close(false);
  });

  it("that go elsewhere take their handlers' worth with them: aborted, and not committed", async () => {
    const gate = Promise.withResolvers<void>();
    const signals: AbortSignal[] = [];
    const { member, sessions, commits } = played({
      handle: async (_message, signal) => {
        signals.push(signal);
        await gate.promise;
      },
    });
    const { events } = sessions[0]!;
    events.assigned([0], 1);
    events.messages(0, [message(0)]);
    events.assigned([], 2);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    gate.resolve();
    await member.close(true);
    expect(commits).toEqual([]);
  });

  it("are not fetched while enough is ahead, and again at half of it", async () => {
    const gates: (() => void)[] = [];
    const { member, sessions } = played({
      handle: () => new Promise((resolve) => gates.push(resolve)),
    });
    const { events, paused, resumed } = sessions[0]!;
    events.assigned([0], 1);
    events.messages(0, messages(0, 4));
    expect([paused, resumed]).toEqual([[0], []]);
    gates.shift()!();
    await expect.poll(() => gates.length, soon).toBe(1);
    expect(resumed).toEqual([]); // three are ahead
    gates.shift()!();
    await expect.poll(() => resumed, soon).toEqual([0]); // two of four
    await member.close(false);
  });

  it("whose log was cut below what is committed begin anew", async () => {
    const handled: string[] = [];
    const { member, sessions, commits } = played({
      handle: async ({ headers }) => void handled.push(headers.messageId),
    });
    const { events } = sessions[0]!;
    events.assigned([0], 1);
    events.messages(0, [message(50)]);
    await expect.poll(() => commits, soon).toEqual(["0@51"]);
    events.messages(0, [message(0)]);
    await expect.poll(() => commits, soon).toEqual(["0@51", "0@1"]);
    expect(handled).toEqual(["0/50", "0/0"]);
    await member.close(true);
  });
});
