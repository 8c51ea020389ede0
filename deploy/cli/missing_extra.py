"""Finds the extra of this distribution that provides a missing library."""

from importlib.util import find_spec

EXTRA_OF = {
    **dict.fromkeys(("torch", "diffusers", "transformers", "tokenizers", "accelerate", "safetensors"), "method"),
    **dict.fromkeys(("numpy", "matplotlib", "peft", "huggingface_hub", "filelock"), "method"),
    **dict.fromkeys(("cv2", "skimage", "scipy"), "masks"),
    **dict.fromkeys(("prefect", "pydantic_settings"), "flows"),
    "kornia": "train",
    "av": "video",
    "onnxruntime": "eyes",
    "spandrel": "upscalers",
    "bitsandbytes": "eightbit",
    **dict.fromkeys(
        ("argon2", "fastapi", "jinja2", "multipart", "prometheus_client", "starlette", "uvicorn"), "dashboard"
    ),
    **dict.fromkeys(("authlib", "httpx2", "joserfc"), "oidc"),
    "psycopg": "postgres",
    **dict.fromkeys(("c2pa", "cryptography"), "marks"),
    **dict.fromkeys(("boto3", "botocore"), "s3"),
}
"""Maps top-level modules to the extra that provides them."""


def missing_extra(error: BaseException) -> str | None:
    """Return a message that names the missing library and its extra; None for other errors."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    top = error.name.partition(".")[0]
    extra = EXTRA_OF.get(top)
    if extra is None:
        return None
    return f"{top} is not installed; pip install 'dreamtuner[{extra}]', or 'dreamtuner[all]'"


def demand(top: str) -> None:
    """Raise ModuleNotFoundError unless the library is installed; imports nothing."""
    if find_spec(top) is None:
        raise ModuleNotFoundError(f"No module named {top!r}", name=top)
