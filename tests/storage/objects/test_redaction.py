"""What is secret in a URL is shown nowhere; the rest is, so that one sees which it is."""

import pytest

from storage.redaction import contains_secret, redact_text, redact_url, redact_values

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://ann:{SECRET}@db.example:5432/cat", "postgresql://ann:***@db.example:5432/cat"),
        (f"postgresql+psycopg://ann:{SECRET}@h/c?sslmode=require", "postgresql+psycopg://ann:***@h/c?sslmode=require"),
        (f"postgresql://h/c?user=ann&password={SECRET}", "postgresql://h/c?user=ann&password=***"),
        (f"postgresql://ann:{SECRET}/?#@h/c", "postgresql://ann:***@h/c"),
        (f"postgresql://ann:x@{SECRET}@h/c", "postgresql://ann:***@h/c"),
        (f"http://ann:{SECRET}@proxy.example:3128", "http://***@proxy.example:3128"),
        (f"http://ann:{SECRET}/x@proxy.example:3128", "http://***@proxy.example:3128"),
        (f"https://{SECRET}@host.example/a.png", "https://***@host.example/a.png"),
        (f"https://b.s3.example/a.png?X-Amz-Signature={SECRET}&X-Amz-Date=1", "https://b.s3.example/a.png?***"),
        (f"https://host.example/a.png#token={SECRET}", "https://host.example/a.png"),
        (f"s3://key:{SECRET}@bucket/a", "s3://***@bucket/a"),
        (f"s3://bucket/a?versionId=3&secret={SECRET}", "s3://bucket/a?versionId=3&secret=***"),
    ],
)
def test_secrets_are_hidden(url: str, shown: str) -> None:
    assert redact_url(url) == shown
    assert contains_secret(url)
    assert redact_url(shown) == shown
    assert SECRET not in redact_text(f"it failed at '{url}': why?")


@pytest.mark.parametrize(
    "text",
    [
        *("pip.png", "/home/ann@work/pip.png", "https://host.example/a@2x.png", "sqlite:////data/catalog.db"),
        *("s3://bucket/a?b#c", "postgresql://ann@db/cat", "http://[::1]:8000/a", "a bear at http://x?y", ""),
    ],
)
def test_what_holds_no_secret_is_shown_as_it_is(text: str) -> None:
    assert redact_url(text) == text
    assert not contains_secret({"a": [text]})


def test_json_is_shown_at_every_depth() -> None:
    spec = {"subjects": [{"reference": f"https://h/a?sig={SECRET}", "seed": 1}], "poses": (None,)}
    assert redact_values(spec) == {"subjects": [{"reference": "https://h/a?***", "seed": 1}], "poses": [None]}
    assert contains_secret(spec)


def test_secrets_of_the_environment_are_hidden_where_they_stand_alone() -> None:
    environ = {
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "HTTPS_PROXY": "http://ann:p%40ssword@proxy.example",
        "DREAMTUNER_CATALOG_URL": "postgresql://ann:another-one@db/c",
        "MY_TOKEN": "x",
        "PASSWORD_FILE": "/run/secrets/password",
    }
    text = f"key {SECRET}, p@ssword, p%40ssword, another-one, x, /run/secrets/password"
    assert redact_text(text, environ) == "key ***, ***, ***, ***, x, /run/secrets/password"
