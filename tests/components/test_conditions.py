"""Under which conditions each statement of the shipped stacks stands, to the operator: those that decide alike today,
such as StringNotLike without a wildcard, are other promises."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.components.test_rendered_stacks import STACKS, statements

_Condition = Mapping[str, set[str]]

_BY_SERVICE: Final[_Condition] = {"StringEquals": {"aws:SourceArn"}}
_THROUGH_SECRETS_MANAGER: Final[_Condition] = {"StringEquals": {"kms:EncryptionContext:SecretARN", "kms:ViaService"}}
_UNLESS_NAMED: Final[_Condition] = {"StringNotEquals": {"aws:PrincipalArn"}}
_NO_NEW_ROTATION: Final[_Condition] = {
    "BoolIfExists": {"secretsmanager:ModifyRotationRules"},
    "Null": {"secretsmanager:RotationLambdaARN"},
}
_OF_A_POD: Final = {f"aws:RequestTag/{tag}" for tag in ("eks-cluster-arn", "kubernetes-namespace")}

CONDITIONS: Final[Mapping[str, tuple[_Condition, ...]]] = {
    "CheckAcl": (_BY_SERVICE,),
    "DecryptCustodiansKey": (_THROUGH_SECRETS_MANAGER,),
    "DecryptKey": (_THROUGH_SECRETS_MANAGER,),
    "DecryptKeyAndSpares": (_THROUGH_SECRETS_MANAGER,),
    "DecryptTrail": ({"StringEquals": {"kms:CallerAccount"}},),
    "EncryptKey": (_THROUGH_SECRETS_MANAGER,),
    "EncryptLogs": ({"ArnLike": {"kms:EncryptionContext:aws:logs:arn"}},),
    "EncryptSpare": ({"StringEquals": {"kms:ViaService"}, "StringLike": {"kms:EncryptionContext:SecretARN"}},),
    "EncryptTrail": ({**_BY_SERVICE, "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn"}},),
    "LabelByTheRotatorAlone": (_UNLESS_NAMED,),
    "ManageByDeployersAlone": (_UNLESS_NAMED,),
    "ManageKeyByDeployersAlone": (_UNLESS_NAMED,),
    "OverTlsAlone": ({"Bool": {"aws:SecureTransport"}},),
    "PublishAlarm": ({"ArnEquals": {"aws:SourceArn"}},),
    "ReadByReadersAlone": (_UNLESS_NAMED,),
    "RotateByOperatorsAlone": (_UNLESS_NAMED,),
    "RotateKey": (_NO_NEW_ROTATION,),
    "SeeKeys": ({"StringEquals": {"aws:ResourceTag/environment", "aws:ResourceTag/managed-by"}},),
    "StartRotations": (_NO_NEW_ROTATION,),
    "TakenBy": (
        {"StringEquals": {"aws:SourceAccount"}},
        {"StringEquals": {*_OF_A_POD, "aws:RequestTag/kubernetes-service-account"}},
    ),
    "UseThroughSecretsManager": ({"StringEquals": {"kms:CallerAccount", "kms:ViaService"}},),
    "WriteByWritersAlone": (_UNLESS_NAMED,),
    "WriteTrail": ({"StringEquals": {"aws:SourceArn", "s3:x-amz-acl"}},),
}


def shown(statement: Mapping[str, Any]) -> _Condition:
    return {operator: set(keys) for operator, keys in statement["Condition"].items()}


@pytest.mark.parametrize("stack", STACKS)
def test_each_statement_has_its_operators_and_no_other(stack: str) -> None:
    conditional = [statement for statement in statements(stack) if "Condition" in statement]
    assert conditional
    for statement in conditional:
        assert shown(statement) in CONDITIONS[statement["Sid"]], statement["Sid"]


def test_every_row_is_of_a_statement_that_ships() -> None:
    found = {statement["Sid"] for stack in STACKS for statement in statements(stack) if "Condition" in statement}
    assert found == CONDITIONS.keys()
