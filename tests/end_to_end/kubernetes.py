"""What a cluster makes of manifests: the container's environment and the files mounted into it."""

from collections.abc import Callable, Mapping
from typing import Any

from ruamel.yaml import YAML

ReadSecret = Callable[[str], Mapping[str, str]]
Manifests = Mapping[str, Mapping[str, Any]]


def manifests(text: str) -> Manifests:
    """The manifests of a block, by their kind."""
    return {document["kind"]: document for document in YAML(typ="safe").load_all(text)}


def pod_of(documents: Manifests) -> Mapping[str, Any]:
    """The pod of the Deployment."""
    pod: Mapping[str, Any] = documents["Deployment"]["spec"]["template"]["spec"]
    return pod


def mounted(documents: Manifests, read: ReadSecret) -> dict[str, str]:
    """The files of the pod's one container by their path, filled by whichever operator the manifests name.

    Args:
        read: what AWS answers the operator: the JSON of a secret, by the secret's name.
    """
    pod = pod_of(documents)
    places = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0].get("volumeMounts", [])}
    files: dict[str, str] = {}
    for volume in pod.get("volumes", []):
        content = _synced(documents, volume, read) if "secret" in volume else _by_csi(documents, volume, read)
        files |= {f"{places[volume['name']]}/{name}": text for name, text in content.items()}
    return files


def _synced(documents: Manifests, volume: Mapping[str, Any], read: ReadSecret) -> dict[str, str]:
    """External Secrets: fields of secrets, in the Kubernetes secret that the volume names."""
    spec = documents["ExternalSecret"]["spec"]
    assert spec["target"]["name"] == volume["secret"]["secretName"]
    assert spec["secretStoreRef"]["name"] == documents["SecretStore"]["metadata"]["name"]
    return {
        entry["secretKey"]: read(entry["remoteRef"]["key"])[entry["remoteRef"]["property"]] for entry in spec["data"]
    }


def _by_csi(documents: Manifests, volume: Mapping[str, Any], read: ReadSecret) -> dict[str, str]:
    """The CSI driver's AWS provider: whole secrets, each under its alias."""
    provider = documents["SecretProviderClass"]
    assert volume["csi"]["volumeAttributes"]["secretProviderClass"] == provider["metadata"]["name"]
    objects = YAML(typ="safe").load(provider["spec"]["parameters"]["objects"])
    return {entry["objectAlias"]: read(entry["objectName"])["whole"] for entry in objects}
