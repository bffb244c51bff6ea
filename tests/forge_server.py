"""A server that answers as GitHub's REST API does, for a repository that a test makes up."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

Data = dict[str, Any]
TOKEN: Final = "a-token-of-the-job"
REPOSITORY: Final = "airline/metrics"
BOT: Final = {"id": 41898282, "login": "github-actions[bot]", "type": "Bot"}


class Asked(NamedTuple):
    method: str
    path: str
    page: int


@dataclass
class Forge:
    """What the server holds. ``most`` is how many items it puts on a page, whatever is asked for.

    ``raw`` is the answer to every question, where there is one; ``deaf``, that filters of runs are not heard.
    ``broken`` are answers with an error, by path and page; ``failures`` counts how often each is given, or for ever.
    """

    pulls: dict[int, Data] = field(default_factory=dict)
    reviews: dict[int, list[Data]] = field(default_factory=dict)
    events: dict[int, list[Data]] = field(default_factory=dict)
    comments: dict[int, list[Data]] = field(default_factory=dict)
    runs: list[Data] = field(default_factory=list)
    refs: list[Data] = field(default_factory=list)
    pulls_of: dict[str, list[int]] = field(default_factory=dict)
    broken: dict[tuple[str, int], int] = field(default_factory=dict)
    failures: dict[tuple[str, int], int] = field(default_factory=dict)
    headers: Data = field(default_factory=dict)
    raw: bytes | None = None
    deaf: bool = False
    default_branch: str = "main"
    most: int = 30
    base: str = ""
    asked: list[Asked] = field(default_factory=list)
    rerun: list[int] = field(default_factory=list)
    on_run: Callable[[Data], None] = lambda _: None  # a default that does nothing

    def pull(self, number: int, head: str, *, author: int = 4711, base: str = "main", **fields: Any) -> Data:
        """Adds a request."""
        user = {"id": author, "login": f"user{author}", "type": "User"}
        common = {"number": number, "state": "open", "head": {"sha": head}, "base": {"ref": base}, "user": user}
        self.pulls[number] = {**common, "merge_commit_sha": None, **fields}
        self.reviews.setdefault(number, [])
        return self.pulls[number]

    def run(self, identity: int, title: str, **fields: Any) -> Data:
        """Adds a run, the newest of all. Its ``head_sha`` is not the request's, as GitHub has it."""
        common = {"id": identity, "display_title": title, "event": "pull_request_target", "status": "completed"}
        self.runs.insert(0, {**common, "head_sha": "0" * 40, "pull_requests": [], **fields})
        return self.runs[0]

    # --- answers ---

    def get(self, path: str, query: Data) -> Any:
        """The answer to a question, or None where GitHub would say 404."""
        inside = path.removeprefix(f"/repos/{REPOSITORY}")
        if inside == path:
            return None
        state = query.get("state", "open")
        match inside.strip("/").split("/"):
            case [""]:
                return {"default_branch": self.default_branch}
            case ["pulls"]:
                return [its for its in self.pulls.values() if state in {"all", its["state"]}]
            case ["pulls", number]:
                return self.pulls.get(int(number))
            case ["pulls", number, "reviews"]:
                return self.reviews.get(int(number))
            case ["issues", number, "events"]:
                return self.events.get(int(number), []) if int(number) in self.pulls else None
            case ["issues", number, "comments"]:
                return self.comments.setdefault(int(number), [])
            case ["commits", oid, "pulls"]:
                return [self.pulls[number] for number in self.pulls_of.get(oid, ())]
            case ["git", "matching-refs", *name]:
                return [its for its in self.refs if its["ref"].startswith(f"refs/{'/'.join(name)}")]
            case ["actions", "workflows", "cxgov-gate.yml", "runs"]:
                return {"total_count": len(self.runs), "workflow_runs": self._runs(query)}
            case ["actions", "runs", identity]:
                found = [its for its in self.runs if its["id"] == int(identity)]
                for its in found:
                    self.on_run(its)
                return found[0] if found else None
            case _:
                return None

    def _runs(self, query: Data) -> list[Data]:
        return [its for its in self.runs if self.deaf or query.get("event") in {None, its["event"]}]

    def change(self, method: str, path: str, body: Data) -> tuple[int, Any]:
        """The status and the answer to a change."""
        inside = path.removeprefix(f"/repos/{REPOSITORY}").strip("/").split("/")
        match method, inside:
            case "POST", ["issues", number, "comments"]:
                new = {"id": 100 + sum(map(len, self.comments.values())), "user": BOT, "body": body["body"]}
                self.comments.setdefault(int(number), []).append(new)
                return 201, new
            case "PATCH", ["issues", "comments", identity]:
                for its in (its for every in self.comments.values() for its in every if its["id"] == int(identity)):
                    its["body"] = body["body"]
                    return 200, its
            case "POST", ["actions", "runs", identity, "rerun"]:
                for its in (its for its in self.runs if its["id"] == int(identity)):
                    if its["status"] != "completed":
                        return 403, {"message": "This workflow is already running"}
                    self.rerun.append(int(identity))
                    return 201, {}
        return 404, {"message": "Not Found"}


def _handler(forge: Forge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            page = int(query.get("page", 1))
            if not self._allowed("GET", url.path, page):
                return
            answer: Any = forge.get(url.path, query) if forge.raw is None else forge.raw
            if answer is None:
                self._send(404, {"message": "Not Found"})
                return
            key = "workflow_runs" if isinstance(answer, dict) and "workflow_runs" in answer else None
            items: Sequence[Any] | None = answer[key] if key else answer if isinstance(answer, list) else None
            if items is None:
                self._send(200, answer)
                return
            size = min(int(query.get("per_page", 30)), forge.most)
            shown = items[(page - 1) * size : page * size]
            links = {}
            if page * size < len(items):
                more = {name: urlencode({**query, "page": n}) for name, n in (("next", page + 1), ("last", 99))}
                links = {"Link": ", ".join(f'<{forge.base}{url.path}?{q}>; rel="{rel}"' for rel, q in more.items())}
            self._send(200, {**answer, key: shown} if key else shown, {**links, **forge.headers})

        def do_POST(self) -> None:
            self._change("POST")

        def do_PATCH(self) -> None:
            self._change("PATCH")

        def _change(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self._allowed(method, self.path, 1):
                self._send(*forge.change(method, self.path, json.loads(body or b"{}")))

        def _allowed(self, method: str, path: str, page: int) -> bool:
            forge.asked.append(Asked(method, path, page))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._send(401, {"message": "Bad credentials"})
                return False
            status = forge.broken.get((path, page))
            if status is not None:
                left = forge.failures.get((path, page))
                if left is None or left > 0:
                    forge.failures |= {(path, page): left - 1} if left is not None else {}
                    self._send(status, {"message": "it went wrong"}, forge.headers)
                    return False
            return True

        def _send(self, status: int, answer: Any, headers: Data | None = None) -> None:
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing: pytest shows what is asked in ``Forge.asked``."""

    return Handler


@contextmanager
def serving(forge: Forge) -> Iterator[Forge]:
    """The server, on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(forge))
    forge.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
