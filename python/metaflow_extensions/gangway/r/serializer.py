"""How Metaflow's datastore keeps R objects: R's own bytes, and a description after them."""

from __future__ import annotations

from typing import Any

from metaflow.datastore.artifacts import (
    ArtifactSerializer,
    SerializationFormat,
    SerializationMetadata,
    SerializedBlob,
)

from ..rds.trailer import ENCODING
from .robject import RObject
from .switch import Choice


class RSerializer(ArtifactSerializer):
    """Stores an `RObject` as its bytes.

    Source: Metaflow's ``ArtifactSerializer`` extension point (Metaflow >= 2.19.39).
    """

    TYPE = "r"  # type: ignore[assignment]
    PRIORITY = 50

    @classmethod
    def can_serialize(cls, obj: Any) -> bool:
        return isinstance(obj, (RObject, Choice))

    @classmethod
    def can_deserialize(cls, metadata: SerializationMetadata) -> bool:
        return bool(metadata.encoding == ENCODING)

    @classmethod
    def serialize(
        cls, obj: RObject | Choice, format: SerializationFormat = SerializationFormat.STORAGE
    ) -> tuple[list[SerializedBlob], SerializationMetadata]:
        if format != SerializationFormat.STORAGE:
            raise NotImplementedError("R objects have no wire format")
        obj = obj.value if isinstance(obj, Choice) else obj
        metadata = SerializationMetadata(
            obj_type="R " + "/".join(obj.info["class"]),
            size=len(obj.data),
            encoding=ENCODING,
            serializer_info={},
        )
        return [SerializedBlob(obj.data)], metadata

    @classmethod
    def deserialize(
        cls,
        data: list[bytes] | str,
        metadata: SerializationMetadata | None = None,
        format: SerializationFormat = SerializationFormat.STORAGE,
    ) -> RObject:
        if format != SerializationFormat.STORAGE or metadata is None:
            raise NotImplementedError("R objects have no wire format")
        value = RObject(data[0])  # type: ignore[arg-type]
        value.info  # noqa: B018  a damaged one is refused here, where Metaflow knows its name
        return value
