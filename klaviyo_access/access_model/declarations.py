"""What access.yaml declares, entry by entry: frozen values with their kinds checked, their relations not yet."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StringConstraints

from klaviyo_access.access_model.scopes import ACCOUNT_SCOPE, CUSTODIAN_SCOPES, expand

_Value = TypeVar("_Value")

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]
Frozen: TypeAlias = Annotated[Mapping[str, _Value], AfterValidator(MappingProxyType)]
Owner = Annotated[Text, StringConstraints(max_length=256, pattern=r"^[\w .:/=+@-]+$")]
Reads: TypeAlias = Literal["library", "injected", "synced"]

REQUIRED: Final = "required"
"""In a ceiling: what permissions and services need, and the scope of every role."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Permission(_Entry):
    """What a person may do in the application."""

    description: Text = Field(description="what it allows, for the people who hand it out")
    scopes: Names = Field(description="the scopes that Klaviyo asks for when it is done")


class Role(_Entry):
    """The owner of exactly one key per environment."""

    description: Text = Field(description="who or what acts with this role's key")
    owner: Owner = Field(description="the team that answers for it; a tag on all its resources")
    permissions: Names = Field(default=(), description="what its people may do")
    scopes: Names = Field(description="scopes and patterns of its key")
    reasons: Frozen[Text] = Field(
        default_factory=lambda: MappingProxyType({}), description="for each excess scope or pattern, why"
    )
    custodian: StrictBool = Field(default=False, description="true for the one role that may list and disable keys")

    @property
    def declared(self) -> frozenset[str]:
        """The scopes that the file gives this role, accounts:read included."""
        return frozenset({ACCOUNT_SCOPE}.union(*map(expand, self.scopes)))


class Service(_Entry):
    """A workload that reads the key of one role, or of several with a reason."""

    description: Text = Field(description="what it does with the key")
    role: Text | None = Field(default=None, description="the role whose key it reads")
    roles: Names = Field(default=(), description="the roles whose keys it reads, with a reason")
    reason: Text | None = Field(default=None, description="why it reads several keys")
    needs: Names = Field(default=(), description="the scopes it uses; without it, those of its roles' permissions")
    reads: Reads = Field(description="how it follows a rotation: library, injected or synced")
    oauth: Names = Field(default=(), description="permissions that it uses on other Klaviyo accounts, by OAuth")

    @property
    def role_names(self) -> tuple[str, ...]:
        """The roles whose keys it reads, however the file names them."""
        return self.roles or ((self.role,) if self.role else ())


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Ceiling(_Entry):
    """The most that any key may do in an environment."""

    ceiling: Annotated[Names, BeforeValidator(_one_or_many)] = Field(
        description="scopes and patterns that are let through, or `required`"
    )


class Suspicion(_Entry):
    """What is worth an alarm when somebody does it, or is refused it; an entry meets all that is given."""

    description: Text = Field(description="what may be behind it, for whoever is alarmed")
    permissions: Names = Field(default=(), description="the action is one of these permissions")
    roles: Names = Field(default=(), description="it is done in one of these roles")
    result: Literal["allowed", "denied", "succeeded", "failed"] | None = Field(
        default=None, description="how it ends: allowed, denied, succeeded or failed"
    )
    burst: Text | None = Field(default=None, description="so often by one user, as in `10 in 60s`")
    outside: Text | None = Field(default=None, description="outside these hours in UTC, as in `mon-fri 07:00-19:00`")


class Declarations(BaseModel):
    """All entries of an access model, by name."""

    model_config = ConfigDict(frozen=True)

    permissions: Frozen[Permission]
    roles: Frozen[Role]
    services: Frozen[Service]
    environments: Frozen[Ceiling]
    suspicious: Frozen[Suspicion] = Field(default_factory=lambda: MappingProxyType({}))

    def permission_scopes(self, role: str) -> frozenset[str]:
        """The scopes that the permissions of ``role`` need."""
        return frozenset().union(*(self.permissions[name].scopes for name in self.roles[role].permissions))

    def service_scopes(self, service: str) -> frozenset[str]:
        """The scopes that ``service`` needs: those it names, else those of its roles' permissions."""
        entry = self.services[service]
        return frozenset(entry.needs) or frozenset().union(*map(self.permission_scopes, entry.role_names))

    def oauth_scopes(self, service: str) -> frozenset[str]:
        """The scopes that the OAuth app of ``service`` asks for: what its permissions need, and whose account it is."""
        named = (self.permissions[name].scopes for name in self.services[service].oauth)
        return frozenset({ACCOUNT_SCOPE}).union(*named)

    def readers(self, role: str) -> tuple[str, ...]:
        """The services that read the key of ``role``, sorted."""
        return tuple(sorted(name for name, service in self.services.items() if role in service.role_names))

    def required(self, role: str) -> frozenset[str]:
        """The scopes of ``role`` that its permissions, its services or its duty as custodian need."""
        entry = self.roles[role]
        named = (self.services[reader].needs for reader in self.readers(role))
        needed = self.permission_scopes(role).union({ACCOUNT_SCOPE}, *named)
        return entry.declared & (needed | CUSTODIAN_SCOPES if entry.custodian else needed)
