"""SNS topics, who may publish to them, and who listens."""
# ruff: noqa: ARG002 -- every entry has the same methods, whether or not it needs all that they are given

import json
from collections.abc import Mapping

from sandbox.provider.beginnings import Beginning
from sandbox.provider.table import (
    AutoName,
    Aws,
    Change,
    Place,
    ResourceType,
    camel,
    chosen,
    names,
    pascal,
    tag_list,
    tag_map,
    values,
)
from sandbox.provider.wire import Properties


class Topic(ResourceType):
    aws_type = "aws:sns/topic:Topic"
    updatable = names("displayName kmsMasterKeyId policy")
    replacing = names("name")
    computed = names("arn owner policy")
    documents = names("policy")
    auto_name = AutoName(longest=256)
    taggable = True

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        arn = place.arn("sns", inputs["name"])
        return arn, {"arn": arn, "owner": place.account}

    def create(self, aws: Aws, inputs: Properties) -> str:
        attributes = pascal(chosen(inputs, sorted(self.updatable)))
        answer = aws.client("sns").create_topic(
            Name=inputs["name"], Attributes=_texts(attributes), Tags=tag_list(inputs["tagsAll"])
        )
        return str(answer["TopicArn"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        sns = aws.client("sns")
        found = sns.get_topic_attributes(TopicArn=resource_id)["Attributes"]
        given = camel({name: value for name, value in found.items() if value})
        return {
            **chosen(given, sorted(self.updatable)),
            "arn": found["TopicArn"],
            "name": resource_id.rpartition(":")[2],
            "owner": found["Owner"],
            "tagsAll": tag_map(sns.list_tags_for_resource(ResourceArn=resource_id)["Tags"]),
        }

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        for name in sorted(change.names & self.updatable):
            aws.client("sns").set_topic_attributes(
                TopicArn=resource_id,
                AttributeName=name[0].upper() + name[1:],
                AttributeValue=str(change.new.get(name, "")),
            )

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client("sns").delete_topic(TopicArn=resource_id)

    def retag(self, aws: Aws, resource_id: str, change: Change) -> None:
        if put := change.tags_put:
            aws.client("sns").tag_resource(ResourceArn=resource_id, Tags=tag_list(put))
        if remove := change.tags_removed:
            aws.client("sns").untag_resource(ResourceArn=resource_id, TagKeys=remove)


class TopicPolicy(ResourceType):
    aws_type = "aws:sns/topicPolicy:TopicPolicy"
    updatable = names("policy")
    replacing = names("arn")
    required = names("arn policy")
    computed = names("owner")
    documents = names("policy")

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        return inputs["arn"], {"owner": place.account}

    def create(self, aws: Aws, inputs: Properties) -> str:
        self._put(aws, inputs["arn"], inputs["policy"])
        return str(inputs["arn"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        found = aws.client("sns").get_topic_attributes(TopicArn=resource_id)["Attributes"]
        return {"arn": resource_id, "owner": found["Owner"], "policy": found["Policy"]}

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        self._put(aws, resource_id, change.new["policy"])

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        """Back to the policy that a topic is made with: its owner alone."""
        owner = resource_id.split(":")[4]
        statement = {
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:Publish", "SNS:Subscribe"],
            "Resource": resource_id,
            "Condition": {"StringEquals": {"AWS:SourceOwner": owner}},
        }
        self._put(aws, resource_id, json.dumps({"Version": "2008-10-17", "Statement": [statement]}))

    def _put(self, aws: Aws, arn: str, policy: str) -> None:
        aws.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)


class TopicSubscription(ResourceType):
    aws_type = "aws:sns/topicSubscription:TopicSubscription"
    updatable = names("rawMessageDelivery")
    replacing = names("endpoint protocol topic")
    required = names("endpoint protocol topic")
    computed = names("arn confirmationWasAuthenticated ownerId pendingConfirmation")
    defaults = values(rawMessageDelivery=False)

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        arn = f"{inputs['topic']}:{place.uuid()}"
        pending = inputs["protocol"] in {"email", "email-json", "http", "https"}
        outputs = {"arn": arn, "ownerId": place.account, "pendingConfirmation": pending}
        return arn, {**outputs, "confirmationWasAuthenticated": not pending}

    def create(self, aws: Aws, inputs: Properties) -> str:
        answer = aws.client("sns").subscribe(
            TopicArn=inputs["topic"],
            Protocol=inputs["protocol"],
            Endpoint=inputs["endpoint"],
            Attributes=_texts(pascal(chosen(inputs, sorted(self.updatable)))),
            ReturnSubscriptionArn=True,
        )
        return str(answer["SubscriptionArn"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        found = aws.client("sns").get_subscription_attributes(SubscriptionArn=resource_id)["Attributes"]
        return {
            "arn": found["SubscriptionArn"],
            "topic": found["TopicArn"],
            "protocol": found["Protocol"],
            "endpoint": found["Endpoint"],
            "ownerId": found["Owner"],
            "pendingConfirmation": found.get("PendingConfirmation") == "true",
            "confirmationWasAuthenticated": found.get("ConfirmationWasAuthenticated") == "true",
            "rawMessageDelivery": found.get("RawMessageDelivery") == "true",
        }

    def find(self, aws: Aws, begun: Beginning) -> str | None:
        topic = begun.inputs["topic"]
        pages = aws.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        wanted = (begun.inputs["protocol"], begun.inputs["endpoint"])
        arns = [
            subscription["SubscriptionArn"]
            for page in pages
            for subscription in page["Subscriptions"]
            if (subscription["Protocol"], subscription["Endpoint"]) == wanted
        ]
        return arns[0] if arns else None

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        attributes = _texts(pascal({name: change.new.get(name, "") for name in sorted(change.names & self.updatable)}))
        for name, value in attributes.items():
            aws.client("sns").set_subscription_attributes(
                SubscriptionArn=resource_id, AttributeName=name, AttributeValue=value
            )

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client("sns").unsubscribe(SubscriptionArn=resource_id)


def _texts(attributes: Mapping[str, object]) -> dict[str, str]:
    """Attributes as SNS takes them: every value a string."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in attributes.items()}
