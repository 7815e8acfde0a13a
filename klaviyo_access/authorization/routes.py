"""The rule of every guard: a route that may serve the Klaviyo prefix requires a permission, or a reason is given."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from klaviyo_access.errors import UnguardedRoutes


@dataclass(frozen=True, kw_only=True)
class DeclaredRoute:
    """One route, in a form that all frameworks share.

    Attributes:
        path: as the application declared it.
        pattern: the same with ``*`` for what stands for a part of one segment, ``**`` for what may span several.
        handler: a name to find it by.
        is_guarded: whether it requires a permission.
    """

    path: str
    pattern: str
    handler: str
    is_guarded: bool

    def may_serve(self, prefix: str) -> bool:
        """Whether some path at or under ``prefix`` can reach this route."""
        own = _segments(self.pattern)
        for position, segment in enumerate(_segments(prefix)):
            if position == len(own):
                return False
            if "**" in own[position]:
                return _fits(own[position].partition("**")[0] + "**", segment)
            if not _fits(own[position], segment):
                return False
        return True


def refuse_unguarded(routes: Iterable[DeclaredRoute], *, prefix: str, open_routes: Mapping[str, str]) -> None:
    """Refuse an application that has a route under ``prefix`` without a permission, or none there.

    Args:
        routes: all of its routes.
        prefix: where everything that calls Klaviyo lives, as in ``/klaviyo``.
        open_routes: for each path that is meant to be without a permission, the reason.

    Raises:
        UnguardedRoutes: such a route has neither; or a reason is empty, or given for a path that needs none; or no
            route may serve ``prefix``, so that nothing would be watched over.
    """
    declared = tuple(routes)
    served = [route for route in declared if route.may_serve(prefix)]
    if not served:
        raise UnguardedRoutes(
            f"A guard watches over what is served under its prefix, and no route is under {prefix}; there are: "
            f"{', '.join(sorted({route.path for route in declared})) or 'none'}. Give guard the prefix under which the "
            "application calls Klaviyo, as in prefix='/api/klaviyo', or leave guard out where it calls nothing."
        )
    unguarded = [route for route in served if not route.is_guarded]
    pointless = [path for path in open_routes if path not in {route.path for route in unguarded}]
    lines = [f"  {route.path} ({route.handler})" for route in unguarded if not open_routes.get(route.path, "").strip()]
    if lines:
        raise UnguardedRoutes(
            f"Every route that may serve {prefix} requires a permission, so that none is open by oversight. "
            "Without one:\n" + "\n".join(lines) + "\nAdd require(…) to each, or name it in open_routes with a reason."
        )
    if pointless:
        raise UnguardedRoutes(
            f"open_routes gives reasons for routes without a permission that may serve {prefix}; "
            f"there is no such route {', '.join(pointless)}. Take it out, or write the path as the route has it."
        )


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/") if path.strip("/") else []


def _fits(pattern: str, segment: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, re.split(r"\*+", pattern))), segment) is not None
