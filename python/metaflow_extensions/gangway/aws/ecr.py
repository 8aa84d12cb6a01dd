"""Look for an image in Amazon's registry (ECR): what the R function ``ecr_image()`` asks.

usage: python -m metaflow_extensions.gangway.aws.ecr REPOSITORY TAG [--account ID] [--region NAME]

Prints one line of JSON: what the image's full name is made of, or ``problem`` (a word that the R
function puts into a sentence) and ``said`` (AWS's own words). Only boto3 is imported, not Metaflow,
which takes a second.
"""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

# What AWS calls it, and what went wrong.
PROBLEMS = {
    "ImageNotFoundException": "no_tag",
    "RepositoryNotFoundException": "no_repository",
    "AccessDeniedException": "denied",
    "AccessDenied": "denied",
    "ExpiredTokenException": "credentials",
    "ExpiredToken": "credentials",
    "InvalidClientTokenId": "credentials",
    "UnrecognizedClientException": "credentials",
}


def find_image(
    repository: str, tag: str, account: str | None = None, region: str | None = None
) -> dict[str, Any]:
    """Find the image of a repository that has a tag.

    Parameters
    ----------
    repository : str
        Name of the repository, without the registry's address.
    tag : str
        The tag, usually a git commit.
    account : str, optional
        The registry's AWS account, by default the caller's, as STS tells it.
    region : str, optional
        The registry's region, by default that of the environment or of the AWS profile.

    Returns
    -------
    dict
        ``registry``, ``digest``, ``account`` and ``region``; or ``problem`` and ``said``.
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        return {"problem": "no_boto3", "said": str(error)}
    where: dict[str, Any] = {"account": account, "region": region}
    try:
        # The AWS CLI reads both variables, boto3 only AWS_DEFAULT_REGION.
        session = boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None)
        if not session.region_name:
            return {**where, "problem": "no_region", "said": "no region is set"}
        where["region"] = session.region_name
        where["account"] = account or session.client("sts").get_caller_identity()["Account"]
        found = session.client("ecr").describe_images(
            registryId=where["account"], repositoryName=repository, imageIds=[{"imageTag": tag}]
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return {**where, "problem": PROBLEMS.get(code, "other"), "said": str(error)}
    except BotoCoreError as error:
        kind = "credentials" if "Credentials" in type(error).__name__ else "other"
        return {**where, "problem": kind, "said": str(error)}
    registry = f"{where['account']}.dkr.ecr.{where['region']}.{_domain(session)}"
    return {**where, "registry": registry, "digest": found["imageDetails"][0]["imageDigest"]}


def _domain(session: Any) -> str:
    """Return the domain of AWS's services there: China and the isolated regions have their own."""
    resolver = session._session.get_component("endpoint_resolver")
    partition = session.get_partition_for_region(session.region_name)
    return str(resolver.get_partition_dns_suffix(partition))


def main() -> None:
    """Answer for the command line."""
    parser = argparse.ArgumentParser(prog="ecr")
    parser.add_argument("repository")
    parser.add_argument("tag")
    parser.add_argument("--account")
    parser.add_argument("--region")
    print(json.dumps(find_image(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
