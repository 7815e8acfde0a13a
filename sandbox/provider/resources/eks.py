"""EKS Pod Identity: which role a Kubernetes service account has."""

from sandbox.provider.beginnings import Beginning
from sandbox.provider.table import Aws, Change, Place, ResourceType, chosen, names
from sandbox.provider.wire import Properties

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class PodIdentityAssociation(ResourceType):
    aws_type = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
    updatable = names("roleArn")
    replacing = names("clusterName namespace serviceAccount")
    required = names("clusterName namespace roleArn serviceAccount")
    computed = names("associationArn associationId")
    taggable = True

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        association = f"a-{place.letters(LETTERS, 17)}"
        arn = place.arn("eks", f"podidentityassociation/{inputs['clusterName']}/{association}")
        return association, {"associationArn": arn, "associationId": association}

    def create(self, aws: Aws, inputs: Properties) -> str:
        wanted = ("clusterName", "namespace", "roleArn", "serviceAccount")
        answer = aws.client("eks").create_pod_identity_association(**chosen(inputs, wanted), tags=inputs["tagsAll"])
        return str(answer["association"]["associationId"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        cluster, association = _split(resource_id, inputs)
        answer = aws.client("eks").describe_pod_identity_association(clusterName=cluster, associationId=association)
        found = answer["association"]
        wanted = ("associationArn", "associationId", "clusterName", "namespace", "roleArn", "serviceAccount")
        return {**chosen(found, wanted), "tagsAll": found.get("tags", {})}

    def find(self, aws: Aws, begun: Beginning) -> str | None:
        where = chosen(begun.inputs, ("clusterName", "namespace", "serviceAccount"))
        associations = aws.client("eks").list_pod_identity_associations(**where)["associations"]
        return str(associations[0]["associationId"]) if associations else None

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        aws.client("eks").update_pod_identity_association(
            clusterName=change.new["clusterName"],
            associationId=resource_id,
            **chosen(change.new, sorted(self.updatable)),
        )

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client("eks").delete_pod_identity_association(clusterName=inputs["clusterName"], associationId=resource_id)

    def retag(self, aws: Aws, resource_id: str, change: Change) -> None:
        arn = aws.place.arn("eks", f"podidentityassociation/{change.new['clusterName']}/{resource_id}")
        if put := change.tags_put:
            aws.client("eks").tag_resource(resourceArn=arn, tags=put)
        if remove := change.tags_removed:
            aws.client("eks").untag_resource(resourceArn=arn, tagKeys=remove)


def _split(resource_id: str, inputs: Properties) -> tuple[str, str]:
    """Cluster and association: an import names both, as ``cluster,association``."""
    cluster, comma, association = resource_id.rpartition(",")
    return (cluster, association) if comma else (inputs["clusterName"], association)
