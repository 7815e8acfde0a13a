"""Room for one more label on a key secret, where AWS's 20 are taken."""

from klaviyo_access.keys.labels import Retired, Version
from rotation.errors import LabelsFullError
from rotation.keys.role_keys import RoleKeys


def make_room(keys: RoleKeys, version: Version) -> None:
    """See that a label is free for ``version``: if none is, one RETIRED gives way, its own or else the youngest.

    Healing gives it again once there is room. Its grace starts anew then, so that a key only lives longer by it.

    Raises:
        LabelsFullError: no label is free, and none is a RETIRED.
        StoreError: a call to Secrets Manager failed.
    """
    labels = keys.key.labels()
    if labels.free:
        return
    retired = [(holder, label) for holder in labels for label in holder.ours if isinstance(label, Retired)]
    if not retired:
        raise LabelsFullError("key", free=0, needed=1)
    holder, label = max(retired, key=lambda pair: (pair[0].id == version.id, pair[1].time))
    keys.key.remove(label, holder.id)
