"""``keys stage``: what is put where, and what is refused before anything is put."""

import json
import re

from cli_fakes import Command, FakeAws, fake_key

from klaviyo_access.keys.secret import Key

RESERVE = "klaviyo/dev/viewer/reserve"


def test_the_first_spare_follows_a_tombstone_that_takes_awscurrent(command: Command, aws: FakeAws) -> None:
    key = Key(fake_key(1))
    result = command("keys", "stage", "viewer", "--stack", "dev", stdin=key.reveal() + "\n")
    assert result.code == 0, result.err
    versions = list(aws.labels[RESERVE])
    assert [json.loads(aws.values[RESERVE][version]) for version in versions] == [
        {"tombstone": True},
        {"apiKey": key.reveal()},
    ]
    assert aws.labels[RESERVE][versions[0]] == ["AWSCURRENT"]
    [label] = aws.labels[RESERVE][versions[1]]
    assert re.fullmatch(rf"SPARE:\d{{8}}T\d{{6}}Z:{key.fingerprint}", label)
    assert "keys rotate viewer --stack dev" in result.err
    assert f"Staged {key.fingerprint} for viewer; spares waiting: 1." in result.out
