"""GitHub's REST API: one answer, or every page of a list, or the reason why it cannot be read."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from cxgov.evidence.failures import CannotSay
from cxgov.language.diagnostics import visible
from cxgov.language.strict_json import read_json

MAX_BYTES: Final = 32 * 1024 * 1024
_TIMEOUT: Final = 30.0
_PAUSES: Final = (0.5, 2.0)  # GitHub fails now and then for a moment
_MOST_PAGES: Final = 2_000
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[A-Za-z]+="[^"]*")*)')
_SERVER_ERROR: Final = 500
_LIMITED: Final = frozenset({403, 429})


class Refused(CannotSay):
    """GitHub answered, and not with what was asked for."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would take the token elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Rest:
    """The API at a base address, asked with a token. Nothing is sent to another host, nor unencrypted.

    Raises:
        CannotSay: the address is neither https nor of this machine, or there is no token.
    """

    def __init__(self, base: str, token: str, pause: Callable[[float], None] = time.sleep) -> None:
        parts = urlsplit(base)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise CannotSay(f"GITHUB_API_URL is {visible(base)!r}: it must begin with https://")
        if not token.strip() or not token.isprintable():
            raise CannotSay("GITHUB_TOKEN is not set: give the step `env: {GITHUB_TOKEN: ${{ github.token }}}`")
        self._base = base.rstrip("/")
        self._home = parts[:2]
        self._token = token
        self._opener = build_opener(_NoRedirects)
        self.pause = pause

    def get(self, path: str, **query: str | int) -> Any:
        """The answer to one question; a path begins with ``/``.

        Raises:
            CannotSay: there is no answer.
        """
        return self._patiently(self._base + path + _query(query))[0]

    def pages(self, path: str, within: str | None = None, **query: str | int) -> Iterator[Any]:
        """Every item of a list, page after page; ``within`` is its key, where an object is around it.

        Raises:
            CannotSay: a page cannot be read. What came before it is then no answer either.
        """
        url: str | None = self._base + path + _query({"per_page": 100, **query})
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) == _MOST_PAGES:
                raise CannotSay(f"GitHub's pages of {path} have no end")
            seen.add(url)
            data, links = self._patiently(url)
            items = data.get(within) if within is not None and isinstance(data, dict) else data
            if not isinstance(items, list):
                raise CannotSay(f"GitHub's answer to {path} is no list")
            yield from items
            url = self._next(links)

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        """The answer to making something.

        Raises:
            Refused: GitHub does not do it.
            CannotSay: there is no answer.
        """
        return self._once("POST", self._base + path, body or {})[0]

    def patch(self, path: str, body: Mapping[str, object]) -> Any:
        """The answer to changing something.

        Raises:
            Refused: GitHub does not do it.
            CannotSay: there is no answer.
        """
        return self._once("PATCH", self._base + path, body)[0]

    def _next(self, links: str) -> str | None:
        for url, parameters in _LINK.findall(links):
            if re.search(r';\s*rel="next"', parameters):
                if urlsplit(url)[:2] != self._home:
                    raise CannotSay(f"GitHub's next page is on another host, {visible(url)!r}: not followed")
                return str(url)
        return None

    def _patiently(self, url: str) -> tuple[Any, str]:
        for wait in (*_PAUSES, None):
            try:
                return self._once("GET", url, None)
            except CannotSay as failure:
                if wait is None or (isinstance(failure, Refused) and failure.status < _SERVER_ERROR):
                    raise
                self.pause(wait)
        raise AssertionError

    def _once(self, method: str, url: str, body: Mapping[str, object] | None) -> tuple[Any, str]:
        path = visible(urlsplit(url).path)
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "User-Agent": "cxgov",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        asked = Request(url, data=data, headers=headers, method=method)  # noqa: S310  # held to https by __init__
        try:
            with self._opener.open(asked, timeout=_TIMEOUT) as answer:
                text, links = answer.read(MAX_BYTES + 1), answer.headers.get("Link", "")
        except HTTPError as error:
            with error:
                raise Refused(error.code, _refusal(method, path, error)) from None
        except (OSError, HTTPException) as error:  # no route, no answer in time, or half of one
            raise CannotSay(f"GitHub does not answer to {method} {path}: {visible(str(error))}") from error
        if not text:
            return None, links
        try:
            return read_json(text, MAX_BYTES), links
        except ValueError as error:
            raise CannotSay(f"GitHub's answer to {method} {path} cannot be read: {error}") from error


def _query(query: Mapping[str, str | int]) -> str:
    return f"?{urlencode(query)}" if query else ""


def _refusal(method: str, path: str, error: HTTPError) -> str:
    said = f"GitHub answers {error.code} to {method} {path}"
    try:
        data = read_json(error.read(MAX_BYTES), MAX_BYTES)
        said += f": {visible(str(data['message']))}"
    except (ValueError, KeyError, TypeError, OSError, HTTPException):
        pass  # the reason is a courtesy; the number is the answer
    if error.code in _LIMITED:
        said += " (does the job have the permission, and requests left?)"
    if error.headers.get("Location"):
        said += f" (moved to {visible(error.headers['Location'])}; redirects are not followed)"
    return said
