"""The operations that the sandbox admits and checks, and then refuses: an answer would not be true."""

from collections.abc import Iterable, Mapping
from typing import Final

_REASONS: Final[Mapping[str, Iterable[str]]] = {
    "it sends nothing to anybody": (
        "create_conversation_message",
        "create_template_preview_send_job",
        "refresh_campaign_recipient_estimation",
        "schedule_campaign",
        "schedule_campaign_message",
        "send_campaign",
    ),
    "it renders nothing": ("assign_template_to_campaign_message", "render_template"),
    "it keeps no files": ("upload_image_from_file", "upload_image_from_url"),
    "it runs no flows": ("create_flow", "create_flow_action"),
    "it shows no forms": ("create_form", "publish_form", "unpublish_form"),
    "it computes no statistics": (
        "query_flow_series",
        "query_form_series",
        "query_metric_aggregates",
        "query_segment_series",
        "query_segment_values",
    ),
    "it registers no numbers with carriers": (
        "create_text_messaging_configuration",
        "create_text_messaging_sender",
        "create_text_messaging_sender_registration",
    ),
    "it ingests no custom objects": (
        "bulk_create_data_source_records",
        "bulk_delete_object_records",
        "create_data_source_record",
        "create_object_schema",
        "create_object_type",
    ),
}

REFUSED: Final[Mapping[str, str]] = {name: reason for reason, names in _REASONS.items() for name in names}
"""The refused operations, named as the SDK's methods, with the reason of each."""
