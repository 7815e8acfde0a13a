"""Who may do what: access.yaml as frozen values, with every mistake named by line, rule, value, reason and fix.

::

    model = AccessModel.load(Path("access.yaml"))
    marketer = model.in_environment("staging").roles["marketer"]
    marketer.scopes, marketer.taken_away, marketer.lost_permissions
"""

from klaviyo_access.access_model.grants import EnvironmentAccess, OAuthAppAccess, RoleAccess, ServiceAccess
from klaviyo_access.access_model.model import AccessModel
from klaviyo_access.access_model.problems import AccessModelError, Problem, UnknownEnvironmentError

__all__ = [
    "AccessModel",
    "AccessModelError",
    "EnvironmentAccess",
    "OAuthAppAccess",
    "Problem",
    "RoleAccess",
    "ServiceAccess",
    "UnknownEnvironmentError",
]
