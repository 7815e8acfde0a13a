"""Permissions on plain functions: what a worker, a command or a framework without a module of its own calls."""

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar, cast

from klaviyo_access.authorization.decisions import Asker, Authorizer
from klaviyo_access.authorization.marks import GuardedBy, marked

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


def _nobody(*_: Any, **__: Any) -> None:
    return None


@dataclass(frozen=True)
class Authorization(Authorizer):
    """Permissions on plain functions, asynchronous ones too.

    Attributes:
        role_of: gives the role of who asks, from the arguments of the function that is called; None for no role.
        user_of: gives the user in the same way.
    """

    _: KW_ONLY
    role_of: Callable[..., str | None]
    user_of: Callable[..., str | None] = _nobody

    def require(
        self, permission: str, *, roles: Iterable[str] | None = None
    ) -> Callable[[Callable[_Parameters, _Result]], Callable[_Parameters, _Result]]:
        """A decorator: the function runs only for who has ``permission``.

        Args:
            permission: as in access.yaml.
            roles: the roles that the function is for; without it, all that have the permission.

        Raises:
            UnknownPermission: now, where the access model has no such permission.
            UnknownRole: now, where it has no such role with the permission.
            RoleNotAssigned: at a call, where the caller has no role.
            PermissionDenied: at a call, where the role does not pass.
        """
        requirement = self.requirement(permission, roles=roles)

        def decorate(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
            def admit(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> None:
                role, user = self.role_of(*args, **kwargs), self.user_of(*args, **kwargs)
                self.decide(requirement, Asker(role=role, user_id=user, resource=function.__qualname__))

            @wraps(function)
            def call(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
                admit(*args, **kwargs)
                return function(*args, **kwargs)

            @wraps(function)
            async def call_async(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> Any:
                admit(*args, **kwargs)
                return await cast("Any", function)(*args, **kwargs)

            chosen = call_async if iscoroutinefunction(function) else call
            return marked(cast("Callable[_Parameters, _Result]", chosen), GuardedBy.PERMISSION)

        return decorate
