"""The service app-api: whoever is signed in may do what their role's permissions say, with the key of that role."""

import logging
import os
import sys
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Annotated, Any

import uvicorn
from fastapi import Body, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from examples.login import Login
from klaviyo_access.audit import AuditLog, StandardOutput
from klaviyo_access.authorization import Permissions
from klaviyo_access.authorization.fastapi import Authorization
from klaviyo_access.errors import KlaviyoAccessError, KlaviyoError
from klaviyo_access.klaviyo import session_for_role

LOG = logging.getLogger(__name__)


def create_app(login: Login, access: Authorization, session: Callable[[str], Any]) -> FastAPI:
    """The application.

    Args:
        login: knows who is signed in.
        access: decides what they may do.
        session: gives Klaviyo's client with the key of a role.
    """
    app = FastAPI(title="app-api")
    access.guard(app)

    @app.middleware("http")
    async def sign_in(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if person := login.person(request.headers.get("Authorization")):
            request.state.klaviyo_user, request.state.klaviyo_role = person.name, person.role
        return await call_next(request)

    @app.exception_handler(KlaviyoError)
    def tell_of_trouble(_: Request, trouble: KlaviyoError) -> Response:
        LOG.warning("%s", trouble)  # what went wrong is for those who run the service
        return JSONResponse({"error": "Klaviyo did not do it"}, status_code=502)

    @app.get("/klaviyo/profiles")
    def profiles(role: Annotated[str, Depends(access.require("read-profiles"))]) -> dict[str, Any]:
        found = session(role).Profiles.get_profiles(page_size=10)
        return {"profiles": [profile.id for profile in found.data]}

    @app.post("/klaviyo/lists", status_code=201)
    def create_list(
        role: Annotated[str, Depends(access.require("manage-lists"))], name: Annotated[str, Body(embed=True)]
    ) -> dict[str, Any]:
        made = session(role).Lists.create_list({"data": {"type": "list", "attributes": {"name": name}}})
        return {"list": made.data.id}

    return app


def main() -> None:
    with AuditLog("app-api", StandardOutput()) as audit:
        access = Authorization(Permissions.load(), record=audit.record)
        app = create_app(Login.of(os.environ), access, cache(session_for_role))
        uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))


if __name__ == "__main__":
    try:
        main()
    except KlaviyoAccessError as trouble:
        sys.exit(f"{type(trouble).__name__}: {trouble}")
