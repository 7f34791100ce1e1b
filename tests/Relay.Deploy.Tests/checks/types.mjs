import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const options = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  target: ts.ScriptTarget.ES2022,
  types: [],
};
const file = path.join(path.dirname(fileURLToPath(import.meta.url)), "rendered.ts");
const host = ts.createCompilerHost(options);
const { getSourceFile, fileExists, readFile } = host;
const read = new Map();
let source = "";
host.fileExists = (name) => name === file || fileExists(name);
host.readFile = (name) => (name === file ? source : readFile(name));
host.getSourceFile = (name, ...rest) => {
  if (name === file) return ts.createSourceFile(name, source, rest[0], true);
  if (!read.has(name)) read.set(name, getSourceFile(name, ...rest));
  return read.get(name);
};

let program;

/** What the compiler says to a file of this text beside the packages; what it has read of those it reads once. */
export function diagnose(text) {
  source = text;
  program = ts.createProgram([file], options, host, program);
  return ts.getPreEmitDiagnostics(program, program.getSourceFile(file)).map((diagnostic) => ({
    start: diagnostic.start ?? 0,
    message: ts.flattenDiagnosticMessageText(diagnostic.messageText, " "),
  }));
}
