"""The profile decorator, where Metaflow looks for it."""

from metaflow_extensions.gangway.gang_profile.decorator import GangProfileDecorator

__all__ = ["GangProfileDecorator"]
