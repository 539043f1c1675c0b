import { expect, it } from "vitest";
import { shareAnswers } from "./share-answers.ts";

/** A service whose answers are held until they are let through. */
function heldAnswers() {
  const questions: string[] = [];
  const answers: PromiseWithResolvers<string>[] = [];
  const ask = shareAnswers((question: string) => {
    questions.push(question);
    const answer = Promise.withResolvers<string>();
    answers.push(answer);
    return answer.promise;
  });
  return { questions, answers, ask };
}

it("asks once for all who ask the same after a question was put", async () => {
  const { questions, answers, ask } = heldAnswers();
  const first = ask("7");
  const later = [ask("7"), ask("7"), ask("7")];
  expect(questions).toEqual(["7"]);
  answers[0]?.resolve("active");
  expect(await first).toBe("active");
  await expect.poll(() => questions).toEqual(["7", "7"]);
  answers[1]?.resolve("withdrawn");
  expect(await Promise.all(later)).toEqual(["withdrawn", "withdrawn", "withdrawn"]);
});

it("puts those who come during the second question into a third", async () => {
  const { questions, answers, ask } = heldAnswers();
  const [first, second] = [ask("7"), ask("7")];
  answers[0]?.resolve("a");
  await first;
  await expect.poll(() => questions.length).toBe(2);
  const third = ask("7");
  answers[1]?.resolve("b");
  expect(await second).toBe("b");
  await expect.poll(() => questions.length).toBe(3);
  answers[2]?.resolve("c");
  expect(await third).toBe("c");
});

it("asks other questions meanwhile, and again when nobody waits", async () => {
  const { questions, answers, ask } = heldAnswers();
  const [seven, eight] = [ask("7"), ask("8")];
  expect(questions).toEqual(["7", "8"]);
  for (const answer of answers) answer.resolve("x");
  await Promise.all([seven, eight]);
  const again = ask("7");
  await expect.poll(() => questions).toEqual(["7", "8", "7"]);
  answers[2]?.resolve("y");
  expect(await again).toBe("y");
});

it("asks anew for those who waited for a question that failed", async () => {
  const { questions, answers, ask } = heldAnswers();
  const first = ask("7");
  const second = ask("7");
  answers[0]?.reject(new Error("unavailable"));
  await expect(first).rejects.toThrow("unavailable");
  await expect.poll(() => questions.length).toBe(2);
  answers[1]?.resolve("active");
  expect(await second).toBe("active");
});
