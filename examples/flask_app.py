"""The service admin-console: it has the admin's key and no other, so its pages are for admins alone."""

import os
import sys
from collections.abc import Callable
from typing import Any

from flask import Flask, g, request

from examples.login import Login
from klaviyo_access.audit import AuditLog, StandardOutput
from klaviyo_access.authorization import Permissions
from klaviyo_access.authorization.flask import Authorization
from klaviyo_access.errors import KlaviyoAccessError, KlaviyoError
from klaviyo_access.klaviyo import session_for_role

ROLES = ("admin",)


def create_app(login: Login, access: Authorization, session: Callable[[str], Any]) -> Flask:
    """The application.

    Args:
        login: knows who is signed in.
        access: decides what they may do.
        session: gives Klaviyo's client with the key of a role.
    """
    app = Flask("admin-console")

    @app.before_request
    def sign_in() -> None:
        if person := login.person(request.headers.get("Authorization")):
            g.klaviyo_user, g.klaviyo_role = person.name, person.role

    @app.errorhandler(KlaviyoError)
    def tell_of_trouble(trouble: KlaviyoError) -> tuple[dict[str, str], int]:
        app.logger.warning("%s", trouble)  # what went wrong is for those who run the service
        return {"error": "Klaviyo did not do it"}, 502

    @app.get("/klaviyo/webhooks")
    @access.require("manage-webhooks", roles=ROLES)
    def webhooks() -> dict[str, Any]:
        found = session("admin").Webhooks.get_webhooks()
        return {"webhooks": [webhook.id for webhook in found.data]}

    @app.post("/klaviyo/profiles/<profile>/deletion")
    @access.require("delete-profiles", roles=ROLES)
    def delete_profile(profile: str) -> tuple[dict[str, Any], int]:
        person = {"data": {"type": "profile", "id": profile, "attributes": {}}}
        job = {"type": "data-privacy-deletion-job", "attributes": {"profile": person}}
        session("admin").Data_Privacy.request_profile_deletion({"data": job})
        return {"deleting": profile}, 202

    access.guard(app)
    return app


def main() -> None:
    with AuditLog("admin-console", StandardOutput()) as audit:
        session = session_for_role("admin")
        access = Authorization(Permissions.load(), record=audit.record)
        app = create_app(Login.of(os.environ), access, {"admin": session}.__getitem__)
        app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8001")))


if __name__ == "__main__":
    try:
        main()
    except KlaviyoAccessError as trouble:
        sys.exit(f"{type(trouble).__name__}: {trouble}")
