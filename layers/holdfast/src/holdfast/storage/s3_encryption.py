"""The encryption that a put names, in the words of HTTP and of botocore."""

from collections.abc import Mapping

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html. An UploadPart of such an upload names nothing.
_PARAMETERS = {
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
}


def encryption_parameters(headers: Mapping[str, str]) -> dict[str, str]:
    """For put_object and create_multipart_upload."""
    return {_PARAMETERS[name]: value for name, value in headers.items()}
