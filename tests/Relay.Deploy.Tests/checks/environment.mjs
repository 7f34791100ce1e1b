// node environment.mjs FILE SECRET: the environment of the container "relay" as JSON, secrets filled in from the Secret in the file SECRET.
import { readDocuments } from "./documents.mjs";

const [file, secretFile] = process.argv.slice(2);
const objects = readDocuments(file);
const [secret] = readDocuments(secretFile);
const container = objects.find((object) => object.kind === "Deployment" && object.metadata.name === "relay").spec.template.spec.containers[0];
const environment = {};

for (const { configMapRef } of container.envFrom) {
  Object.assign(environment, objects.find((object) => object.kind === "ConfigMap" && object.metadata.name === configMapRef.name).data);
}
for (const { name, value, valueFrom } of container.env) {
  environment[name] = value ?? fieldOf(valueFrom.fieldRef) ?? secretOf(valueFrom.secretKeyRef);
}
console.log(JSON.stringify(environment));

/** A name as long as a Deployment's pods bear. */
function fieldOf(reference) {
  return reference && { "metadata.name": "relay-7d9c5b8f4c-x2x9z" }[reference.fieldPath];
}

function secretOf({ name, key }) {
  const value = name === secret.metadata.name ? secret.stringData[key] : undefined;
  if (value === undefined) throw new Error(`deploy/secrets.sh draws no ${name}/${key}`);
  return value;
}
