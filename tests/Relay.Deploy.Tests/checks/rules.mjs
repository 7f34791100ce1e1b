// node rules.mjs FILE: what must hold between objects, and what each pod promises (the "restricted" rules of Kubernetes' pod security standards, and more).
import { finish, nameOf, readDocuments } from "./documents.mjs";

// ConfigurationSetup.StopReserve: what a node takes beyond Drain:Seconds.
const stopReserve = 5;
// The longest Dialects:{dialect}:PingInterval by default.
const longestPing = 54;

const objects = readDocuments(process.argv[2]);
const problems = [];
const must = (holds, object, what) => holds || problems.push(`${nameOf(object)}: ${what}`);
const all = (...kinds) => objects.filter((object) => kinds.includes(object.kind));
const find = (kind, name) => objects.find((object) => object.kind === kind && object.metadata.name === name);
const workloads = all("Deployment", "StatefulSet");
const pods = workloads.map((workload) => ({ workload, labels: workload.spec.template.metadata.labels ?? {}, pod: workload.spec.template.spec }));
const selects = (labels, selector = {}) => Object.entries(selector).every(([key, value]) => labels[key] === value);
const variables = (container) => container.env ?? [];

for (const { workload, labels, pod } of pods) {
  must(selects(labels, workload.spec.selector.matchLabels), workload, "its selector does not match its pods");
  must(pod.automountServiceAccountToken === false, workload, "its pods get a token for the API server");
  must(pod.enableServiceLinks === false, workload, "its pods get a variable for each service");
  must(pod.securityContext?.runAsNonRoot === true && pod.securityContext?.runAsUser > 0, workload, "its pods may run as root");
  must(pod.securityContext?.seccompProfile?.type === "RuntimeDefault", workload, "its pods have no seccomp profile");
  const volumes = [...(pod.volumes ?? []), ...(workload.spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata)].map((volume) => volume.name);
  for (const volume of pod.volumes ?? []) {
    const claim = volume.persistentVolumeClaim?.claimName;
    must(!claim || find("PersistentVolumeClaim", claim), workload, `there is no volume claim ${claim}`);
    must(!volume.emptyDir || volume.emptyDir.sizeLimit, workload, `the folder ${volume.name} has no bound`);
  }
  for (const container of pod.containers) {
    const security = container.securityContext ?? {};
    must(security.readOnlyRootFilesystem === true, workload, "its root file system can be written");
    must(security.allowPrivilegeEscalation === false, workload, "its processes may gain rights");
    must(security.capabilities?.drop?.includes("ALL") && !security.capabilities.add, workload, "its processes keep capabilities");
    must(container.resources?.requests?.cpu && container.resources?.requests?.memory, workload, "it requests no cpu or no memory");
    must(container.resources?.limits?.memory, workload, "its memory has no limit");
    must(/:[^:/]+$/.test(container.image) && !container.image.endsWith(":latest"), workload, `the image ${container.image} has no version`);
    must(container.readinessProbe && container.livenessProbe, workload, "a probe is missing");
    for (const { name } of container.volumeMounts ?? []) must(volumes.includes(name), workload, `there is no volume ${name}`);
    for (const { configMapRef } of container.envFrom ?? []) must(find("ConfigMap", configMapRef?.name), workload, `there is no ConfigMap ${configMapRef?.name}`);
    for (const { name, value } of variables(container)) must(!/password|secret|__key$|connection/i.test(name) || value === undefined, workload, `the secret ${name} is written down`);
    const ports = (container.ports ?? []).map((port) => port.name);
    for (const kind of ["startupProbe", "livenessProbe", "readinessProbe"]) {
      const port = container[kind]?.httpGet?.port ?? container[kind]?.tcpSocket?.port;
      must(port === undefined || ports.includes(port), workload, `the ${kind} asks port ${port}, which the container does not have`);
    }
  }
}

for (const map of all("ConfigMap")) {
  for (const key of Object.keys(map.data ?? {})) must(!/password|secret|__key$|connection/i.test(key), map, `the secret ${key} is written down`);
}
must(all("Secret").length === 0, { kind: "Secret", metadata: { name: "*" } }, "secrets do not belong here");

for (const service of all("Service")) {
  const targets = pods.filter(({ labels }) => selects(labels, service.spec.selector));
  must(service.spec.selector && targets.length === 1, service, "it does not select the pods of one workload");
  for (const { targetPort } of service.spec.ports) {
    const named = targets.flatMap(({ pod }) => pod.containers.flatMap((container) => container.ports ?? [])).map((port) => port.name);
    must(named.includes(targetPort), service, `its pods have no port ${targetPort}`);
  }
}

for (const policy of all("NetworkPolicy")) {
  const { matchLabels, matchExpressions } = policy.spec.podSelector;
  must(matchLabels || matchExpressions, policy, "it is about every pod of the namespace");
  must(!matchLabels || pods.some(({ labels }) => selects(labels, matchLabels)), policy, "it selects no pod");
}

for (const monitor of all("PodMonitor")) {
  const read = pods.filter(({ labels }) => selects(labels, monitor.spec.selector.matchLabels));
  must(read.length === 1, monitor, "it does not select the pods of one workload");
  for (const { port, path, authorization } of monitor.spec.podMetricsEndpoints) {
    const containers = read.flatMap(({ pod }) => pod.containers);
    must(containers.flatMap((container) => container.ports ?? []).some(({ name }) => name === port), monitor, `its pods have no port ${port}`);
    must(path === "/metrics", monitor, `the node has no ${path}`);
    const key = ({ valueFrom }) => valueFrom?.secretKeyRef?.name === authorization?.credentials?.name && valueFrom?.secretKeyRef?.key === authorization?.credentials?.key;
    must(authorization && containers.some((container) => variables(container).some((variable) => /^Relay__Auth__ApiKeys__\d+__Key$/.test(variable.name) && key(variable))), monitor, "the node does not know its key");
  }
}

for (const budget of all("PodDisruptionBudget")) {
  must(pods.some(({ labels }) => selects(labels, budget.spec.selector.matchLabels)), budget, "it selects no pod");
}

for (const scaler of all("HorizontalPodAutoscaler")) {
  const target = find(scaler.spec.scaleTargetRef.kind, scaler.spec.scaleTargetRef.name);
  must(target, scaler, "what it scales is not there");
  must(target?.spec.replicas === undefined, scaler, "the workload says how many replicas, too");
}

for (const ingress of all("Ingress")) {
  for (const { http } of ingress.spec.rules) {
    for (const { backend } of http.paths) {
      const service = find("Service", backend.service.name);
      must(service?.spec.ports.some((port) => port.name === backend.service.port.name), ingress, `there is no service ${backend.service.name} with that port`);
    }
  }
  for (const way of ["read", "send"]) {
    const timeout = Number(ingress.metadata.annotations?.[`nginx.ingress.kubernetes.io/proxy-${way}-timeout`] ?? 60);
    must(timeout >= 2 * longestPing, ingress, `after ${timeout} s of silence the proxy cuts a WebSocket (${way}), and the node pings every ${longestPing} s`);
  }
}

const relay = find("Deployment", "relay");
if (relay) {
  const pod = relay.spec.template.spec;
  const [container] = pod.containers;
  const settings = Object.assign({}, ...container.envFrom.map(({ configMapRef }) => find("ConfigMap", configMapRef.name)?.data));
  const drain = Number(settings.Relay__Drain__Seconds);
  const before = container.lifecycle?.preStop?.sleep?.seconds ?? 0;
  must(before > 0, relay, "balancers still send clients to a node that leaves: no preStop");
  must(pod.terminationGracePeriodSeconds >= before + drain + stopReserve + 5, relay, `${pod.terminationGracePeriodSeconds} s are too few for ${before} s of preStop, ${drain} s of drain and ${stopReserve} s to close`);
  must(container.livenessProbe.httpGet.path === "/live" && container.startupProbe.httpGet.path === "/live", relay, "what is not ready would be killed");
  must(container.readinessProbe.httpGet.path === "/ready", relay, "readiness is not /ready");
  must(find("ServiceAccount", pod.serviceAccountName)?.automountServiceAccountToken === false, relay, "its service account is missing or brings a token");
  must(settings.Relay__Auth__Required === "true", relay, "anyone may enter");
  if (relay.spec.replicas !== 1) must(all("PodDisruptionBudget").length === 1, relay, "nothing keeps its pods from being evicted all at once");
  if (relay.spec.replicas !== 1) must(pod.topologySpreadConstraints?.length > 0, relay, "its pods may all be on one machine");
  if (settings.Relay__Cluster__Enabled === "true") must(settings.Relay__Redis__Endpoints, relay, "a cluster needs Redis");
  const nodeId = variables(container).find(({ name }) => name === "Relay__Cluster__NodeId");
  must(nodeId?.valueFrom?.fieldRef?.fieldPath === "metadata.name", relay, "nodes do not bear the names of their pods");
} else {
  problems.push("there is no Deployment/relay");
}

finish(problems);
