import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";

/** The objects of a file of rendered manifests; ends the program on what is no YAML. */
export function readDocuments(path) {
  const documents = parseAllDocuments(readFileSync(path, "utf8"), { merge: true });
  const mistakes = documents.flatMap((document) => document.errors.map((error) => error.message));
  finish(mistakes, false);
  return documents.map((document) => document.toJS()).filter((object) => object !== null);
}

export const nameOf = (object) => `${object.kind}/${object.metadata?.name}`;

/** Prints one line per problem; the exit code is 1 when there is any. */
export function finish(problems, always = true) {
  for (const problem of problems) console.log(problem);
  if (problems.length > 0) process.exit(1);
  if (always) console.log("no problems");
}
