// node schemas.mjs FILE: every object against the schemas of the Kubernetes API, and of the Prometheus operator. The validators of kubernetes-models see missing fields and wrong values;
// they take fields that do not exist, which the compiler sees when the object is a literal of the model's type.
import { createRequire } from "node:module";
import { finish, nameOf, readDocuments } from "./documents.mjs";
import { diagnose } from "./types.mjs";

const objects = readDocuments(process.argv[2]);
const require = createRequire(import.meta.url);
const problems = [];
const known = [];

for (const object of objects) {
  const library = object.apiVersion.startsWith("monitoring.coreos.com/") ? "@kubernetes-models/prometheus-operator" : "kubernetes-models";
  const module = `${library}/${object.apiVersion}`;
  let Model;
  try {
    Model = require(module)[object.kind];
  } catch {
    // As a kind that the module does not have.
  }
  if (Model === undefined) {
    problems.push(`${nameOf(object)}: no kind ${object.kind} in ${object.apiVersion}`);
    continue;
  }
  known.push({ object, module });
  try {
    new Model(object).validate();
  } catch (error) {
    problems.push(`${nameOf(object)}: ${error.message}`);
  }
}

problems.push(...unknownFields(known));
finish(problems);

function unknownFields(known) {
  const lines = known.map(({ object, module }, i) => [
    `import type { I${object.kind} as T${i} } from "${module}";`,
    `export const o${i}: T${i} = ${JSON.stringify(object, null, 2)};`,
  ].join("\n"));
  const starts = lines.reduce((all, text) => [...all, all.at(-1) + text.length + 1], [0]);
  return diagnose(lines.join("\n")).map(({ start, message }) => {
    const which = starts.findLastIndex((first) => first <= start);
    return `${nameOf(known[which].object)}: ${message}`;
  });
}
