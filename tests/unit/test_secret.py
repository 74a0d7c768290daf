"""The secret of the webhook."""

from pathlib import Path

import pytest

from daemon.config.secret import read_secret


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"0123456789abcdef\n", b"0123456789abcdef"),
        (b"whsec_MDEyMzQ1Njc4OWFiY2RlZg==\n", b"0123456789abcdef"),
    ],
)
def test_a_secret_is_text_or_base64(tmp_path: Path, content: bytes, secret: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    assert read_secret(tmp_path / "secret") == secret


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 5000, b"whsec_no base64!", b"whsec_eA=="])
def test_what_is_none_is_refused_without_being_repeated(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(ValueError, match=f"^{tmp_path}/secret ") as caught:
        read_secret(tmp_path / "secret")
    assert not content or content.decode() not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing cannot be read: No such file"):
        read_secret(tmp_path / "nothing")
