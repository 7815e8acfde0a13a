"""Who may take an IAM role: trust policies, as pure functions of plain values."""

from collections.abc import Sequence

from components.policies.statements import Document


def _taken(
    kind: str, principal: str | list[str], actions: Sequence[str], condition: Document | None = None
) -> Document:
    statement = {"Sid": "TakenBy", "Effect": "Allow", "Principal": {kind: principal}, "Action": list(actions)}
    return {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}


def trust_service(service: str, *, account_id: str) -> Document:
    """Trust policy of a role that an AWS service takes, for work in this account alone."""
    return _taken("Service", service, ["sts:AssumeRole"], {"StringEquals": {"aws:SourceAccount": account_id}})


def trust_service_of_any_account(service: str) -> Document:
    """Trust policy for services that name no source when they take a role: Lambda, EC2, CloudTrail."""
    return _taken("Service", service, ["sts:AssumeRole"])


def trust_pods(*, cluster_arn: str, namespace: str, service_account: str) -> Document:
    """Trust policy of a role that EKS Pod Identity takes for one service account of one cluster.

    EKS says for whom by session tags, which is why it may tag.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html and pod-id-abac.html
    """
    condition = {
        "StringEquals": {
            "aws:RequestTag/eks-cluster-arn": cluster_arn,
            "aws:RequestTag/kubernetes-namespace": namespace,
            "aws:RequestTag/kubernetes-service-account": service_account,
        }
    }
    return _taken("Service", "pods.eks.amazonaws.com", ["sts:AssumeRole", "sts:TagSession"], condition)


def trust_service_account(*, oidc_provider_arn: str, namespace: str, service_account: str) -> Document:
    """Trust policy of a role that one Kubernetes service account takes through the cluster's OIDC provider."""
    issuer = oidc_provider_arn.partition(":oidc-provider/")[2]
    condition = {
        "StringEquals": {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": f"system:serviceaccount:{namespace}:{service_account}",
        }
    }
    return _taken("Federated", oidc_provider_arn, ["sts:AssumeRoleWithWebIdentity"], condition)


def trust_principals(arns: Sequence[str]) -> Document:
    """Trust policy of a role that people take from roles of their own."""
    return _taken("AWS", sorted(arns), ["sts:AssumeRole"])
