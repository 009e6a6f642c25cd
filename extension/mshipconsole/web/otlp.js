// Turns OTLP-JSON into records for people: a title, a time, and fields.

export function records(requests) {
  return requests.flatMap((request) => [
    ...walk(request, "resourceLogs", "scopeLogs", "logRecords", log),
    ...walk(request, "resourceMetrics", "scopeMetrics", "metrics", metric),
    ...walk(request, "resourceSpans", "scopeSpans", "spans", spanOf),
  ]);
}

function walk(request, resources, scopes, items, read) {
  return list(request?.[resources]).flatMap((r) => list(r[scopes]).flatMap((s) => list(s[items]).map((item) => {
    const record = read(item);
    record.fields.push(...attributes(r.resource?.attributes, "resource · "));
    if (s.scope?.name) record.fields.push(["scope", [s.scope.name, s.scope.version].filter(Boolean).join(" ")]);
    return record;
  })));
}

function log(item) {
  return {
    title: [item.severityText, value(item.body)].filter(Boolean).join("  "),
    time: nanos(item.timeUnixNano) ?? nanos(item.observedTimeUnixNano),
    fields: [...attributes(item.attributes), ...plain(item, ["severityNumber", "eventName", "traceId", "spanId"])],
  };
}

function spanOf(item) {
  const begin = Number(item.startTimeUnixNano);
  const end = Number(item.endTimeUnixNano);
  const fields = [...attributes(item.attributes), ...plain(item, ["kind", "traceId", "spanId", "parentSpanId"])];
  if (end >= begin) fields.unshift(["duration", `${((end - begin) / 1e6).toFixed(3)} ms`]);
  if (item.status?.message || item.status?.code) fields.unshift(["status", [item.status.code, item.status.message].filter(Boolean).join(" ")]);
  for (const event of list(item.events)) fields.push([`event ${event.name ?? ""}`, attributes(event.attributes).map(([k, v]) => `${k}=${v}`).join(", ")]);
  return { title: item.name ?? "", time: nanos(item.startTimeUnixNano), fields };
}

const kinds = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"];

function metric(item) {
  const kind = kinds.find((k) => item[k]) ?? "";
  const points = list(item[kind]?.dataPoints);
  const fields = points.map((p) => [attributes(p.attributes).map(([k, v]) => `${k}=${v}`).join(", ") || "value", point(p)]);
  if (item.description) fields.push(["description", item.description]);
  return { title: `${item.name ?? ""}${item.unit ? ` [${item.unit}]` : ""}  ${kind}`, time: nanos(points.at(-1)?.timeUnixNano), fields };
}

function point(p) {
  const number = p.asDouble ?? p.asInt;
  if (number !== undefined) return String(number);
  return ["count", "sum", "min", "max"].filter((k) => p[k] !== undefined).map((k) => `${k} ${p[k]}`).join(", ") || "no value";
}

function attributes(pairs, prefix = "") {
  return list(pairs).map((pair) => [prefix + (pair.key ?? ""), value(pair.value)]);
}

function plain(item, keys) {
  return keys.filter((key) => item[key] !== undefined && item[key] !== "" && item[key] !== 0).map((key) => [key, String(item[key])]);
}

// value of OTLP's AnyValue. What this page does not know is shown as the JSON it is.
function value(any) {
  if (any === null || any === undefined) return "";
  if (typeof any !== "object") return String(any);
  for (const key of ["stringValue", "intValue", "doubleValue", "boolValue"]) {
    if (any[key] !== undefined) return String(any[key]);
  }
  if (any.bytesValue !== undefined) return `bytes (base64): ${any.bytesValue}`;
  return JSON.stringify(bare(any), null, 2);
}

function bare(any) {
  if (any?.arrayValue) return list(any.arrayValue.values).map(bare);
  if (any?.kvlistValue) return Object.fromEntries(list(any.kvlistValue.values).map((pair) => [pair.key, bare(pair.value)]));
  const [inner] = Object.values(any ?? {});
  return inner ?? null;
}

function list(maybe) {
  return Array.isArray(maybe) ? maybe.filter((item) => item !== null && typeof item === "object") : [];
}

function nanos(text) {
  const milliseconds = Number(text) / 1e6;
  if (!(milliseconds > 0)) return null;
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
