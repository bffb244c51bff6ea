"""What the gate takes, beside validating the same registry, and beside the tools that look at changes elsewhere."""

import os
import shutil
import subprocess
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from bench.measuring import Compared, commands, cxgov, seconds
from bench.repositories import committed, founded, git, write
from cxgov import api
from cxgov.evidence.signatures import NAMESPACE
from cxgov.governance.gate import Gated

# Approvals are missing where none is given.
_ENDS: Final = (0, 1)
_DBT: Final = {
    "dbt_project.yml": "name: bench\nversion: 1.0.0\nprofile: bench\nmodel-paths: [models]\n"
    "flags: {send_anonymous_usage_stats: false}\n",
    "profiles.yml": 'bench: {target: here, outputs: {here: {type: duckdb, path: ":memory:"}}}\n',
    "models/days.sql": "select date '2026-01-01' as day\n",
    "models/answers.sql": "select 1 as response_id, 9 as score, date '2026-01-01' as responded_on\n",
    "models/days.yml": "models: [{name: days, time_spine: {standard_granularity_column: day}, "
    "columns: [{name: day, granularity: day}]}]\n",
}


def proposal(folder: Path, metrics: int, *, frozen: bool = False) -> Path:
    """A repository whose branch `proposal` has one metric of a registry changed; the registry's folder.

    ``frozen``: a quarter of it is. Beside it lies the private key of a member, ``key``.
    """
    registry = founded(folder, metrics)
    if frozen:
        # Not here, where its memory would be counted as that of what is started later.
        subprocess.run([cxgov(), "freeze", "2030-Q1", "--registry", registry], check=True, stdout=subprocess.DEVNULL)
        committed(folder)
    git(folder, "switch", "--quiet", "--create", "proposal")
    [path] = registry.rglob(f"metric_{metrics // 2:06d}.yaml")
    said = path.read_text(encoding="utf-8").replace("version: 1.0.0", "version: 2.0.0")
    path.write_text(said.replace("between 0 and 10", "between 1 and 10"), encoding="utf-8")
    committed(folder)
    return registry


def gate_beside_validate(folder: Path, metrics: int, *, frozen: bool = False) -> Compared:
    """The gate on one change against validating the same tree, both without a memory."""
    registry = proposal(folder, metrics, frozen=frozen)
    cache = folder.with_name(f"cache-{folder.name}")

    def forget() -> None:
        shutil.rmtree(cache, ignore_errors=True)

    return commands(
        _gate(registry),
        [cxgov(), "validate", "--registry", str(registry)],
        environment={"XDG_CACHE_HOME": str(cache)},
        before_b=forget,
        allowed=_ENDS,
    )


def signed_approvals(folder: Path, count: int = 200, runs: int = 5) -> Compared:
    """What signed approvals add to the gate, against ssh-keygen on the same signatures, in turn."""
    registry = proposal(folder, 10)
    gated = _judged(registry)
    kept = dict(api.approve(gated, key=folder / "key") for _ in range(count))
    write(registry / "approvals", {name: data.decode() for name, data in kept.items()})
    plain = git(folder, "rev-parse", "proposal")
    committed(folder)
    bare = [_bare(folder, data) for data in kept.values()]
    approved = _judged(registry)
    assert approved.verdict is not None
    assert not approved.verdict.ignored, approved.verdict.ignored[0]
    rows = [
        (seconds(partial(_judged, registry)), seconds(partial(_judged, registry, plain)), sum(map(seconds, bare)))
        for _ in range(runs + 1)
    ][1:]
    added = [(whole - without, b) for whole, without, b in rows]
    return Compared(median(a for a, _ in added), median(b for _, b in added), median(a / b for a, b in added), 0)


def gate_beside_buf(folder: Path, buf: str, messages: int = 1_000) -> Compared:
    """The gate on so many metrics against `buf breaking` on as many messages, of which one has lost a field."""
    registry = proposal(folder / "ours", messages)
    protos = {
        f"bench/team_{team:03d}.proto": 'syntax = "proto3";\npackage bench.v1;\n'
        + "".join(map(_message, range(team, messages, 100)))
        for team in range(100)
    }
    theirs = folder / "theirs"
    write(theirs, {"buf.yaml": "version: v2\nbreaking: {use: [FILE]}\n", **protos})
    committed(theirs)
    first = next(iter(protos))
    write(theirs, {first: protos[first].replace("  int64 min_sample = 6;\n", "", 1)})
    against = f"{theirs}/.git#branch=main"
    return commands(_gate(registry), [buf, "breaking", str(theirs), "--against", against], allowed=(*_ENDS, 100))


def gate_beside_dbt(folder: Path, dbt: str, *, parsed: bool, metrics: int = 1_000) -> Compared:
    """The gate on so many metrics against `dbt ls --select state:modified` on as many, one with another label.

    ``parsed``: dbt has what an earlier run has parsed, which a pipeline has where it keeps it.
    """
    registry = proposal(folder / "ours", metrics)
    theirs = folder / "theirs"
    measures = [f"{{name: m{n}, agg: sum, expr: case when score > {n} then 1 else 0 end}}" for n in range(metrics)]
    model = (
        "semantic_models:\n  - name: answers\n    model: ref('answers')\n"
        "    defaults: {agg_time_dimension: responded_on}\n"
        "    entities: [{name: response, type: primary, expr: response_id}]\n"
        "    dimensions: [{name: responded_on, type: time, type_params: {time_granularity: day}}]\n"
        f"    measures: [{', '.join(measures)}]\n"
    )
    said = {f"models/metric_{n}.yml": _dbt_metric(n, f"Metric {n}") for n in range(metrics)}
    write(theirs, {**_DBT, "models/answers.yml": model, **said})
    environment = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_PROFILES_DIR": str(theirs)}
    project = ["--project-dir", str(theirs)]
    subprocess.run(
        [dbt, "--quiet", "parse", *project, "--target-path", str(theirs / "before")],
        check=True,
        env={**os.environ, **environment},
    )
    write(theirs, {"models/metric_1.yml": _dbt_metric(1, "Another")})
    remembering = () if parsed else ("--no-partial-parse",)
    asked = [dbt, "--quiet", *remembering, "ls", *project, "--select", "state:modified", "--state", f"{theirs}/before"]
    return commands(_gate(registry), asked, environment=environment, runs=3, allowed=_ENDS)


def _gate(registry: Path) -> list[str]:
    return [cxgov(), "gate", "--trusted", "main", "--head", "proposal", "--registry", str(registry)]


def _judged(registry: Path, head: str = "proposal") -> Gated:
    return api.gate(registry, trusted="main", head=head, now=datetime.now(UTC))


def _bare(folder: Path, data: bytes) -> "partial[object]":
    """ssh-keygen on the signature of an approval, as anybody could call it."""
    import json  # noqa: PLC0415

    held = json.loads(data)
    signers = folder / "signers"
    signers.write_text(
        f'ana namespaces="{NAMESPACE}" {(folder / "key.pub").read_text(encoding="ascii")}', encoding="ascii"
    )
    signature = folder / f"{len(list(folder.glob('*.sig')))}.sig"
    signature.write_text(held["signature"], encoding="ascii")
    command = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "ana", "-n", NAMESPACE, "-s", signature]
    return partial(subprocess.run, command, input=held["statement"].encode(), check=True, capture_output=True)


def _message(number: int) -> str:
    fields = ("string id", "string title", "string source", "string where", "string measure", "int64 min_sample")
    listed = "".join(f"  {field} = {i};\n" for i, field in enumerate(fields, 1))
    return f"message Metric{number} {{\n{listed}}}\n"


def _dbt_metric(number: int, label: str) -> str:
    measured = f"type: simple, type_params: {{measure: m{number}}}"
    return f"metrics: [{{name: metric_{number}, label: {label}, {measured}}}]\n"
