"""What tote tells other programs about itself. If these fail, the alarm does not ring, or rings for nothing."""
import base64
import http.server
import json
import re
import threading
import time
import urllib.parse

import pytest
from google.protobuf import json_format
from openlineage.client.generated import (
    base, dataset_version_dataset, error_message_run, job_type_job, output_statistics_output_dataset, processing_engine_run,
    schema_dataset)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from prometheus_client.parser import text_string_to_metric_families

from lib.postgres import ROOT


def families(text):
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family, **labels):
    return [sample.value for sample in family.samples if labels.items() <= sample.labels.items()]


# --- Prometheus


def test_prometheus_reads_how_far_each_step_is(project):
    before = families(project.ok("status", "--prometheus").stdout)
    assert values(before["tote_batches"], step="ingest") == [0] and "tote_freshness_seconds" not in before

    project.ok("run")
    project.source.execute("update design set design_name = 'Oak' where design_id = 1")
    project.source.execute("update sales_order set agreed_payment_date = 'soon' where sales_order_id = 7")
    project.ok("run")
    project.source.execute("update design set design_name = 'Ash' where design_id = 1")
    project.ok("ingest")
    now = families(project.ok("status", "--prometheus").stdout)
    batches = now["tote_batches"]
    assert [values(batches, step=step) for step in ("ingest", "process", "load")] == [[3], [2], [2]]
    assert [values(now["tote_batches_behind"], step=step) for step in ("ingest", "process", "load")] == [[0], [1], [0]]
    assert all(0 < age < 300 for age in values(now["tote_freshness_seconds"]))
    assert len(values(now["tote_freshness_seconds"])) == 3
    assert values(now["tote_last_batch_rows"], step="ingest", table="design") == [1]
    assert values(now["tote_last_batch_rows"], step="process", table="dim_design") == [1]
    assert values(now["tote_last_batch_rows"], step="load", table="dim_design") == [1]
    assert sum(values(now["tote_last_batch_quarantined_rows"])) == 1
    assert values(now["tote_last_batch_quarantined_rows"], table="clean.sales_order") == [1]
    assert values(now["tote_source_rows"], table="sales_order") == [11187]
    assert values(now["tote_warehouse_up"]) == [1]

    (project.folder / "warehouse.duckdb").write_text("no database")
    broken = project.ok("status", "--prometheus")
    assert values(families(broken.stdout)["tote_warehouse_up"]) == [0]
    assert values(families(broken.stdout)["tote_batches"], step="process") == [2]
    assert "warning: the warehouse cannot be read" in broken.stderr

    page = (ROOT / "docs/reference/metrics.md").read_text()
    for name in re.findall(r"^# TYPE (\w+)", project.ok("status", "--prometheus").stdout, re.MULTILINE):
        assert f"`{name}`" in page


# --- logs


def events(result):
    return [json.loads(line) for line in result.stderr.splitlines()]


def test_json_logs_have_fields(project):
    first = events(project.ok("run", "--log-format", "json"))
    assert all(event["level"] == "info" and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]{15}Z", event["ts"]) for event in first)
    for step, table in (("ingest", "sales_order"), ("process", "fact_sales_order"), ("load", "fact_sales_order")):
        [line] = [event for event in first if event.get("step") == step and event.get("table") == table]
        assert (line["batch"], line["rows"], line["deleted"], line["quarantined"]) == (1, 11187, 0, 0)
        assert line["duration_ms"] > 0 and line["bytes"] > 0
        [whole] = [event for event in first if event.get("step") == step and "table" not in event]
        assert whole["rows"] == sum(event["rows"] for event in first if event.get("step") == step and "table" in event)
    assert [event["message"] for event in events(project.ok("run", "--log-format", "json"))] == [
        "ingest: nothing to do", "process: nothing to do", "load: nothing to do"]
    assert project.ok("run").stderr == "", "people see it on standard output already"

    failed = events(project.run("load", "--log-format", "json", "--warehouse-url", "duckdb:./lake"))
    assert failed[0]["message"] == "load failed" and failed[0]["step"] == "load" and failed[0]["code"]
    assert failed[-1]["level"] == "error"


# --- OpenTelemetry


class Collector:
    """What listens on 4318 in real life; here it also checks every request against the protocol's own definition."""

    def __init__(self, status=200, delay=0.0):
        outer = self
        self.spans = []
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                time.sleep(delay)
                outer.requests.append((self.path, dict(self.headers)))
                # JSON Protobuf Encoding: as protobuf's JSON, but ids are hex, which base64 would not be
                message = json.loads(body, object_hook=hex_to_base64)
                request = json_format.ParseDict(message, trace_service_pb2.ExportTraceServiceRequest())
                for resource in request.resource_spans:
                    keys = {entry.key: entry.value.string_value for entry in resource.resource.attributes}
                    assert "service.name" in keys and keys["deployment.environment.name"] == "default"
                    outer.spans += [span for scope in resource.scope_spans for span in scope.spans]
                self.send_response(status)
                self.send_header("content-length", "2")
                self.end_headers()
                try:
                    self.wfile.write(b"{}")
                except BrokenPipeError:
                    pass  # nobody waits as long as this collector takes

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def hex_to_base64(member):
    return {name: base64.b64encode(bytes.fromhex(value)).decode() if name in ("traceId", "spanId", "parentSpanId") else value
            for name, value in member.items()}


def attributes(span):
    return {entry.key: getattr(entry.value, entry.value.WhichOneof("value")) for entry in span.attributes}


def test_three_processes_join_one_trace(project):
    with Collector() as collector:
        settings = ["--telemetry-otlp-endpoint", collector.url, "--telemetry-otlp-headers", "Authorization=Bearer s3cr3t-t0ken,x-tenant=7"]
        for step in ("ingest", "process", "load"):
            said = project.ok(step, *settings)
            assert "s3cr3t" not in said.stderr + said.stdout
        shown = project.ok("config", env={"TOTE_TELEMETRY_OTLP_HEADERS": "Authorization=Bearer s3cr3t-t0ken"})
        assert "s3cr3t" not in shown.stdout and "***" in shown.stdout
    path, headers = collector.requests[0]
    assert len(collector.requests) == 3 and path == "/v1/traces"
    assert headers["Authorization"] == "Bearer s3cr3t-t0ken" and headers["x-tenant"] == "7"
    assert headers["content-type"] == "application/json"

    spans = collector.spans
    assert len({span.trace_id for span in spans}) == 1 and len({span.span_id for span in spans}) == len(spans)
    assert {len(span.trace_id) for span in spans} == {16} and {len(span.span_id) for span in spans} == {8}
    steps = {span.name: span for span in spans if span.name in ("ingest", "process", "load")}
    assert not steps["ingest"].parent_span_id
    assert steps["process"].parent_span_id == steps["load"].parent_span_id == steps["ingest"].span_id
    sales = next(span for span in spans if span.name == "ingest sales_order")
    assert sales.parent_span_id == steps["ingest"].span_id
    assert attributes(sales) == {"tote.step": "ingest", "tote.batch": 1, "tote.table": "sales_order", "tote.rows": 11187,
                                 "tote.deleted": 0, "tote.quarantined": 0, "tote.bytes": attributes(sales)["tote.bytes"]}
    for name, step in steps.items():
        assert attributes(step)["tote.batch"] == 1 and attributes(step)["tote.rows"] > 40000
        for span in spans:
            if span.name.startswith(name + " "):
                assert step.start_time_unix_nano <= span.start_time_unix_nano
                assert span.start_time_unix_nano <= span.end_time_unix_nano <= step.end_time_unix_nano
    assert steps["ingest"].end_time_unix_nano <= steps["process"].start_time_unix_nano


def test_a_batch_is_a_trace_and_a_failure_is_a_span(project):
    with Collector() as collector:
        endpoint = f"telemetry:\n  otlp_endpoint: {collector.url}/v1/traces\n"
        project.configure(project.source.url, more=endpoint)
        project.ok("run")
        first = len(collector.spans)
        project.ok("run")
        assert len(collector.spans) == first, "nothing changed, nothing to tell"
        project.source.execute("update design set design_name = 'Oak' where design_id = 1")
        project.ok("run")
        assert len({span.trace_id for span in collector.spans}) == 2
        second = collector.spans[-1].trace_id
        project.source.execute("update design set design_name = 'Ash' where design_id = 1")
        model = project.write("broken/dim_design.sql", "-- kind: dimension\n-- key: design_id\nselect nothing from source.design\n")
        project.ok("ingest")
        assert project.run("process", "--models", model.parent).status != 0
    failed = collector.spans[-1]
    assert failed.status.code == 2 and failed.status.message and attributes(failed)["error.type"]
    assert failed.trace_id == collector.spans[-3].trace_id != second, "the trace of the batch that it would have made"
    assert collector.spans[-3].name == "ingest"


@pytest.mark.parametrize("trouble", ["refuses", "is away", "sleeps"])
def test_a_collector_in_trouble_harms_no_step(project, trouble):
    with Collector(status=503 if trouble == "refuses" else 200, delay=8 if trouble == "sleeps" else 0) as collector:
        url = "http://127.0.0.1:1" if trouble == "is away" else collector.url
        began = time.monotonic()
        run = project.ok("ingest", "--telemetry-otlp-endpoint", url)
        assert time.monotonic() - began < 7, "two seconds are the limit for the collector"
        assert run.stderr.count("warning: spans are not sent: ") == 1
    assert project.ok("status", "--json").json["ingest"]["batch"] == 1


def test_an_endpoint_that_is_none_is_refused(project):
    said = project.fails(3, "status", "--telemetry-otlp-endpoint", "localhost:4318")
    assert "telemetry.otlp_endpoint" in said.stderr and "http://" in said.stderr


# --- OpenLineage


FACETS = {
    "jobType": job_type_job.JobTypeJobFacet,
    "processing_engine": processing_engine_run.ProcessingEngineRunFacet,
    "errorMessage": error_message_run.ErrorMessageRunFacet,
    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
    "schema": schema_dataset.SchemaDatasetFacet,
}


def checked_facet(name, facet):
    """Takes what the client's own classes, which are made from the specification's schemas, take, and nothing else."""
    members = dict(facet)
    kind = FACETS[name]
    assert members.pop("_producer") and members.pop("_schemaURL") == kind._get_schema()
    if name == "schema":
        members["fields"] = [schema_dataset.SchemaDatasetFacetFields(**entry) for entry in members["fields"]]
        assert members["fields"], "a dataset without columns"
    return kind(**members)


def checked_event(line):
    event = json.loads(line)
    assert event.pop("schemaURL") == base.RunEvent._get_schema()
    facets = lambda parent, member="facets": {name: checked_facet(name, facet) for name, facet in parent.get(member, {}).items()}
    run, job = event.pop("run"), event.pop("job")
    inputs = [base.InputDataset(**(entry | {"facets": facets(entry)})) for entry in event.pop("inputs", [])]
    outputs = [base.OutputDataset(**(entry | {"facets": facets(entry), "outputFacets": facets(entry, "outputFacets")}))
               for entry in event.pop("outputs", [])]
    return base.RunEvent(run=base.Run(**(run | {"facets": facets(run)})), job=base.Job(**(job | {"facets": facets(job)})),
                         eventType=base.EventType(event.pop("eventType")), inputs=inputs, outputs=outputs, **event)


def test_lineage_of_a_batch(project):
    project.configure(project.source.url, more="telemetry:\n  openlineage: ./lineage.jsonl\n")
    project.ok("run")
    project.ok("run")
    project.source.execute("delete from design where design_id = (select max(design_id) from design)")
    broken = project.write("broken/dim_design.sql", "-- kind: dimension\n-- key: design_id\nselect nothing from source.design\n")
    project.ok("ingest")
    project.run("process", "--models", broken.parent)
    lines = [checked_event(line) for line in (project.folder / "lineage.jsonl").read_text().splitlines()]
    told = [(event.job.name, event.eventType.value) for event in lines]
    assert told == [(step, kind) for _ in range(2) for step in ("ingest", "process", "load") for kind in ("START", "COMPLETE")] + [
        ("ingest", "START"), ("ingest", "COMPLETE"), ("process", "START"), ("process", "FAIL")]
    assert all(start.run.runId == end.run.runId for start, end in zip(lines[::2], lines[1::2]))
    assert len({event.run.runId for event in lines}) == len(lines) / 2

    ingest, process, load = lines[1], lines[3], lines[5]
    address = urllib.parse.urlsplit(project.source.url)
    source = {entry.name: entry for entry in ingest.inputs}
    assert ingest.inputs[0].namespace == f"postgres://{address.hostname or 'localhost'}:{address.port}"
    name = f"{project.source.name}.public.staff"
    assert [entry.name for entry in source[name].facets["schema"].fields][:3] == ["staff_id", "first_name", "last_name"]
    # what one step writes is what the next one reads
    key = lambda entry: (entry.namespace, entry.name)
    assert {key(entry) for entry in ingest.outputs} == {key(entry) for entry in process.inputs}
    assert {key(entry) for entry in load.inputs} < {key(entry) for entry in process.outputs}
    fact = next(entry for entry in load.outputs if entry.name == "main.fact_sales_order")
    assert fact.namespace == f"duckdb://{project.folder}/warehouse.duckdb"
    assert fact.outputFacets["outputStatistics"].rowCount == 11187 and fact.facets["version"].datasetVersion == "1"
    columns = [row[0] for row in project.warehouse("select column_name from information_schema.columns where table_name = "
                                                   "'fact_sales_order' and column_name <> 'sales_record_id' order by ordinal_position")]
    assert [entry.name for entry in fact.facets["schema"].fields] == columns
    assert not lines[7].inputs and not lines[7].outputs, "a run that found nothing names nothing"
    deleted = next(entry for entry in lines[13].outputs if entry.name.endswith("/design"))
    assert deleted.outputFacets["outputStatistics"].rowCount == 1
    assert "nothing" in lines[15].run.facets["errorMessage"].message


def test_lineage_that_cannot_be_written_harms_no_step(project):
    run = project.ok("run", "--telemetry-openlineage", "./no/such/folder/events.jsonl")
    assert run.stderr.count("OpenLineage events are not written") == 2, "once at begin, once at end"
