"""The access model: access.yaml, loaded once, checked as a whole, handed down as values."""

from pathlib import Path
from typing import Self

from klaviyo_access.access_model.checks import check_entries
from klaviyo_access.access_model.declarations import Declarations
from klaviyo_access.access_model.document import read_document
from klaviyo_access.access_model.grants import EnvironmentAccess, intersect
from klaviyo_access.access_model.problems import AccessModelError, UnknownEnvironmentError, choice, shown
from klaviyo_access.access_model.relations import check_relations
from klaviyo_access.access_model.rules import KNOWN_ENVIRONMENT, problem
from klaviyo_access.access_model.schema import read_entries


class AccessModel(Declarations):
    """Who may do what: declarations that keep every rule, and what they come to in each environment.

    Attributes:
        source: the file it was loaded from.
    """

    source: str

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read and check the access model at ``path``.

        Raises:
            AccessModelError: the file breaks a rule; the error holds all that is wrong with it.
        """
        document = read_document(Path(path))
        draft = read_entries(document.values)
        findings = [*draft.findings, *check_entries(draft)]
        findings += check_relations(draft, wrong={finding.where[:2] for finding in findings})
        problems = (*document.problems, *map(document.located, findings))
        if problems:
            raise AccessModelError(problems, source=document.source)
        return cls(source=document.source, **dict(draft.declarations))

    def in_environment(self, name: str) -> EnvironmentAccess:
        """What each role and service may do in the environment ``name``.

        Raises:
            UnknownEnvironmentError: the model has no such environment; the message names those it has.
        """
        if name not in self.environments:
            fix = f"{choice(name, among=self.environments)}, or add it under environments"
            unknown = problem(0, KNOWN_ENVIRONMENT, value=shown(name), fix=fix)
            raise UnknownEnvironmentError([unknown], source=self.source)
        return intersect(self, environment=name)
