/** Examples for clusters: scripts that bash parses, and Kubernetes' objects with the fields that theirs have. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { ROOT } from "../support.js";

const FOLDER = join(ROOT, "configs/cluster");
const metadata = z.strictObject({ name: z.string().regex(/^[a-z0-9-]+$/) });
const labels = z.record(z.string(), z.string());
const variable = z.strictObject({ name: z.string(), valueFrom: z.strictObject({ secretKeyRef: z.strictObject({ name: z.string(), key: z.string() }) }) }); // prettier-ignore
const container = z.strictObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()),
  args: z.array(z.string()).optional(),
  env: z.array(variable).optional(),
  resources: z.strictObject({ limits: z.strictObject({ "nvidia.com/gpu": z.int().positive() }) }),
  volumeMounts: z.array(z.strictObject({ name: z.string(), mountPath: z.string().startsWith("/"), readOnly: z.boolean().optional() })), // prettier-ignore
});
const pod = z.strictObject({
  metadata: z.strictObject({ labels }),
  spec: z.strictObject({
    subdomain: z.string().optional(),
    restartPolicy: z.enum(["Never", "OnFailure"]).optional(),
    terminationGracePeriodSeconds: z.int().optional(),
    containers: z.array(container).min(1),
    volumes: z.array(z.strictObject({ name: z.string(), persistentVolumeClaim: z.strictObject({ claimName: z.string() }) })), // prettier-ignore
  }),
});
const service = z.strictObject({ apiVersion: z.literal("v1"), kind: z.literal("Service"), metadata, spec: z.strictObject({ clusterIP: z.literal("None"), selector: labels }) }); // prettier-ignore
const job = z.strictObject({
  apiVersion: z.literal("batch/v1"),
  kind: z.literal("Job"),
  metadata,
  spec: z.strictObject({
    completionMode: z.literal("Indexed"),
    completions: z.int(),
    parallelism: z.int(),
    backoffLimit: z.int(),
    template: pod,
  }),
});
const deployment = z.strictObject({
  apiVersion: z.literal("apps/v1"),
  kind: z.literal("Deployment"),
  metadata,
  spec: z.strictObject({ replicas: z.int(), selector: z.strictObject({ matchLabels: labels }), template: pod }),
});
const object = z.discriminatedUnion("kind", [service, job, deployment]);

for (const name of readdirSync(FOLDER)) {
  test(`configs/cluster/${name}`, () => {
    const text = readFileSync(join(FOLDER, name), "utf8");
    if (name.endsWith(".sbatch")) return void execFileSync("bash", ["-n", join(FOLDER, name)]);
    const documents = parseAllDocuments(text);
    assert.ok(documents.length > 0);
    for (const document of documents) {
      assert.deepEqual(document.errors, []);
      const found = object.parse(document.toJS());
      if (found.kind === "Service") continue;
      const { spec } = found.spec.template;
      const volumes = spec.volumes.map((one) => one.name);
      for (const { volumeMounts } of spec.containers)
        assert.ok(volumeMounts.every((mount) => volumes.includes(mount.name)));
      if (found.kind === "Deployment")
        assert.deepEqual(found.spec.selector.matchLabels, found.spec.template.metadata.labels);
    }
  });
}
