"""The web service: a page for each link of a message, `/healthz`, and `/metrics` where the caller supplies it.

A page is opened by a signed link and by nothing else; there is no list and no login. Looking never changes
anything; an act is a form that its own page made, and the link acts once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException

from alerts.acts import ActError
from alerts.links import PURPOSES, Purpose, Token, TokenError
from alerts.rules import AlertRulesError, AlertSettings, load_alerts
from alerts.wording import clean
from service.desk import Desk, NoEpisodeError, SpentError
from service.episode_view import View, view_of
from service.guard import FORM_COOKIE, HEADERS, Forms, Guarded, Rates
from service.words import LANGUAGES, stated, words
from vocabulary.clock import wall_time
from warehouse.engine import WarehouseBusyError

_LOG = logging.getLogger(__name__)

_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_GONE, _FORBIDDEN, _BUSY, _MANY, _CONFLICT = 410, 403, 503, 429, 409


class RefusedError(Exception):
    """A request that is answered with a page that says why: a key of `[<language>.errors]`."""

    def __init__(
        self, status: int, key: str, more: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.more = more
        self.headers = dict(headers or {})


def create_app(desk: Desk, *, root_path: str = "") -> FastAPI:
    """Return the service.

    Parameters
    ----------
    desk
        The way to the warehouse, the links and the districts.
    root_path
        The path a reverse proxy takes off before it hands on.
    """
    app = FastAPI(title="ecoplan", root_path=root_path, docs_url=None, redoc_url=None, openapi_url=None)
    pages = Pages(desk)
    app.add_middleware(Guarded)
    static = Path(str(files("service").joinpath("static")))
    app.mount("/static", StaticFiles(directory=static), name="static")
    _answer_errors(app, pages)

    @app.get("/healthz")
    def healthz() -> JSONResponse:
        """Say whether the service lives, and whether the warehouse can be read."""
        return JSONResponse({"ok": True, "warehouse": "readable" if desk.is_readable() else "unavailable"})

    if desk.metrics is not None:
        exposition = desk.metrics

        @app.get("/metrics")
        def metrics() -> Response:
            """Return the metrics in Prometheus' text format."""
            with desk.reading() as connection:
                return Response(exposition(connection), media_type=_METRICS)

    @app.get("/")
    def home(request: Request) -> HTMLResponse:
        """Say that pages are opened by links."""
        return pages.error(request, 404, "home")

    @app.get("/{purpose}/{token}")
    def show(request: Request, purpose: str, token: str) -> HTMLResponse:
        """Show an episode; nothing is changed."""
        return pages.show(request, purpose, token)

    @app.post("/{purpose}/{token}")
    def act(
        request: Request,
        purpose: str,
        token: str,
        form: Annotated[str, Form()] = "",
        actor: Annotated[str, Form()] = "",
        note: Annotated[str, Form()] = "",
        hours: Annotated[str, Form()] = "",
    ) -> Response:
        """Acknowledge or silence, once."""
        return pages.act(request, purpose, token, form=form, actor=actor, note=note, hours=hours)

    return app


class Pages:
    """Fills the templates, and decides what a link may do."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rates = Rates()
        self._forms = Forms(desk.links)
        self._templates = Environment(
            loader=PackageLoader("service", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def show(
        self, request: Request, purpose: str, text: str, *, status: int = 200, said: str = "", **given: str
    ) -> HTMLResponse:
        """Return the page of a link's episode, with its form while the link may still act."""
        self._within(request, "pages")
        token = self._token(request, purpose, text)
        language = self._language(request)
        said_words = words(language)
        with self._desk.reading() as connection:
            row = self._desk.row(connection, token.episode_id)
            district = self._desk.districts.get(row["district"])
            view = view_of(connection, row, district, self._settings(row["district"]), language)
            spent = self._desk.spent(connection, token)
        may, note = _may_act(token, view, said_words, spent=spent)
        cookie = request.cookies.get(FORM_COOKIE) or self._forms.new_cookie()
        if spent and not said and token.purpose in ("acknowledge", "silence"):
            said = said_words["said"]["acknowledged" if token.purpose == "acknowledge" else "silenced"]
        page = self._page(
            request,
            "episode",
            status,
            title=view.title,
            view=view,
            purpose=token.purpose,
            form=self._forms.sign(token, cookie) if may else "",
            given={"actor": given.get("actor", ""), "note": given.get("note", "")},
            most=stated()["form"],
            said=said,
            note=note,
            good_until=said_words["said"]["until"].format(at=f"{wall_time(token.expires):%Y-%m-%d %H:%M}"),
        )
        if may:
            page.set_cookie(
                FORM_COOKIE,
                cookie,
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
                path=request.scope.get("root_path") or "/",
            )
        return page

    def act(
        self, request: Request, purpose: str, text: str, *, form: str, actor: str, note: str, hours: str
    ) -> Response:
        """Do what the link is for and show the page again; refuse a form that is not the page's own."""
        self._within(request, "acts")
        token = self._token(request, purpose, text)
        # a browser that says where a form comes from says that it is this service, or nothing
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise RefusedError(_FORBIDDEN, "form")
        if not self._forms.is_own(form, token, request.cookies.get(FORM_COOKIE, "")):
            raise RefusedError(_FORBIDDEN, "form")
        most = stated()["form"]
        if len(actor) > int(most["longest_name"]) or len(note) > int(most["longest_note"]):
            raise RefusedError(413, "large")
        name, reason = clean(actor), clean(note, longest=int(most["longest_note"]))
        try:
            if token.purpose == "acknowledge":
                self._desk.acknowledge(token, actor=name, note=reason)
            elif token.purpose == "silence":
                chosen = int(hours) if hours.isdecimal() else 0
                if chosen not in most["silence_hours"]:
                    raise RefusedError(422, "act")
                self._desk.silence(token, owner=name, reason=reason, hours=chosen)
            else:
                raise RefusedError(_FORBIDDEN, "forged")
        except SpentError:
            raise RefusedError(_GONE, "reused") from None
        except ActError as error:
            more = error.zh if self._language(request) == "zh" else error.en
            raise RefusedError(_CONFLICT, "act", more) from error
        _LOG.info("episode %s: %s by page", token.episode_id, token.purpose)
        return RedirectResponse(f"{text}?lang={self._language(request)}", status_code=303)

    def error(
        self,
        request: Request,
        status: int,
        key: str,
        more: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """Return a page that says what went wrong and what to do."""
        said = words(self._language(request))["errors"]
        shown = more or said.get(f"{key}_more", "")
        page = self._page(request, "error", status, title=said[key], more=shown)
        page.headers.update(dict(headers or {}))
        return page

    def _page(self, request: Request, template: str, status: int, **filled: Any) -> HTMLResponse:
        language = self._language(request)
        depth = request.scope["path"].removeprefix(request.scope.get("root_path", "")).count("/") - 1
        text = self._templates.get_template(f"{template}.html.j2").render(
            words=words(language),
            other_language=next(other for other in LANGUAGES if other != language),
            up="../" * max(depth, 0),
            **filled,
        )
        return HTMLResponse(text, status_code=status)

    def _token(self, request: Request, purpose: str, text: str) -> Token:
        if self._rates.exhausted("strange", _client(request)):
            raise self._too_many()
        known: dict[str, Purpose] = {name: name for name in PURPOSES}
        # what is no purpose has no key either: the token was not made for it
        meant = known.get(purpose, "view")
        try:
            token = self._desk.links.read(text, meant, now=self._desk.clock())
        except TokenError as error:
            self._rates.allows("strange", _client(request))
            status = _GONE if error.reason == "expired" else _FORBIDDEN
            raise RefusedError(status, error.reason) from error
        if purpose not in known:
            raise RefusedError(_FORBIDDEN, "forged")
        return token

    def _within(self, request: Request, sort: str) -> None:
        if not self._rates.allows(sort, _client(request)):
            raise self._too_many()

    @staticmethod
    def _too_many() -> RefusedError:
        return RefusedError(_MANY, "rate", headers={"Retry-After": str(stated()["busy"]["retry_after"])})

    def _language(self, request: Request) -> str:
        asked = request.query_params.get("lang", self._desk.language)
        return asked if asked in LANGUAGES else LANGUAGES[0]

    def _settings(self, district: str) -> AlertSettings | None:
        known = self._desk.districts.get(district)
        if known is None:
            return None
        try:
            return load_alerts(Path(known.folder) / "alerts.toml")
        except AlertRulesError as error:
            # the page still shows what the warehouse knows; the titles of rules are missing
            _LOG.warning("%s", error)
            return None


def _may_act(token: Token, view: View, said: Mapping[str, Any], *, spent: bool) -> tuple[bool, str]:
    """Say whether the link may act now, and what the page tells about it."""
    if token.purpose == "view":
        return False, said["said"]["view"]
    if spent:
        return False, said["said"]["spent"]
    if token.purpose == "silence" or view.is_firing:
        return True, ""
    if view.acknowledged is not None:
        who, at = view.acknowledged
        return False, said["said"]["already"].format(actor=who, at=at)
    return False, said["said"]["over"]


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


def _answer_errors(app: FastAPI, pages: Pages) -> None:
    """Answer what went wrong with a page, never with a trace."""

    @app.exception_handler(RefusedError)
    def refused(request: Request, error: RefusedError) -> HTMLResponse:
        return pages.error(request, error.status, error.key, error.more, error.headers)

    @app.exception_handler(NoEpisodeError)
    def missing(request: Request, _error: NoEpisodeError) -> HTMLResponse:
        return pages.error(request, 404, "missing")

    @app.exception_handler(WarehouseBusyError)
    def busy(request: Request, _error: WarehouseBusyError) -> HTMLResponse:
        after = {"Retry-After": str(stated()["busy"]["retry_after"])}
        return pages.error(request, _BUSY, "busy", headers=after)

    @app.exception_handler(RequestValidationError)
    def unreadable(request: Request, _error: RequestValidationError) -> HTMLResponse:
        return pages.error(request, 422, "form")

    @app.exception_handler(HTTPException)
    def unknown(request: Request, error: HTTPException) -> HTMLResponse:
        return pages.error(request, error.status_code, "forged", headers=error.headers)

    @app.exception_handler(Exception)
    def failed(request: Request, _error: Exception) -> HTMLResponse:
        # raised again by the server after the answer, so that the log has its trace; it stands outside `Guarded`
        return pages.error(request, 500, "failed", headers=dict(HEADERS))
