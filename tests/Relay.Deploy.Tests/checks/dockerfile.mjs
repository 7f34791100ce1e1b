// node dockerfile.mjs FILE: what the linter says, and what must hold of the last stage. The last line is that stage, and the publish command with what its stage copies, as JSON.
import { readFileSync } from "node:fs";
import { DockerfileParser } from "dockerfile-ast";
import { validate } from "dockerfile-utils";
import { finish } from "./documents.mjs";

const text = readFileSync(process.argv[2], "utf8");
const problems = validate(text).map((problem) => `line ${problem.range.start.line + 1}: ${problem.message}`);
const instructions = DockerfileParser.parse(text).getInstructions();
const stages = instructions.filter((instruction) => instruction.getKeyword() === "FROM");
const last = instructions.slice(instructions.indexOf(stages.at(-1)));
const valueOf = (keyword) => last.find((instruction) => instruction.getKeyword() === keyword)?.getArgumentsContent() ?? "";

for (const stage of stages) {
  const image = stage.getImage();
  if (!/:[^:/]+$/.test(image) || image.endsWith(":latest")) problems.push(`the image ${image} has no version`);
}
if (!/^[1-9]\d*$/.test(valueOf("USER"))) problems.push("the last stage has no USER by number, so Kubernetes cannot tell that it is not root");
if (!/chiseled|alpine/.test(stages.at(-1).getImage())) problems.push("the last stage is no small image");
let entry = [];
try {
  entry = JSON.parse(valueOf("ENTRYPOINT"));
} catch {
  problems.push("ENTRYPOINT needs a shell, which is not there and would not pass on SIGTERM");
}
const publish = instructions.find((instruction) => instruction.getKeyword() === "RUN" && /dotnet publish/.test(instruction.getArgumentsContent()));
if (!publish) problems.push("nothing is published");
const builds = publish ? instructions.slice(instructions.findLastIndex((one, index) => one.getKeyword() === "FROM" && index < instructions.indexOf(publish)), instructions.indexOf(publish)) : [];
finish(problems, false);
console.log(JSON.stringify({
  user: valueOf("USER"),
  port: valueOf("EXPOSE"),
  folder: valueOf("WORKDIR"),
  entry,
  publish: publish.getArgumentsContent().replace(/\\\n/g, " ").replace(/^[^]*?(?=dotnet publish)/, "").trim(),
  sources: builds.filter((instruction) => instruction.getKeyword() === "COPY" && !/--from/.test(instruction.getTextContent())).flatMap((copy) => copy.getArguments().slice(0, -1).map((argument) => argument.getValue())),
}));
