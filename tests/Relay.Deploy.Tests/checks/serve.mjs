// node serve.mjs: runs the scripts beside it as their own command lines would, one after the other in one process, so that packages and types are read once. Each line of the
// input is {"script", "arguments"}; each line of the output is {"code", "output", "error"}.
import { createInterface } from "node:readline";

class Ended extends Error {
  constructor(code) {
    super(`ended with ${code}`);
    this.code = code;
  }
}

let lines = [];
console.log = (line) => lines.push(line);
process.exit = (code) => {
  throw new Ended(code);
};

let runs = 0;
for await (const request of createInterface({ input: process.stdin })) {
  const { script, arguments: given } = JSON.parse(request);
  lines = [];
  process.argv = [process.execPath, script, ...given];
  let [code, error] = [0, ""];
  try {
    await import(`./${script}?${++runs}`);
  } catch (failure) {
    [code, error] = failure instanceof Ended ? [failure.code, ""] : [1, failure.stack];
  }
  process.stdout.write(`${JSON.stringify({ code, output: lines.map((line) => `${line}\n`).join(""), error })}\n`);
}
