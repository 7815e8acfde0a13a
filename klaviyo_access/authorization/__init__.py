"""What people may do in the application, by the permissions of access.yaml; who is not let in is refused.

Importing this package imports the standard library alone. Each framework has a module with an ``Authorization`` of its
own: `klaviyo_access.authorization.fastapi`, ``.starlette``, ``.flask``, ``.wsgi``; the one here is for plain functions.

::

    from klaviyo_access.authorization import Permissions
    from klaviyo_access.authorization.fastapi import Authorization

    access = Authorization(Permissions.load())
    app = FastAPI()
    access.guard(app)

    @app.post("/klaviyo/campaigns", dependencies=[Depends(access.require("send-campaigns"))])
    def send() -> None: ...
"""

from klaviyo_access.authorization.functions import Authorization
from klaviyo_access.authorization.permissions import Permissions

__all__ = ["Authorization", "Permissions"]
